"""Claims at the looks of a study that goes on seed by seed: which are decided, which are open, which are not worth it.

`python -m sweeps run NAME --until-decided` stops when no claim is open. All of it follows from the stored runs and from
how many seeds each look had; nothing else is remembered, so an interrupted study goes on as if it had not been.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from reports.statistics.judging import CONTRADICTED, INCONCLUSIVE, NO_DIFFERENCE, SUPPORTED
from reports.statistics.sequential import chances, last_level, look_levels
from reports.stored.runs import Sweep
from reports.verdicts.hypotheses import Claim
from reports.verdicts.judging import NOT_JUDGED, Finding, Verdict, judged

DECIDED, OPEN, FUTILE = "decided", "open", "futile"
LITTLE = 0.05  # chance of a decision below which further seeds are futile


@dataclass(frozen=True)
class Standing:
    """Where a claim stands at the last look."""

    verdict: Verdict  # of the look that decided it, else of the last
    state: str  # decided, open, futile, or not judged
    seeds: int  # that the look of the verdict had
    level: float  # of that look, for the whole family
    hope: float  # chance that the seeds still to come decide it


def standings(sweep: Sweep, claims: Sequence[Claim], looks: Sequence[int], at_most: int) -> list[Standing]:
    """Where each claim stands. `looks`: how many seeds each look so far had; `at_most`: how many there may be in all.

    Look i judges the first `looks[i]` seeds of the sweep in rising order, at the level that its share of the error
    allows. What a look decided stays decided. Futility binds nobody: who goes on all the same keeps the level.
    """
    seeds = sorted({point.settings["seed"] for point in sweep.points})
    levels = look_levels(looks, at_most)
    final = last_level(looks, at_most)
    first: dict[str, Standing] = {}
    found: list[Standing] = []
    for count, level in zip(looks, levels, strict=True):
        some = {*seeds[:count]}
        known = replace(sweep, points=[point for point in sweep.points if point.settings["seed"] in some])
        found = [_standing(verdict, count, level, at_most, final) for verdict in judged(known, claims, level)]
        first |= {one.verdict.claim.name: one for one in found if one.state == DECIDED} | first
    return [first.get(one.verdict.claim.name, one) for one in found]


def _standing(verdict: Verdict, seeds: int, level: float, at_most: int, final: float) -> Standing:
    if verdict.outcome == NOT_JUDGED:
        return Standing(verdict, NOT_JUDGED, seeds, level, 0.0)
    if verdict.outcome != INCONCLUSIVE:
        return Standing(verdict, DECIDED, seeds, level, 1.0)
    hope = _hope(verdict.findings, at_most / seeds, final)
    return Standing(verdict, OPEN if hope >= LITTLE and seeds < at_most else FUTILE, seeds, level, hope)


def _hope(findings: Sequence[Finding], times: float, level: float) -> float:
    """The chance of a decision: all comparisons as claimed, or one that ends the claim."""
    tested = [one.tested for one in findings if one.tested]
    if any(one.error is None for one in tested):
        return 1.0
    some = [chances(one, round(times * len(one.differences.blocks)), level) for one in tested]
    against = max((one.get(CONTRADICTED, 0.0) + one.get(NO_DIFFERENCE, 0.0) for one in some), default=0.0)
    held = all(one.outcome in (SUPPORTED, INCONCLUSIVE) for one in findings)
    return max(against, min((one.get(SUPPORTED, 0.0) for one in some), default=0.0) if held else 0.0)


def undecided(standing: Sequence[Standing]) -> list[Standing]:
    """Those for which further seeds are worth their time."""
    return [one for one in standing if one.state == OPEN]


