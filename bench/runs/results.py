"""Results as they lie on the disk, sealed as they land: a number changed by hand is never taken for a measured one.

The seal guards against accidents and edits, not against someone who makes a new one. No torch.
"""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

NAME = "result.json"
IMAGES = ".png"


def place(run: Path, eval_id: str, step: int) -> Path:
    """Where in a run's folder the evaluation ``eval_id`` of the model after ``step`` steps lands."""
    return run / "evals" / eval_id / f"step-{step}"


def write(folder: Path, result: dict[str, Any]) -> None:
    """Write result.json: the result, the SHA-256 of every other file in `folder`, and the seal of it all."""
    files = {path.relative_to(folder).as_posix(): _digest(path) for path in sorted(folder.rglob("*")) if path.is_file()}
    sealed = result | {"files": files}
    (folder / NAME).write_text(json.dumps(sealed | {"seal": _seal(sealed)}, indent=1), encoding="utf-8")


def change(folder: Path, result: dict[str, Any]) -> str:
    """What was changed in `folder` since `result`, read from its result.json, landed; "" if nothing was.

    Images are left out: `image_is_whole` tells of one.
    """
    if "seal" not in result:
        return f"{NAME} has no seal: an earlier version wrote it, or a hand"
    if result["seal"] != _seal({key: value for key, value in result.items() if key != "seal"}):
        return f"{NAME} was changed after it landed"
    for name, digest in result["files"].items():
        if not name.endswith(IMAGES) and _digest(folder / name) != digest:
            return f"{name} was changed after it landed"
    return ""


def image_is_whole(folder: Path, image: Path, result: dict[str, Any]) -> bool:
    """Whether an image below `folder` is the one that landed there with `result`."""
    return bool(_digest(image) == result["files"].get(image.relative_to(folder).as_posix()))


def _digest(path: Path) -> str:
    """SHA-256 of a file, "" if there is none."""
    try:
        return hashlib.sha256(path.read_bytes()).hexdigest()
    except FileNotFoundError:
        return ""


def _seal(content: dict[str, Any]) -> str:
    return hashlib.sha256(json.dumps(content, sort_keys=True, separators=(",", ":")).encode()).hexdigest()
