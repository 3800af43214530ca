"""Where each run comes from: its configuration, what started it, and why it is in no number of the page."""

from __future__ import annotations

import json
from dataclasses import dataclass

from bench.runs.reader import StoredRun
from bench.system.errors import UserError
from reports.stored.runs import Point, Sweep
from reports.style import labels


@dataclass(frozen=True)
class Origin:
    """A run's configuration and its starts, as texts."""

    run_id: str
    title: str
    status: str
    error: str
    config: str
    starts: str


def origins(sweep: Sweep) -> list[Origin]:
    """Every run asked for, in the sweep's order."""
    return [_origin(sweep, point) for point in sweep.points]


def config(point: Point) -> str:
    """The run's config.yaml, "" before it has begun."""
    file = point.run / "config.yaml"
    return file.read_text(encoding="utf-8", errors="replace") if file.is_file() else ""


def _origin(sweep: Sweep, point: Point) -> Origin:
    who, at = labels.architecture(point.settings["architecture"]), sweep.x.beside(point.settings.get(sweep.x.column))
    title = ", ".join(filter(None, [who, at, f"seed {point.settings['seed']}"]))
    return Origin(point.run_id, title, point.status, point.error, config(point), _starts(point))


def _starts(point: Point) -> str:
    try:
        return json.dumps(StoredRun(point.run).run_json().get("starts", []), indent=1, ensure_ascii=False)
    except UserError as reason:  # another schema wrote it
        return str(reason)
