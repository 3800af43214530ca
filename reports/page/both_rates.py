"""A sweep at the common rates and at each arm's own, side by side: rates, means and verdicts."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from bench.config.columns import column
from reports.stored.runs import Sweep
from reports.style import labels
from reports.tables.table import NOTHING, Cell, Header, Table
from reports.verdicts.judging import Verdict

RATES = ["arm", "rate", "common", "its own", "times", "candidates scored", "runs", "steps", "seconds"]
VERDICTS = ["claim", "at the common rates", "at each arm's own"]
COMMON, OWN, SAME = "common", "its own", "its own is the common"
SAID = """\
Each arm's own rates were found with as many candidates for every arm, by successive halving, on validation data and
with seeds of their own; the test split was read by the runs below alone."""


@dataclass(frozen=True)
class Block:
    """A table of texts."""

    title: str
    head: list[str]
    rows: list[list[str]]


@dataclass(frozen=True)
class BothRates:
    """The tables and notes of a sweep with tuned rates."""

    blocks: list[Block]
    notes: list[str]


def build(sweep: Sweep, own: Table, common: Table, tuned: Sequence[Verdict], untuned: Sequence[Verdict]) -> BothRates:
    """The three tables, of the sweep's table and verdicts, and of those at the common rates."""
    before = {verdict.claim.name: verdict.outcome for verdict in untuned}
    verdicts = [[v.claim.text, before[v.claim.name], v.outcome] for v in tuned]
    blocks = [
        Block("Rates", RATES, [row for arm in sweep.arms for row in _rates(arm)]),
        Block("Means over seeds", [*own.corner, "rates", *map(_head, own.headers)], _means(sweep, own, common)),
        Block("Verdicts", VERDICTS, [row for row in verdicts if set(row[1:]) != {"not judged"}]),
    ]
    return BothRates(blocks, _notes(sweep))


def markdown(sweep: Sweep, both: BothRates) -> str:
    """The tables as Markdown."""
    lines = [f"# At the common rates, and at each arm's own: {sweep.title}", "", SAID]
    for block in both.blocks:
        rows = [block.head, ["---"] * len(block.head), *block.rows]
        lines += ["", f"## {block.title}", "", *["| " + " | ".join(map(_plain, row)) + " |" for row in rows]]
    return "\n".join([*lines, "", *[f"- {note}" for note in both.notes]]).rstrip() + "\n"


def _rates(arm: dict) -> list[list[str]]:
    budget = [f"{arm['budget'].get(name, 0):,.0f}" for name in ("scored", "runs", "steps", "seconds")]
    others = [f"{column(key)}={value}" for key, value in arm["settings"].items() if key != "model.architecture"]
    name = " ".join([labels.architecture(str(arm["settings"].get("model.architecture", ""))), *others])
    rows = []
    for place, (key, rate) in enumerate(arm["chosen"].items()):
        known = arm["common"][key]
        row = [name, column(key), f"{known:g}", f"{rate:g}", f"{rate / known:.3g}" if known else NOTHING]
        rows.append(row + (budget if place == 0 else [""] * len(budget)))
    return rows


def _means(sweep: Sweep, own: Table, common: Table) -> list[list[str]]:
    """Two lines for each row of the sweep's table; one where an arm's own rates are the common ones."""
    places = [_alike(one, common) for one in own.headers]
    width, rows = len(own.corner), []
    for block, other in zip(own.blocks, common.blocks, strict=True):
        for mine, theirs in zip(block, other, strict=True):
            if _texts(mine) == _texts(theirs):
                rows.append([*_texts(mine[:width]), SAME, *_texts(mine[width:])])
                continue
            aligned = [theirs[width + place] if place is not None else Cell(NOTHING) for place in places]
            rows.append([*_texts(theirs[:width]), COMMON, *_texts(aligned)])
            rows.append([*_texts(mine[:width]), OWN, *_texts(mine[width:])])
    return rows


def _alike(one: Header, table: Table) -> int | None:
    """The column of the same measure in another table."""
    measures = [(head.metric, head.weights) for head in table.headers]
    wanted = (one.metric, one.weights)
    return measures.index(wanted) if wanted in measures else None


def _notes(sweep: Sweep) -> list[str]:
    said = []
    if edge := [row[0] for arm in sweep.arms if arm["at_edge"] for row in _rates(arm)[:1]]:
        said.append(f"At the edge of the grid, so a better rate may lie outside: {', '.join(edge)} (widen it with "
                    "tune.factors).")  # fmt: skip
    assert sweep.common is not None
    if missing := sum(point.status != "done" for point in sweep.common.points):
        said.append(f"{missing} of {len(sweep.common.points)} runs at the common rates are missing: the same command "
                    "without --tuned makes them, `reports build` then fills them in.")  # fmt: skip
    return said


def _head(head: Header) -> str:
    return f"{head.name} {head.arrow}".strip()


def _texts(cells: list[Cell]) -> list[str]:
    return [cell.text for cell in cells]


def _plain(text: str) -> str:
    return text.replace("|", "\\|")
