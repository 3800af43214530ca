"""Results on disk, with checksums: a number changed by hand is never taken for a measured one.

Checksums guard against accidents and edits, not against someone who computes new ones. No torch.
"""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

NAME = "result.json"
IMAGES = ".png"


def place(run: Path, eval_id: str, step: int) -> Path:
    """Folder of the evaluation ``eval_id`` of the model after ``step`` steps, in a run's folder."""
    return run / "evals" / eval_id / f"step-{step}"


def write(folder: Path, result: dict[str, Any]) -> None:
    """Write result.json: the result, the SHA-256 of every other file in `folder`, and one of it all (key "seal")."""
    files = {path.relative_to(folder).as_posix(): _digest(path) for path in sorted(folder.rglob("*")) if path.is_file()}
    listed = result | {"files": files}
    (folder / NAME).write_text(json.dumps(listed | {"seal": _checksum(listed)}, indent=1), encoding="utf-8")


def change(folder: Path, result: dict[str, Any]) -> str:
    """A message if a file in `folder` was changed since `result`, read from its result.json, was published; else "".

    Images are left out: see `image_is_unchanged`.
    """
    if "seal" not in result:
        return f"{NAME} has no checksum: an earlier version wrote it, or a hand"
    if result["seal"] != _checksum({key: value for key, value in result.items() if key != "seal"}):
        return f"{NAME} was changed after it was published"
    for name, digest in result["files"].items():
        if not name.endswith(IMAGES) and _digest(folder / name) != digest:
            return f"{name} was changed after it was published"
    return ""


def image_is_unchanged(folder: Path, image: Path, result: dict[str, Any]) -> bool:
    """Whether an image below `folder` is the one that was published there with `result`."""
    return bool(_digest(image) == result["files"].get(image.relative_to(folder).as_posix()))


def _digest(path: Path) -> str:
    """SHA-256 of a file, "" if there is none."""
    try:
        return hashlib.sha256(path.read_bytes()).hexdigest()
    except FileNotFoundError:
        return ""


def _checksum(content: dict[str, Any]) -> str:
    return hashlib.sha256(json.dumps(content, sort_keys=True, separators=(",", ":")).encode()).hexdigest()
