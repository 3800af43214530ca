"""Comparisons as rows of a table."""

from __future__ import annotations

import math

from reports.paper import published
from reports.statistics.intervals import Interval
from reports.statistics.judging import CONTRADICTED, FACTORS, SUPPORTED, Judgement
from reports.verdicts.axis import MainEffect
from reports.verdicts.hypotheses import Claim
from reports.verdicts.judging import Finding
from reports.verdicts.pairing import Pairs

HEADS = ["comparison", "metric", "paired seeds", "means", "effect", "simultaneous interval", "margin", "outcome"]
HEADS += ["half, double margin", "over seeds", "over items", "smallest detectable", "p (family)", "the paper's"]
DIRECTIONS = {SUPPORTED: "better", CONTRADICTED: "worse"}  # where nobody claimed a direction
AXIS_HEADS = ["metric", "what", "blocks", "effect", "simultaneous interval", "margin", "outcome", "half, double margin"]


def axis_cells(effect: MainEffect) -> list[str]:
    """A row below `AXIS_HEADS`."""
    one = effect.tested
    shown = [number(one.effect), interval_text(one.interval), margin_text(effect.pairs)]
    outcomes = [direction(one), ", ".join(direction(one, factor) for factor in FACTORS)]
    return [effect.pairs.title, effect.kind, str(len(one.differences.blocks)), *shown, *outcomes]


def direction(one: Judgement, factor: float = 1.0) -> str:
    """The outcome of a comparison that nobody claimed to go either way."""
    return DIRECTIONS.get(outcome := one.at(factor), outcome)


def margin_text(pairs: Pairs) -> str:
    """The margin of relevance and where it is from."""
    return f"{number(pairs.margin)} ({pairs.margin_rule})"


def comparison_cells(claim: Claim, finding: Finding) -> list[str]:
    """A row below `HEADS`."""
    pairs, tested = finding.pairs, finding.tested
    assert pairs is not None
    means = f"{number(pairs.means[0])}, {number(pairs.means[1])}"
    seeds, effect = str(len(pairs.differences.blocks)), number(pairs.differences.effect)
    start = [finding.question, pairs.title, seeds, means, effect]
    if tested is None:
        return [*start, "", "", f"{finding.outcome}: {finding.why}", "", "", "", "", "", paper(claim, finding)]
    smallest = "unknown" if tested.smallest is None else number(tested.smallest)
    p = "–" if tested.p is None else f"{tested.p:.2g}"
    others = ", ".join(tested.at(factor) for factor in FACTORS) if tested.error else ""
    alone = map(interval_text, (tested.by_seeds, tested.by_items))
    verdict = [interval_text(tested.interval), margin_text(pairs), finding.outcome, others]
    return [*start, *verdict, *alone, smallest, p, paper(claim, finding)]


def paper(claim: Claim, finding: Finding) -> str:
    """What the paper measured, where it did."""
    comparison = finding.comparison
    sides = [side for side in (comparison.runs, comparison.than) if side]
    return published.beside(claim.published, sides, comparison.metric)


def interval_text(interval: Interval | None) -> str:
    """Its ends, "–" where there is none."""
    return "–" if interval is None else f"{number(interval[0])} to {number(interval[1])}"


def number(value: float) -> str:
    """Three significant digits, plainly."""
    if value == 0 or not math.isfinite(value):
        return f"{value:g}"
    return f"{value:.{max(0, 2 - math.floor(math.log10(abs(value))))}f}"
