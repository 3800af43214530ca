"""What a sweep was run on, and where each of its runs comes from."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from bench.store import RunFolder
from reports import labels
from reports.runs import Point, Sweep

if TYPE_CHECKING:
    import pandas as pd


@dataclass(frozen=True)
class Origin:
    """A run's configuration and its starts, as texts."""

    run_id: str
    title: str
    status: str
    error: str
    config: str
    starts: str


def facts(sweep: Sweep, scores: pd.DataFrame) -> list[tuple[str, str]]:
    """(what, value) to read the numbers by; where runs differ, every value."""
    done = [point for point in sweep.points if point.status == "done"]
    configs = [_run(point).run_json().get("identity", {}) for point in done]
    whose = [labels.weights(label) for label in dict.fromkeys(scores["weights"]) if label]
    statuses = [point.status for point in sweep.points]
    counts = ", ".join(f"{statuses.count(status)} {status}" for status in dict.fromkeys(statuses))
    rows = [
        ("preset", sweep.preset),
        ("runs", f"{len(sweep.points)}: {counts}"),
        ("architectures", _all(labels.architecture(point.settings["architecture"]) for point in sweep.points)),
        ("seeds", _all(point.settings["seed"] for point in sweep.points)),
        ("data", _all(_data(config) for config in configs)),
        ("split", _all(point.result.get("split", "") for point in done)),
        ("N", _all(_counts(point.result) for point in done)),
        ("training", _all(_training(config) for config in configs)),
        ("measured by", ", ".join(whose)),
    ]
    if sweep.x != "architecture":
        values = _all(labels.axis_value(sweep.x, point.settings.get(sweep.x)) for point in sweep.points)
        rows.insert(3, (labels.axis(sweep.x).removesuffix(" (%)"), values))
    return [(what, value) for what, value in rows if value]


def origins(sweep: Sweep) -> list[Origin]:
    """Every run asked for, in the sweep's order."""
    return [_origin(sweep, point) for point in sweep.points]


def _origin(sweep: Sweep, point: Point) -> Origin:
    run = _run(point)
    file = run.path / "config.yaml"
    config = file.read_text(errors="replace") if file.is_file() else ""
    starts = json.dumps(run.run_json().get("starts", []), indent=1, ensure_ascii=False)
    axis = "" if sweep.x == "architecture" else f", {labels.axis_value(sweep.x, point.settings.get(sweep.x))}"
    title = f"{labels.architecture(point.settings['architecture'])}{axis}, seed {point.settings['seed']}"
    return Origin(point.run_id, title, point.status, point.error, config, starts)


def _run(point: Point) -> RunFolder:
    return RunFolder(point.folder.parents[2])


def _data(identity: dict[str, Any]) -> str:
    data = identity.get("train", {}).get("data", {})
    if not data:
        return ""
    sizes = f"{data.get('train_size', '?')} to train on, {data.get('test_size', '?')} to test"
    return f"{data.get('name')}, {data.get('image_size')} px, {sizes}"


def _training(identity: dict[str, Any]) -> str:
    train = identity.get("train", {}).get("train", {})
    if not train:
        return ""
    return f"{train.get('steps')} steps of {train.get('batch_size')} samples, {train.get('precision')}"


def _counts(result: dict[str, Any]) -> str:
    return f"{result.get('n_images')} images drawn, {result.get('n_captions')} captions written"


def _all(values: Any) -> str:
    return "; ".join(dict.fromkeys(str(value) for value in values if value != ""))
