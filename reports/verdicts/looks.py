"""Claims at the looks of a study that goes on seed by seed: which are decided, which are open, which are not worth it.

`python -m sweeps run NAME --until-decided` stops when no claim is open. All of it follows from the stored runs and from
how many seeds each look had; nothing else is remembered, so an interrupted study goes on as if it had not been.
"""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from dataclasses import dataclass, replace
from itertools import count as counting

from reports.statistics.judging import CONTRADICTED, INCONCLUSIVE, NO_DIFFERENCE, SUPPORTED, Judgement
from reports.statistics.sequential import chances, last_level, look_levels
from reports.stored.runs import Sweep
from reports.stored.settings import Run, finished
from reports.verdicts.axis import CHANGE, MainEffect, main_effects
from reports.verdicts.cells import direction
from reports.verdicts.hypotheses import Claim
from reports.verdicts.judging import NOT_JUDGED, Verdict, judged

DECIDED, OPEN, FUTILE = "decided", "open", "futile"
LITTLE = 0.05  # chance of a decision below which further seeds are futile


@dataclass(frozen=True)
class Standing:
    """Where a claim, or an effect of the axis, stands at the last look."""

    found: Verdict | MainEffect  # of the look that decided it, else of the last that it had runs for
    state: str  # decided, open, futile, or not judged
    seeds: int  # that this look had
    level: float  # of that look, for the whole family
    hope: float  # chance that the seeds still to come decide it
    runs: tuple[Run, ...]  # that it rests on

    @property
    def verdict(self) -> Verdict:
        """That of a claim."""
        assert isinstance(self.found, Verdict)
        return self.found

    @property
    def tested(self) -> list[Judgement]:
        """The comparisons that were a question of chance."""
        if isinstance(self.found, MainEffect):
            return [self.found.tested]
        return [one.tested for one in self.found.findings if one.tested]

    @property
    def outcome(self) -> str:
        """The outcome so far; of an effect of the axis, whether its last value is better or worse."""
        return direction(self.found.tested) if isinstance(self.found, MainEffect) else self.found.outcome


def taken(sweep: Sweep) -> list[int]:
    """How many seeds each look so far had: from the first look on, every number of seeds whose runs are all done."""
    assert sweep.until is not None
    seeds = sorted({point.settings["seed"] for point in sweep.points})
    missing = {point.settings["seed"] for point in sweep.points if point.status != "done"}
    whole = next(place for place in counting() if place == len(seeds) or seeds[place] in missing)
    return list(range(sweep.until.first, min(whole, sweep.until.at_most) + 1))


def standings(sweep: Sweep, claims: Sequence[Claim], looks: Sequence[int], at_most: int) -> list[Standing]:
    """Where each claim stands, then each effect of the axis.

    `looks`: how many seeds each look so far had; `at_most`: how many there may be in all. Look i judges the first
    `looks[i]` seeds of the sweep in rising order, at the level that its share of the error allows. What a look decided
    stays decided, and what is futile asks for no more seeds. A look at which a claim has no runs of the last seed is
    none for it. Futility binds nobody: where runs go on for another claim's sake, the look may still decide.
    """
    seeds = sorted({point.settings["seed"] for point in sweep.points})
    final = last_level(looks, at_most)
    standing: dict[Hashable, Standing] = {}
    for count, level in zip(looks, look_levels(looks, at_most), strict=True):
        some = {*seeds[:count]}
        known = replace(sweep, points=[point for point in sweep.points if point.settings["seed"] in some])
        for key, now in _look(known, claims, count, level).items():
            before = standing.get(key)
            if before and before.state != NOT_JUDGED and (before.state == DECIDED or not _goes_on(now, max(some))):
                continue
            state = now.state if now.state in (DECIDED, NOT_JUDGED) else _worth(now, at_most, final, before)
            hope = {DECIDED: 1.0, NOT_JUDGED: 0.0}.get(state, _hope(now, at_most / count, final))
            standing[key] = replace(now, state=state, hope=hope)
    return list(standing.values())


def _look(known: Sweep, claims: Sequence[Claim], count: int, level: float) -> dict[Hashable, Standing]:
    """One look, by the claim's name or the effect's: decided, not judged, or still open."""
    found: dict[Hashable, Standing] = {}
    for verdict in judged(known, claims, level):
        lacking = any(one.outcome == NOT_JUDGED for one in verdict.findings) or not verdict.findings
        still = NOT_JUDGED if lacking else OPEN
        state = still if verdict.outcome in (INCONCLUSIVE, NOT_JUDGED) else DECIDED
        pairs = [one.pairs for one in verdict.findings if one.pairs]
        runs = tuple({run.point.folder: run for one in pairs for run in one.runs}.values())
        found[verdict.claim.name] = Standing(verdict, state, count, level, 0.0, runs)
    for effect in main_effects(known, level):
        state = OPEN if effect.tested.outcome == INCONCLUSIVE else DECIDED
        runs = effect.pairs.runs if effect.kind == CHANGE else tuple(finished(known.points))
        found[effect.metric, effect.kind] = Standing(effect, state, count, level, 0.0, runs)
    return found


def _goes_on(now: Standing, seed: int) -> bool:
    """Whether all its comparisons have runs of this seed."""
    if isinstance(now.found, MainEffect):
        pairs = [now.found.pairs]
    else:
        pairs = [one.pairs for one in now.found.findings if one.pairs]
    return bool(pairs) and all(any(run.settings["seed"] == seed for run in one.runs) for one in pairs)


def _worth(now: Standing, at_most: int, final: float, before: Standing | None) -> str:
    """Whether further seeds are worth their time."""
    given_up = before is not None and before.state == FUTILE
    hopeless = _hope(now, at_most / now.seeds, final) < LITTLE
    return FUTILE if given_up or hopeless or now.seeds >= at_most else OPEN


def _hope(now: Standing, times: float, level: float) -> float:
    """The chance of a decision: all comparisons as claimed, or one that ends the claim."""
    if any(one.error is None for one in now.tested):
        return 1.0
    some = [chances(one, round(times * len(one.differences.blocks)), level) for one in now.tested]
    if isinstance(now.found, MainEffect):
        return 1.0 - some[0].get(INCONCLUSIVE, 0.0)
    against = max((one.get(CONTRADICTED, 0.0) + one.get(NO_DIFFERENCE, 0.0) for one in some), default=0.0)
    held = all(one.outcome in (SUPPORTED, INCONCLUSIVE) for one in now.found.findings)
    return max(against, min((one.get(SUPPORTED, 0.0) for one in some), default=0.0) if held else 0.0)


def undecided(standing: Sequence[Standing]) -> list[Standing]:
    """Those for which further seeds are worth their time."""
    return [one for one in standing if one.state == OPEN]
