"""Fake results in run folders, for tests of whatever reads stored runs."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from PIL.Image import Image

from bench.runs import format_1, results
from bench.runs.folder import RunFolder
from bench.runs.format import FORMAT

EVAL_ID = "e0"
TRAIN = {"batch_size": 32, "i2t_noise": 0, "t2i_fraction": 0.6667}
COST = {"trainable_params": 7, "total_params": 9, "train_flops": 1e9, "train_seconds": 3.5, "peak_memory_mb": 400.0}
TOKENS = 20  # of a pair


def score(value: float, direction: str = "higher", n: int = 64, unit: str = "u", **more: Any) -> dict[str, Any]:
    """A metric of a result; `more`: its weights, chance, ceiling, note, value before training, and declarations."""
    levels = dict.fromkeys(("weights", "chance", "ceiling", "note", "before"))
    return {"value": value, "n": n, "direction": direction, "unit": unit} | levels | more


def land(
    path: Path,
    architecture: str,
    seed: int,
    step: int,
    metrics: dict[str, Any],
    *,
    train: Mapping[str, Any] | None = None,
    cost: Mapping[str, Any] | None = None,
    code: str = "c0de",
    items: Mapping[str, Sequence[float]] | None = None,
    images: Mapping[str, Iterable[Image]] | None = None,
    prompts: Sequence[str] = (),
    captions: Sequence[str] = (),
    references: Sequence[str] = ("a red star",),
    tasks: Mapping[str, Mapping[str, Any]] | None = None,
    **more: Any,
) -> dict[str, Any]:
    """Publish a result of the model after `step` steps in the run folder `path`. Returns its point of sweep.json.

    `train` and `cost`: settings and costs other than the usual; `items`: values by metric, one an item; `images`:
    by folder, `samples` or `real`; `tasks`: others than text-to-image and image-to-text, by name: each has the images
    and prompts, or the captions; `more`: other entries of the result.
    """
    run = RunFolder(path)
    if not (path / "run.json").exists():
        run.create("seed: 0\n", {"architecture": architecture}, {"code": code})
    settings = TRAIN | {"steps": step} | dict(train or {})
    old = {"i2t_noise": settings["i2t_noise"], "t2i_fraction": settings["t2i_fraction"], "metrics": {},
           "n_images": more.get("n_images", 64), "n_captions": more.get("n_captions", 64)}  # fmt: skip
    usual = format_1.upgraded(old)
    said = usual["tasks"] | dict(tasks or {})
    shares = {name: usual["axes"].get(f"{name}_fraction", {"value": 0})["value"] for name in said}
    pairs = {name: step * settings["batch_size"] * share for name, share in shares.items()}
    result = {
        "run_id": run.run_id, "eval_id": EVAL_ID, "step": step, "architecture": architecture, "seed": seed,
        "n_images": 64, "n_captions": 64, "tasks": said, "axes": usual["axes"],
        "seen": {f"{name}_{what}": count * times for what, times in (("pairs", 1), ("tokens", TOKENS))
                 for name, count in pairs.items()},
        "metrics": {name: _declared(name) | score for name, score in metrics.items()},
        "train_identity": {"train": settings, "model": {"architecture": architecture}},
        "cost": COST | dict(cost or {}),
    }  # fmt: skip
    with run.attempt() as attempt:
        for name, task in said.items():
            (attempt / name).mkdir()
            if task["output"] == "image":
                _write_images(attempt / name, images or {}, prompts)
            elif captions:
                right = list(references)
                lines = [{"id": f"test-{i}", "caption": text, "references": right} for i, text in enumerate(captions)]
                _write_lines(attempt / name / "captions.jsonl", lines)
        if items:
            (attempt / "per_item.json").write_text(
                json.dumps({name: list(some) for name, some in items.items()}), encoding="utf-8"
            )
        run.publish_result(EVAL_ID, step, attempt, result | more)
    return point(run.run_id, architecture, seed, step, settings["i2t_noise"])


def _declared(name: str) -> dict[str, Any]:
    """Declarations of a metric that is known, and of any other as little as can be said."""
    plain = {"title": name.replace("_", " "), "task": None, "meaning": "", "headline": False, "table": False}
    return dict(format_1.METRICS.get(name, plain))


def _write_images(folder: Path, images: Mapping[str, Iterable[Image]], prompts: Sequence[str]) -> None:
    for kind, some in images.items():
        (folder / kind).mkdir()
        for index, image in enumerate(some):
            image.save(folder / kind / f"{index:05d}.png")
    if prompts:
        asked = [{"id": f"test-{i}", "sample": f"{i:05d}.png", "prompt": text} for i, text in enumerate(prompts)]
        _write_lines(folder / "prompts.jsonl", asked)


def reseal(folder: Path, **changes: Any) -> None:
    """Publish a result again with these entries, and checksums of the files beside it as they are now."""
    file = folder / results.NAME
    content = json.loads(file.read_text(encoding="utf-8")) | changes
    file.unlink()
    results.write(folder, {name: value for name, value in content.items() if name not in ("files", "seal")})


def point(run_id: str, architecture: str, seed: int, step: int, noise: float) -> dict[str, Any]:
    """The entry of a run in sweep.json, whether there is a result or not."""
    overrides = [f"seed={seed}", f"model.architecture={architecture}", f"train.i2t_noise={noise}"]
    return {"run_id": run_id, "eval_id": EVAL_ID, "step": step, "overrides": overrides}


def ask(folder: Path, points: list[dict[str, Any]], x: str, y: Sequence[str] = (), **more: Any) -> Path:
    """Write the sweep.json of a results folder, two levels below that of `runs/`; `more`: other entries. Returns it."""
    folder.mkdir(parents=True, exist_ok=True)
    content = {
        "schema": FORMAT, "name": folder.name, "preset": "smoke", "question": "?", "source": "",
        "plot": {"x": x, "y": list(y)}, "runs_root": "../../runs", "points": points,
    }  # fmt: skip
    (folder / "sweep.json").write_text(json.dumps(content | more), encoding="utf-8")
    return folder


def _write_lines(path: Path, rows: Sequence[Mapping[str, Any]]) -> None:
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
