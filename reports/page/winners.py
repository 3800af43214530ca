"""Winners: the best architecture of each metric against the next one, by how much and how surely."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

from reports.page.charts.panels import footing, heading
from reports.statistics.intervals import Interval
from reports.statistics.judging import INCONCLUSIVE, NO_DIFFERENCE, SUPPORTED, Judgement, judge
from reports.stored import selftest_marks
from reports.stored.declared import Axis
from reports.stored.runs import Sweep
from reports.stored.settings import Run, finished
from reports.style import labels
from reports.tables.table import decimals
from reports.verdicts.cells import interval_text, number
from reports.verdicts.pairing import against

if TYPE_CHECKING:
    import pandas as pd

Place = tuple[str, str, object]  # metric, weights, value of the axis


@dataclass(frozen=True)
class Winner:
    """The best architecture by one metric at one value of the axis."""

    at: str  # "" where the axis is the architecture itself
    who: list[str]  # several where they are equal; none where the numbers may not be ranked
    value: str
    lead: str
    interval: str
    sure: str
    clear: bool


@dataclass(frozen=True)
class Contest:
    """One metric along the axis."""

    title: str
    said: str
    winners: list[Winner]
    best: Winner | None  # of the whole axis

    @property
    def tally(self) -> list[tuple[list[str], list[str]]]:
        """Architectures, and where they won; several where they were equal."""
        shared = dict.fromkeys(tuple(winner.who) for winner in self.winners if winner.who)
        return [(list(who), [one.at for one in self.winners if tuple(one.who) == who]) for who in shared]


def contests(sweep: Sweep, summary: pd.DataFrame) -> list[Contest]:
    """A contest for each metric that the sweep plots, in its order.

    The best is tested against the next as paired runs are in a verdict, all of the sweep as one family. Choosing the
    best by the same numbers does no harm: the two-sided test of the best against the second keeps its level.
    """
    groups = {
        (name, whose, x): group
        for name in sweep.y
        for (whose, x), group in _groups(sweep, summary[summary["metric"] == name])
    }
    runs = finished(sweep.points)
    untested = {place: _compared(sweep.x, _at(sweep, runs, place), place, group) for place, group in groups.items()}
    asked = {place: found for place, found in untested.items() if isinstance(found, Judgement)}
    tested = dict(zip(asked, judge(list(asked.values())), strict=True))
    found = []
    for name, whose in dict.fromkeys(place[:2] for place in groups):
        mine = summary[(summary["metric"] == name) & (summary["weights"] == whose)]
        digits = decimals(mine["mean"])
        winners = {
            place: _winner(sweep, place, group, digits, tested.get(place), untested[place])
            for place, group in groups.items()
            if place[:2] == (name, whose)
        }
        found.append(Contest(heading(mine.iloc[0]), footing(mine), list(winners.values()), _best(winners, groups)))
    return found


def _groups(sweep: Sweep, mine: pd.DataFrame) -> list[tuple[tuple[str, object], pd.DataFrame]]:
    """Groups that may be ranked together: the rows of one x, or all where x is the architecture."""
    by_x = not sweep.x.is_architecture
    return [
        ((str(whose), x), rows)
        for whose, group in mine.groupby("weights", sort=False)
        for x, rows in (group.groupby("x") if by_x else [("", group)])
    ]


def _compared(axis: Axis, runs: list[Run], place: Place, group: pd.DataFrame) -> Judgement | str:
    """The best against the next, not yet tested; or why it cannot be."""
    if not group["best"].any():
        return _why_not_ranked(group)
    best, second = group[group["best"]].iloc[0], _second(group)
    at = {axis.key: place[2]} if runs and axis.key in runs[0].settings and not axis.is_architecture else {}
    ours, theirs = ({"model.architecture": row["architecture"], **at} for row in (best, second))
    pairs = against(runs, place[0], ours, theirs)
    if isinstance(pairs, str):
        return pairs
    measure = pairs.measure if at else (*pairs.measure, place[2])  # the error is shared along an axis of settings
    return Judgement(place, pairs.differences, 0.0, math.inf, pairs.margin, measure)


def _at(sweep: Sweep, runs: list[Run], place: Place) -> list[Run]:
    return [run for run in runs if sweep.x.is_architecture or run.point.settings.get(sweep.x.column) == place[2]]


def _second(group: pd.DataFrame) -> pd.Series:
    lower = bool((group["direction"] == "lower").all())
    return group[~group["best"]].sort_values("mean", ascending=lower, kind="stable").iloc[0]


def _winner(
    sweep: Sweep, place: Place, group: pd.DataFrame, digits: int, tested: Judgement | None, found: Judgement | str
) -> Winner:
    at = sweep.x.beside(place[2])
    best = group[group["best"]]
    if best.empty:
        return Winner(at, [], "", "", "", str(found), clear=False)
    second = _second(group)
    gap = abs(float(second["mean"]) - float(best["mean"].iloc[0]))
    spread = float(best["sd"].max())
    value = f"{best['mean'].iloc[0]:.{digits}f}" + ("" if math.isnan(spread) else f" ± {spread:.{digits}f}")
    lead = f"by {number(gap)} over {labels.architecture(second['architecture'])}"
    if tested is None:
        return Winner(at, list(best["architecture"]), value, lead, "", str(found), clear=False)
    interval, sure = certainty(tested)
    return Winner(at, list(best["architecture"]), value, lead, interval, sure, tested.outcome == SUPPORTED)


def certainty(tested: Judgement) -> tuple[str, str]:
    """The simultaneous interval of the size of an effect, and what may be said of it."""
    blocks, items = tested.differences.blocks, tested.differences.count
    if tested.interval and tested.p is not None:
        over = f"{len(blocks)} {'blocks' if isinstance(blocks[0], tuple) else 'seeds'}"
        over += f" and {items} items" if items else ""
        apart = {INCONCLUSIVE: "not told apart", NO_DIFFERENCE: NO_DIFFERENCE}.get(tested.outcome, "told apart")
        return f"{_of_size(tested, tested.interval)} over {over}", f"{apart} (p = {tested.p:.2g})"
    if tested.by_items:
        low, high = tested.by_items
        apart = "not told apart on these items" if low <= 0 <= high else "told apart on these items"
        return f"{_of_size(tested, tested.by_items)} over {items} items", apart
    return "", "one seed and no items: chance is not excluded"


def _of_size(tested: Judgement, interval: Interval) -> str:
    """Turned round where the effect is negative."""
    low, high = interval
    return interval_text((low, high) if tested.effect >= 0 else (-high, -low))


def _best(winners: dict[Place, Winner], groups: dict[Place, pd.DataFrame]) -> Winner | None:
    ranked = [place for place, winner in winners.items() if winner.who]
    if not ranked:
        return None
    lower = groups[ranked[0]]["direction"].iloc[0] == "lower"
    means = {place: float(groups[place].loc[groups[place]["best"], "mean"].iloc[0]) for place in ranked}
    return winners[min(means, key=lambda place: means[place] if lower else -means[place])]


def _why_not_ranked(group: pd.DataFrame) -> str:
    if selftest_marks.failed(group["note"]):
        return f"not ranked: the metric {selftest_marks.FAILED}"
    if len(group) < 2:
        return "nothing to compare with"
    if group["mean"].nunique() == 1:
        return "all equal"
    return "not ranked: other items, other seeds, or too few items"
