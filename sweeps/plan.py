"""Plan of a sweep: its runs with identity and status, and the sweep.json that reports read. No torch."""

from __future__ import annotations

import itertools
import json
import os
from collections.abc import Iterable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from bench.config.columns import column
from bench.config.expand import ConfigGrid
from bench.config.overrides import say
from bench.config.validate import NoMeaning
from bench.runs import identity
from bench.runs.format import FORMAT, read_own
from bench.system.errors import UserError, writing_to
from bench.system.files import write_atomically
from sweeps import grid
from sweeps.dimensions import Dimension, Sweep, check_size, folder_name, narrow
from sweeps.point import Point, point_of
from sweeps.tuning.tuned import Tuned
from sweeps.tuning.tuned import read as read_tuned

RESULTS = Path("results")


@dataclass(frozen=True)
class UntilDecided:
    """Seeds until claims are decided: those of the first look, of the last, and every run that may be asked for."""

    first: int
    at_most: int
    candidates: tuple[Point, ...]


@dataclass(frozen=True)
class Plan:
    """A sweep as asked for: where its results go and its runs, in the order to run them."""

    sweep: Sweep
    preset: str
    results: Path
    runs: Path
    threads: int  # CPU threads of each run
    points: list[Point]
    left_out: list[str]  # why an architecture is not run under a control of the grid that has no meaning for it
    until: UntilDecided | None = None  # None: its seeds are fixed
    tuned: Tuned | None = None  # rates of each arm's own


def make(name: str, preset: str, overrides: list[str], fresh: str | None = None, tuned: Path | None = None) -> Plan:
    """Resolve every point of the sweep that has a meaning.

    With `fresh`, runs and results go to folders of that name, so all train anew. `tuned`: a file of `sweeps tune`, with
    each arm's own rates.

    Raises UserError for whatever is wrong with the request, before anything is run or written.
    """
    whole = grid.read(name)
    sweep = narrow(whole, overrides)
    rates = read_tuned(tuned, sweep, preset) if tuned else None
    return planned(sweep, preset, results_folder(folder_name(whole, sweep, preset), fresh, rates), fresh, rates)


def planned(sweep: Sweep, preset: str, results: Path, fresh: str | None, rates: Tuned | None) -> Plan:
    """Resolve every point of a sweep whose results go to this folder."""
    check_size(sweep)
    _check_results(results, sweep.name)
    fixed = [f"{key}={text}" for key, text in sweep.fixed.items()]
    configs = ConfigGrid(preset, fixed)
    if fresh:
        configs.base.runtime.runs = str(Path(configs.base.runtime.runs) / fresh)
    runs, threads = configs.base.runtime.runs, configs.base.runtime.threads
    left_out: dict[str, NoMeaning] = {}
    points: dict[tuple[str, str, int], Point] = {}  # values that come to the same, such as 1 and 1.0, are one run
    for rows in itertools.product(*_rows(sweep.dimensions, configs)):
        changes = [change for row in rows for change in row.changes]
        common, own = "", list[tuple[str, Any]]()
        try:
            config = configs.config(changes)
        except NoMeaning as reason:
            left_out[str(reason)] = reason
            continue
        if rates:
            common, own = identity.run_id(config), rates.chosen(config)
            config = configs.config([*changes, *own])
        said = [*fixed, *(text for row in rows for text in row.overrides), *(say(*change) for change in own)]
        label = " ".join([*(row.label for row in rows if row.label), *(say(column(key), rate) for key, rate in own)])
        point = replace(point_of(config, said, runs, label), common=common)
        points.setdefault((point.folder.run_id, point.eval_id, point.step), point)
    if not points:
        raise next(iter(left_out.values()))
    return Plan(sweep, preset, results, Path(runs), threads, list(points.values()), list(left_out), tuned=rates)


def results_folder(folder: str, fresh: str | None, rates: Tuned | None) -> Path:
    """Where results go."""
    return RESULTS / (folder + (f"-tuned-{rates.digest}" if rates else "") + (f"-{fresh}" if fresh else ""))


@dataclass(frozen=True)
class _Row:
    """A row of a dimension, as every point that has it uses it."""

    changes: list[tuple[str, Any]]  # setting and typed value
    overrides: list[str]
    label: str


def _rows(dimensions: Iterable[Dimension], configs: ConfigGrid) -> list[list[_Row]]:
    return [[_row(dimension.axes, row, configs) for row in dimension.rows] for dimension in dimensions]


def _row(axes: tuple[str, ...], row: tuple[Any, ...], configs: ConfigGrid) -> _Row:
    changes = [(axis, configs.value(axis, value)) for axis, value in zip(axes, row, strict=True)]
    # As the user wrote it (0 for 0.0), but for a number that was written as a text.
    said = [(axis, asked if type(asked) is not str else value)
            for (axis, value), asked in zip(changes, row, strict=True)]  # fmt: skip
    return _Row(
        changes=changes,
        overrides=[say(axis, value) for axis, value in said],
        # The run's own name says the architecture.
        label=" ".join(say(column(axis), value) for axis, value in said if axis != "model.architecture"),
    )


def _check_results(results: Path, name: str) -> None:
    """Refuse a results folder that holds another sweep: `a` of preset smoke and a user's `a-smoke` would share one."""
    content = read_own(results / "sweep.json")
    if content and (found := content.get("name")) != name:
        raise UserError(f"{results} holds the results of the sweep '{found}': move it away, or rename the sweep's file")


def write(plan: Plan) -> bool:
    """Write sweep.json into the results folder. Returns whether that changed anything.

    Raises UserError if the folder cannot be written.
    """
    content: dict[str, Any] = {
        "schema": FORMAT,
        "name": plan.sweep.name,
        "preset": plan.preset,
        "question": plan.sweep.question,
        "source": plan.sweep.source,
        "plot": plan.sweep.plot,
        "runs_root": os.path.relpath(plan.runs, plan.results),
        **({"until_decided": {"first": until.first, "at_most": until.at_most}} if (until := plan.until) else {}),
        "points": [
            {"run_id": point.folder.run_id, "eval_id": point.eval_id, "step": point.step, "overrides": point.overrides}
            | ({"common": point.common} if point.common else {})
            for point in plan.points
        ],
    } | ({"tuned": plan.tuned.facts()} if plan.tuned else {})
    text = json.dumps(content, indent=1)
    path = plan.results / "sweep.json"
    with writing_to(plan.results):
        if path.exists() and path.read_text(encoding="utf-8") == text:
            return False
        plan.results.mkdir(parents=True, exist_ok=True)
        write_atomically(path, text)
    return True
