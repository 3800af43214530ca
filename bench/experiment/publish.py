"""The result of an evaluation, as reports read it: numbers, their declarations, and what they were measured on."""

from __future__ import annotations

from dataclasses import asdict, fields
from typing import Any

from bench.config.schema import Config, TrainConfig
from bench.evaluation import evaluate
from bench.evaluation.selftest.verdict import measure_id
from bench.runs.folder import RunFolder
from bench.runs.identity import eval_id, eval_identity, train_identity
from bench.system.plugins import plugins
from bench.tasks.base import IMAGE, TEXT, tasks_of

NOUNS = {IMAGE: "images", TEXT: "captions"}


def publish(
    config: Config, folder: RunFolder, step: int, evaluated: evaluate.Evaluated, facts: dict[str, Any]
) -> None:
    """Write an evaluation and its samples into the run folder, in one move. Reports need no plug-in to read it."""
    tasks = tasks_of(config.train)
    samples = {name: len(found) for name, found in evaluated.samples.items()}

    def sampled(output: str) -> int:
        return sum(samples[name] for name, task in tasks.items() if task.output == output)

    result = {
        "run_id": folder.run_id,
        "eval_id": eval_id(config),
        "train_identity": train_identity(config),
        "eval_identity": eval_identity(config),
        "measure_id": measure_id(config),
        "step": step,
        "architecture": config.model.architecture,
        "seed": config.seed,
        "split": config.eval.split,
        "tasks": {
            name: {
                "title": task.title,
                "noun": NOUNS[task.output],
                "layout": list(task.layout),
                "output": task.output,
                "share": config.train.tasks[name],
                "samples": samples[name],
            }
            for name, task in tasks.items()
        },
        "axes": _axes(config.train),
        "n_images": sampled(IMAGE),
        "n_captions": sampled(TEXT),
        "metrics": evaluated.metrics(),
        "settings": {"data": asdict(config.data), "eval": asdict(config.eval)},
        **facts,
    }
    with folder.attempt() as attempt:
        evaluate.save(evaluated, attempt)
        folder.land_result(eval_id(config), step, attempt, result)


def _axes(train: TrainConfig) -> dict[str, dict[str, Any]]:
    """Settings of the tasks that figures may have as an axis, with their titles."""
    known = plugins("task")
    own = {item.name for name in train.tasks for item in fields(known[name].settings)}
    own |= {f"{name}_fraction" for name in train.tasks}
    return {
        item.name: {
            "key": f"train.{item.name}",
            "title": item.metadata.get("title") or item.name.replace("_", " "),
            "unit": item.metadata.get("unit", ""),
            "value": getattr(train, item.name),
        }
        for item in fields(train)
        if item.name in own
    }
