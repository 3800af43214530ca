"""The sweep's table: what stands in which cell. `reports.tables.render` writes it as Markdown and LaTeX."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from bench.models.controls import controls_of
from reports.stored import selftest_marks
from reports.stored.runs import Sweep
from reports.style import labels
from reports.tables.summary import remarks, without_controls

if TYPE_CHECKING:
    import pandas as pd

NOTHING = "–"


@dataclass(frozen=True)
class Header:
    """A column of one metric measured by one set of weights."""

    metric: str
    name: str
    arrow: str
    unit: str
    n: str
    weights: str
    failed: bool  # its self-test: the column is struck out


@dataclass(frozen=True)
class Cell:
    """A cell of the table: the best of its group or not, with its 95 % intervals; struck out if it is not to be
    believed, grey if it is a control's."""

    text: str
    best: bool = False
    over_seeds: str = ""
    over_items: str = ""
    struck: bool = False
    control: bool = False


@dataclass(frozen=True)
class Table:
    """Rows in blocks: inside a block the numbers may be compared."""

    title: str
    corner: list[str]  # headers of the columns that say which row it is
    headers: list[Header]
    blocks: list[list[list[Cell]]]
    references: list[list[Cell]]  # chance, ceiling, the language model before training
    controls: list[tuple[str, str]]  # name and what it rules out, of each in the table
    notes: list[str]


def build(sweep: Sweep, scores: pd.DataFrame, summary: pd.DataFrame) -> Table:
    """Arrange the means over seeds: a block for each x, a row for each architecture, a column for each measure."""
    order = {metric.name: place for place, metric in enumerate(sweep.metrics.values()) if metric.table}
    named = summary[summary["metric"].isin(order)]
    measures = sorted(set(zip(named["metric"], named["weights"], strict=True)), key=lambda m: (order[m[0]], m[1]))
    columns = [named[(named["metric"] == metric) & (named["weights"] == whose)] for metric, whose in measures]
    by_x = not sweep.x.is_architecture
    wanted = _rows(sweep)
    blocks = []
    for x in dict.fromkeys(x for x, _ in wanted) if by_x else [None]:
        names = [name for at, name in wanted if at == x or not by_x]
        blocks.append([_row(sweep, x if by_x else name, name, columns) for name in names])
    corner = [sweep.x.title] * by_x + ["architecture", "seeds"]
    return Table(
        title=f"{sweep.title}: mean over seeds ± sample standard deviation",
        corner=corner,
        headers=[_header(column) for column in columns],
        blocks=blocks,
        references=_references(columns, len(corner)),
        controls=_controls(sweep),
        notes=remarks(sweep, scores),
    )


def _rows(sweep: Sweep) -> list[tuple[object, str]]:
    """(x, architecture) of every row asked for, without seeds, in the sweep's order."""
    settings = [point.settings for point in sweep.points]
    return list(dict.fromkeys((row.get(sweep.x.column), row["architecture"]) for row in settings))


def _row(sweep: Sweep, x: object, architecture: str, columns: list[pd.DataFrame]) -> list[Cell]:
    """One row: its labels, how many of its seeds are done, and a cell a column."""
    points = [p for p in sweep.points
              if (p.settings["architecture"], p.settings.get(sweep.x.column)) == (architecture, x)]  # fmt: skip
    done = sum(point.status == "done" for point in points)
    seeds = str(done) if done == len(points) else f"{done} of {len(points)}"
    control = labels.is_control(architecture)
    cells = [] if sweep.x.is_architecture else [Cell(sweep.x.text(x), control=control)]
    cells += [Cell(labels.architecture(architecture), control=control), Cell(seeds, control=control)]
    for column in columns:
        found = column[(column["architecture"] == architecture) & (column["x"] == x)]
        if found.empty:
            cells.append(Cell(NOTHING, control=control))
            continue
        one, places = found.iloc[0], decimals(column["mean"])
        spread = "" if math.isnan(one["sd"]) else f" ± {one['sd']:.{places}f}"
        text = f"{one['mean']:.{places}f}{spread}"
        by_seed, by_item = (_interval(one[f"{over}_low"], one[f"{over}_high"], places) for over in ("seeds", "items"))
        failed = selftest_marks.failed(column["note"])
        cells.append(Cell(text, bool(one["best"]), by_seed, by_item, failed, control))
    return cells


def _controls(sweep: Sweep) -> list[tuple[str, str]]:
    """Controls of the sweep in its order, each once."""
    found = {one.title: one.rules_out for point in sweep.points for one in controls_of(point.settings).values()}
    return list(found.items())


def _interval(low: float, high: float, places: int) -> str:
    return "" if math.isnan(low) else f"{low:.{places}f} to {high:.{places}f}"


def _header(column: pd.DataFrame) -> Header:
    one = column.iloc[0]
    counts = sorted({int(n) for text in column["n"] for n in text.split(" to ")})
    n = str(counts[0]) if len(counts) == 1 else f"{counts[0]} to {counts[-1]}"
    arrow = labels.ARROWS.get(one["direction"], "")
    whose = labels.weights(one["weights"])
    return Header(one["metric"], one["title"], arrow, one["unit"], n, whose, selftest_marks.failed(column["note"]))


def _references(columns: list[pd.DataFrame], width: int) -> list[list[Cell]]:
    """Lines to read the numbers against; a line that would be empty is left out, and so are controls' own levels."""
    real = list(map(without_controls, columns))
    columns = [own if len(own) else column for own, column in zip(real, columns, strict=True)]
    lines = {"chance": "chance", "ceiling": "ceiling", "language model before training": "before"}
    rows = []
    for name, level in lines.items():
        texts = [_span(column[level].dropna(), decimals(column["mean"])) for column in columns]
        if any(text != NOTHING for text in texts):
            rows.append([Cell(name), *[Cell("")] * (width - 1), *map(Cell, texts)])
    return rows


def _span(values: Iterable[float], places: int) -> str:
    texts = list(dict.fromkeys(f"{value:.{places}f}" for value in sorted(values)))
    return NOTHING if not texts else texts[0] if len(texts) == 1 else f"{texts[0]} to {texts[-1]}"


def decimals(values: pd.Series) -> int:
    """Decimals to print: three significant digits of the largest value (1 counts as 0.999), between one and four."""
    largest = float(values.abs().max())
    return 3 if largest == 0 else min(4, max(1, 3 - math.ceil(math.log10(largest))))
