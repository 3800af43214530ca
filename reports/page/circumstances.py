"""Data, models, training and machine of a sweep: what its numbers hold for."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from bench.config import user_yaml
from bench.runs.reader import StoredRun
from reports.page.provenance import config
from reports.stored.runs import Point, Sweep
from reports.style import labels

if TYPE_CHECKING:
    import pandas as pd


def facts(sweep: Sweep, scores: pd.DataFrame) -> list[tuple[str, str]]:
    """(what, value) to read the numbers by; where runs differ, every value."""
    done = [point for point in sweep.points if point.status == "done"]
    whose = [labels.weights(label) for label in dict.fromkeys(scores["weights"]) if label]
    rows = [
        ("data", _all(map(_data, done))),
        ("training split", _all(map(_trained_on, done))),
        ("scored on", _all(map(_scored_on, done))),
        ("training", _all(map(_training, done))),
        ("pairs seen in training", _all(map(_seen, done))),
        ("language model, frozen", _all(_weights(point, "llm") for point in done)),
        ("autoencoder of images, frozen", _all(_weights(point, "vae") for point in done)),
        ("measured by the weights", ", ".join(whose)),
        ("runs", _runs(sweep)),
        ("seeds", _all(point.settings["seed"] for point in sweep.points)),
        ("machine", _all(map(_machine, done))),
    ]
    return [(what, value) for what, value in rows if value]


def meanings(sweep: Sweep) -> list[tuple[str, str]]:
    """(name, what it tells) of the tasks, and of the metrics that the page shows."""
    tasks = [(name, f"{task.title}: a sequence of {', '.join(task.layout)}; the last {task.output} is generated")
             for name, task in sweep.tasks.items()]  # fmt: skip
    shown = [metric for metric in sweep.metrics.values() if metric.name in sweep.y and metric.meaning]
    return [*tasks, *((metric.title, metric.meaning) for metric in shown)]


def _data(point: Point) -> str:
    data = _identity(point, "data")
    if not data:
        return ""
    size = f", images of {data['image_size']} x {data['image_size']} pixels" if "image_size" in data else ""
    digest = f" (digest {data['digest']})" if "digest" in data else ""
    return f"{data.get('name')}{size}{digest}"


def _trained_on(point: Point) -> str:
    size = _identity(point, "data").get("train_size")
    return f"{size:,} captioned images" if size else ""


def _scored_on(point: Point) -> str:
    result, size = point.result, _identity(point, "data").get("test_size")
    of = f" of {size:,}" if size else ""
    generated = ", ".join(f"{task['samples']:,} {task['noun']}" for task in result["tasks"].values())
    return f"the {result.get('split', 'test')} split{of}: {generated} generated"


def _training(point: Point) -> str:
    train = _identity(point, "train")
    if not train:
        return ""
    how = f"learning rate {train.get('lr')}, {train.get('precision')}"
    return f"{point.step:,} steps of {train.get('batch_size')} pairs, {how}"


def _seen(point: Point) -> str:
    """As training counted them; a result that does not say it has its steps times the batch."""
    if seen := point.result.get("seen"):
        pairs = {task["title"]: seen[f"{name}_pairs"] for name, task in point.result["tasks"].items()
                 if f"{name}_pairs" in seen}  # fmt: skip
        return f"{sum(pairs.values()):,}: " + ", ".join(f"{count:,} {title}" for title, count in pairs.items())
    batch = _identity(point, "train").get("batch_size")
    return f"{point.step * batch:,}" if batch else ""


def _weights(point: Point, what: str) -> str:
    """Their name as the configuration has it, and the digest that results know them by."""
    try:
        name = user_yaml.read(config(point))["model"][what]
    except (user_yaml.Unreadable, KeyError, TypeError):  # edited since: results do not rest on this file
        name = "weights"
    digest = _identity(point, "model").get(what)
    return f"{name} (digest {digest})" if digest else ""


def _machine(point: Point) -> str:
    starts = StoredRun(point.run).run_json().get("starts", [])
    last = starts[-1] if starts else {}
    return f"{last['device']}, threads: {last.get('threads')}" if "device" in last else ""


def _runs(sweep: Sweep) -> str:
    statuses = [point.status for point in sweep.points]
    counts = ", ".join(f"{statuses.count(status)} {status}" for status in dict.fromkeys(statuses))
    return f"{len(statuses)}: {counts}"


def _identity(point: Point, part: str) -> dict[str, Any]:
    found = point.result.get("train_identity", {}).get(part, {})
    return found if isinstance(found, dict) else {}


def _all(values: Iterable[Any]) -> str:
    return "; ".join(dict.fromkeys(str(value) for value in values if value != ""))
