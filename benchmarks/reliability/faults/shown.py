"""Tiny runs with a planted fault and without, compared on the way from data to scores.

Each run has a process of its own, forked from this one, so that nothing planted stays.
"""

from __future__ import annotations

import json
import multiprocessing
from contextlib import redirect_stdout
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from bench.config.load import load
from bench.config.schema import Config
from benchmarks.reliability.faults import SCORING, TRAINING, Fault

STAGES = ("data", "rates", "losses", "weights", "samples", "scores")
SETTINGS = [
    "seed=1", "data.train_size=64", "data.test_size=32", "train.steps=8", "train.batch_size=12", "train.lr=6e-3",
    "train.warmup_steps=3", "train.i2t_noise=0.25", "train.precision=float32", "eval.num_images=8",
    "eval.num_captions=12", "eval.guidance_scale=6", "eval.sampler_steps=3", "eval.max_caption_tokens=24",
    "runtime.checkpoint_every=8", "runtime.progress=false", "runtime.matmul_backend=blas",
]  # fmt: skip
HARMLESS = "runtime.matmul_backend=onednn"  # changes rounding alone
SMALLEST, TIMES = 1e-4, 3  # a change counts that is larger, and so many times the harmless one
QUESTIONS = 32  # of the exam, and texts of perplexity


class Move(NamedTuple):
    """The largest relative change in a stage, and the quantity that has it."""

    change: float
    quantity: str


@dataclass(frozen=True)
class Observed:
    """Ids of a run, and its numbers by stage and name."""

    run_id: str
    eval_id: str
    numbers: dict[str, dict[str, np.ndarray]]


def observed(place: Path, architecture: str, fault: Fault | None = None, *settings: str) -> Observed:
    """Do a tiny run in a new folder of ``place``, with a fault planted in it or with settings changed."""
    folder = place / f"{len([*place.iterdir()])}"
    asked = [f"model.architecture={architecture}", f"runtime.runs={folder}", f"runtime.cache={place / 'cache'}"]
    config = load("smoke", [*SETTINGS, *asked, *settings])
    _prepared(config)
    folder.mkdir()
    process = multiprocessing.get_context("fork").Process(target=_observe, args=(folder, config, fault))
    process.start()
    process.join()
    if process.exitcode:
        raise RuntimeError(f"a run with {'a fault' if fault else 'nothing'} planted ended with {process.exitcode}")
    ids = json.loads((folder / "ids.json").read_text(encoding="utf-8"))
    numbers: dict[str, dict[str, np.ndarray]] = {stage: {} for stage in STAGES}
    for name, value in np.load(folder / "numbers.npz").items():
        stage, _, quantity = name.partition(":")
        numbers[stage][quantity] = value
    return Observed(**ids, numbers=numbers)


def moved(normal: Observed, faulty: Observed) -> dict[str, Move]:
    """The largest change of every stage that moved at all."""
    found = {}
    for stage in STAGES:
        before, after = normal.numbers[stage], faulty.numbers[stage]
        moves = [Move(_change(before.get(name), after.get(name)), name) for name in before.keys() | after.keys()]
        if (most := max(moves, default=Move(0.0, ""))).change > 0:
            found[stage] = most
    return found


def architecture_of(fault: Fault) -> str:
    """The architecture that shows a fault."""
    return fault.shows if fault.touches in (TRAINING, SCORING) else fault.touches


def _prepared(config: Config) -> None:
    """Load in this process, for all runs, what takes long to load: modules, networks and data, but no score."""
    from bench.data.assets import assets_of
    from bench.evaluation.scorers import feature_net, image_text_model
    from bench.experiment import execute  # noqa: F401

    assets = assets_of(config)
    for split in ("train", "test"):
        assets.encoded(split)
    assets.exam, assets.texts = assets.exam[:QUESTIONS], assets.texts[:QUESTIONS]
    feature_net(assets, config), image_text_model(assets, config)


def _observe(folder: Path, config: Config, fault: Fault | None) -> None:
    from bench.experiment import execute
    from bench.training import loop

    loop.LOG_EVERY = 1
    if fault:
        fault.plant()
    with open(folder / "said", "w", encoding="utf-8") as said, redirect_stdout(said):
        start = execute.prepare(config)
        numbers = _data(start.mixture)
        begin = {name: value.detach().clone() for name, value in start.module.average.trained.items()}
        result = execute.run(config)
    numbers |= _training(start.folder, config.train.steps, begin) | _evaluation(start.folder, result)
    np.savez(folder / "numbers.npz", **numbers)  # type: ignore[arg-type]
    ids = {name: result[name] for name in ("run_id", "eval_id")}
    (folder / "ids.json").write_text(json.dumps(ids), encoding="utf-8")


def _data(mixture: Any) -> dict[str, np.ndarray]:
    """Every tensor of every step's batches."""
    return {
        f"data:{field} of {batch.task} at step {step + 1}": value.numpy()
        for step in range(len(mixture))
        for batch in mixture[step].batches
        for segment in batch.segments
        for field, value in segment._asdict().items()
        if hasattr(value, "numpy")
    }


def _training(folder: Any, steps: int, begin: dict[str, Any]) -> dict[str, np.ndarray]:
    """Rates and losses of every step, and how far each parameter has moved from where it began."""
    import torch

    rows = [json.loads(line) for line in (folder.path / "metrics.jsonl").read_text(encoding="utf-8").splitlines()]
    state = torch.load(folder.checkpoint(steps), weights_only=True)
    trained = {name.removeprefix("model."): value for name, value in state["state_dict"].items()}
    numbers = {"rates:learning rate": np.array([row["lr"] for row in rows])}
    numbers |= {f"losses:{name}": np.array([row[name] for row in rows]) for name in ("loss_text", "loss_image")}
    for kind, values in (("", trained), ("average of ", state["average"]["average"])):
        numbers |= {f"weights:{kind}{name}": (value - begin[name]).numpy() for name, value in values.items()}
    return numbers | {"weights:trained parameters": np.array(sum(value.numel() for value in trained.values()))}


def _evaluation(folder: Any, result: dict[str, Any]) -> dict[str, np.ndarray]:
    """Samples and scores."""
    from PIL import Image

    (place,) = folder.path.glob("evals/*/*")
    images = [np.array(Image.open(path), float) for path in sorted((place / "t2i" / "samples").iterdir())]
    captions = (place / "i2t" / "captions.jsonl").read_text(encoding="utf-8").splitlines()
    numbers = {"samples:images": np.stack(images)}
    numbers["samples:captions"] = np.array([json.loads(line)["caption"] for line in captions])
    for name, score in result["metrics"].items():
        numbers |= {f"scores:{name}": np.array(score["value"])}
    return numbers


def _change(before: np.ndarray | None, after: np.ndarray | None) -> float:
    """Relative change of numbers in the Euclidean norm, 1 where their shapes differ; of words, the share changed."""
    if before is None or after is None or before.shape != after.shape:
        return 1.0
    if before.dtype.kind == "U":
        return float((before != after).mean())
    distance, size = (float(np.linalg.norm(each.astype(float).ravel())) for each in (after - before, before))
    return distance / size if size else float(distance > 0)


def shown(moves: dict[str, Move], harmless: dict[str, Move]) -> list[str]:
    """Stages whose change is more than rounding, by 1e-4 and by what a harmless change of the same run moves there."""
    null = {stage: move.change for stage, move in harmless.items()}
    return [stage for stage, move in moves.items() if move.change > max(SMALLEST, TIMES * null.get(stage, 0.0))]
