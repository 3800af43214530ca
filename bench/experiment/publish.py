"""The published result of an evaluation: scores, their declarations, and the settings. Reports read it."""

from __future__ import annotations

from dataclasses import asdict, fields
from typing import Any

from bench.config.schema import Config, TrainConfig
from bench.evaluation import evaluate
from bench.evaluation.selftest.verdict import measure_id
from bench.models.controls import PASSIVE, controls_of
from bench.runs.folder import RunFolder
from bench.runs.identity import Identity
from bench.system.plugins import plugins
from bench.tasks.base import IMAGE, TEXT, tasks_of

FINEST = 4  # decimal places of a fraction that is an axis
NOUNS = {IMAGE: "images", TEXT: "captions"}  # what a task generates, by modality


def publish(
    config: Config,
    identity: Identity,
    folder: RunFolder,
    step: int,
    evaluated: evaluate.Evaluated,
    facts: dict[str, Any],
) -> None:
    """Write an evaluation and its samples into the run folder, in one move. Reports need no plug-in to read it."""
    tasks = tasks_of(config.train)
    samples = {name: len(found) for name, found in evaluated.samples.items()}

    def sampled(output: str) -> int:
        return sum(samples[name] for name, task in tasks.items() if task.output == output)

    result = {
        "run_id": folder.run_id,
        "eval_id": identity.eval_id,
        "train_identity": identity.train,
        "eval_identity": identity.eval,
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
        "axes": _axes(config),
        "n_images": sampled(IMAGE),
        "n_captions": sampled(TEXT),
        "metrics": evaluated.metrics(),
        "settings": {"data": asdict(config.data), "eval": asdict(config.eval)},
        **facts,
    }
    with folder.attempt() as attempt:
        evaluate.save(evaluated, attempt)
        folder.publish_result(identity.eval_id, step, attempt, result)


def _axes(config: Config) -> dict[str, dict[str, Any]]:
    """Settings of the tasks that figures may have as an axis, with their titles; and those that make it a control."""
    known, train = plugins("task"), config.train
    own = {item.name for name in train.tasks for item in fields(known[name].settings)}
    fractions = {f"{name}_fraction" for name in train.tasks}
    found = {
        item.name: {
            "key": f"train.{item.name}",
            "title": item.metadata.get("title") or item.name.replace("_", " "),
            "unit": item.metadata.get("unit", ""),
            "value": _value(train, item.name, fractions),
        }
        for item in fields(train)
        if item.name in own | fractions
    }
    switches = {"model.control": config.model.control}
    switches |= {f"train.{name}{PASSIVE}": getattr(train, f"{name}{PASSIVE}") for name in train.tasks}
    for key in controls_of(switches):
        name = key.rpartition(".")[2]
        found[name] = {"key": key, "title": name.replace("_", " "), "unit": "", "value": switches[key]}
    return found


def _value(train: TrainConfig, name: str, fractions: set[str]) -> Any:
    """Value of a setting; of two thirds 0.6667, as requests and claims write it."""
    value = getattr(train, name)
    return round(value, FINEST) if name in fractions else value
