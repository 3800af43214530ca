"""A folder's runs, judged: at once where its seeds were fixed beforehand, look by look where they were not."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Any

from reports.statistics.intervals import LEVEL
from reports.statistics.judging import INCONCLUSIVE, SUPPORTED, Judgement
from reports.statistics.planning import plan
from reports.statistics.sequential import last_level, look_levels
from reports.stored.runs import Point, Sweep, UntilDecided
from reports.stored.settings import Run
from reports.verdicts.axis import MainEffect, main_effects
from reports.verdicts.hypotheses import Claim
from reports.verdicts.judging import NOT_JUDGED, Verdict, judged
from reports.verdicts.looks import DECIDED, FUTILE, Standing, standings, taken, undecided

Arm = tuple[tuple[str, str], ...]  # settings of a run but its seed


@dataclass(frozen=True)
class Looks:
    """The looks at a study so far, and where each claim and each effect of the axis stands."""

    until: UntilDecided
    seeds: tuple[int, ...]  # how many each look had
    levels: tuple[float, ...]
    standings: tuple[Standing, ...]
    final: float  # level of the last look, if there is one after every further seed

    def wanted(self, one: Standing) -> int:
        """How many seeds should decide a claim, if its effects stay what they are; at most as many as there may be."""
        found = [(plan(test), len(test.differences.blocks)) for test in self._open(one) if test.error]
        seeds = [(math.ceil(p.seeds * one.seeds / blocks) if p.seeds else self.until.at_most, p.outcome)
                 for p, blocks in found]  # fmt: skip
        ending = [count for count, outcome in seeds if outcome not in (SUPPORTED, INCONCLUSIVE)]
        most = max((count for count, _ in seeds), default=one.seeds + 1)
        return min(max(min(ending, default=most), one.seeds + 1), self.until.at_most)

    def _open(self, one: Standing) -> list[Judgement]:
        return [replace(test, level=self.final) for test in one.tested if test.outcome == INCONCLUSIVE]

    @property
    def needed(self) -> list[Point]:
        """The runs so far of every arm that an open claim needs."""
        runs = (run for one in undecided(self.standings) for run in one.runs)
        return list({run.point.folder: run.point for run in runs}.values())

    @property
    def more(self) -> tuple[int, int, float]:
        """Seeds in all, runs and minutes (of one worker) that should decide all that is open, by those so far."""
        wanted: dict[Arm, int] = {}
        known: dict[Arm, list[float]] = {}
        for one in undecided(self.standings):
            for arm, seconds in _costs(one.runs).items():
                known[arm] = seconds
                wanted[arm] = max(wanted.get(arm, 0), self.wanted(one))
        missing = {arm: seeds - self.seeds[-1] for arm, seeds in wanted.items()}
        minutes = sum(count * sum(known[arm]) / len(known[arm]) / 60 for arm, count in missing.items())
        return max(wanted.values(), default=0), sum(missing.values()), minutes


@dataclass(frozen=True)
class Study:
    """Verdicts on all claims, the effects of the axis, and the looks that they rest on."""

    verdicts: list[Verdict]
    effects: list[MainEffect]
    looks: Looks | None = None  # None: judged once, at the level of 5 %


def judged_study(sweep: Sweep, claims: Sequence[Claim]) -> Study:
    """All claims, and the axis."""
    if sweep.until is None:
        return Study(judged(sweep, claims), main_effects(sweep))
    seeds, at_most = taken(sweep), sweep.until.at_most
    if not seeds:
        early = f"the first look is taken once all runs of {sweep.until.first} seeds are done"
        none = [_unseen(verdict, early) for verdict in judged(replace(sweep, points=[]), claims)]
        return Study(none, [], Looks(sweep.until, (), (), (), LEVEL))
    found = standings(sweep, claims, seeds, at_most)
    looks = Looks(
        sweep.until, tuple(seeds), tuple(look_levels(seeds, at_most)), tuple(found), last_level(seeds, at_most)
    )
    verdicts = [_said(looks, one) for one in found if isinstance(one.found, Verdict)]
    return Study(verdicts, [one.found for one in found if isinstance(one.found, MainEffect)], looks)


def _unseen(verdict: Verdict, why: str) -> Verdict:
    return replace(verdict, findings=tuple(replace(one, why=why) for one in verdict.findings))


def _said(looks: Looks, one: Standing) -> Verdict:
    """The verdict, which says at which look it fell."""
    if one.verdict.outcome == NOT_JUDGED:
        return one.verdict
    return replace(one.verdict, judged_at=f"{one.verdict.judged_at} {sentence(looks, one)}".strip())


def sentence(looks: Looks, one: Standing) -> str:
    """At which look, and what comes after it."""
    at = f"at {one.seeds} seeds, level {level_text(one.level)}"
    if one.state == DECIDED:
        return f"Decided {at}."
    if one.state == NOT_JUDGED:
        return f"Looked {at}; some of its runs are no part of this sweep, so it asks for no more seeds."
    most = looks.until.at_most
    if one.seeds >= most:
        return f"Not decided {at}, the most there may be."
    if one.state == FUTILE:
        return f"Given up {at}: the chance that {most} seeds decide it is {100 * one.hope:.0f} %."
    wanted = looks.wanted(one)
    return f"Open {at}: {wanted} seeds should decide it (chance by {most}: {100 * one.hope:.0f} %)."


def level_text(level: float) -> str:
    """A look's level of its family, in per cent."""
    return f"{100 * level:.3g} %"


def summary(looks: Looks) -> list[str]:
    """The looks so far, what is open, and what it should take, each in a sentence."""
    first, most = looks.until.first, looks.until.at_most
    if not looks.seeds:
        return [f"No look yet: the first is taken once all runs of {first} seeds are done (at most {most} seeds)."]
    judged_ones = [one for one in looks.standings if one.state != NOT_JUDGED]
    counts = [(sum(one.state == DECIDED for one in judged_ones), "decided")]
    counts += [(len(undecided(judged_ones)), "open"), (sum(one.state == FUTILE for one in judged_ones), "given up")]
    at = ", ".join(f"{count} ({level_text(level)})" for count, level in zip(looks.seeds, looks.levels, strict=True))
    said = [f"Seeds are added until claims are decided, up to {most}. Looks so far, by seeds and their level: {at}; "
            "no look's share of the 5 % is spent twice.",
            f"Of {len(judged_ones)} claims and effects of the axis that these runs can answer, "
            f"{', '.join(f'{count} {name}' for count, name in counts if count) or 'none'}."]  # fmt: skip
    if undecided(judged_ones):
        seeds, runs, minutes = looks.more
        said.append(f"What is open should take {seeds} seeds in all: {runs} more runs, {minutes:.0f} minutes of one "
                    "worker, if the effects stay what they are.")  # fmt: skip
    return said


def text_of(one: Standing, sweep: Sweep) -> str:
    """The claim, or the effect of the axis, in words."""
    if isinstance(one.found, Verdict):
        return one.found.claim.text
    return f"What {sweep.x.title} does to {one.found.pairs.title}, {one.found.kind}."


def as_dict(looks: Looks, sweep: Sweep) -> dict[str, Any]:
    """All of the looks, for other programs."""
    questions = [
        {"text": text_of(one, sweep), "outcome": one.outcome, "state": one.state, "seeds": one.seeds,
         "level": one.level, "chance": one.hope, "said": sentence(looks, one)}
        for one in looks.standings if one.state != NOT_JUDGED
    ]  # fmt: skip
    needed = [[point.run_id, point.eval_id, point.step] for point in looks.needed]
    taken_ = [{"seeds": count, "level": level} for count, level in zip(looks.seeds, looks.levels, strict=True)]
    return {"first": looks.until.first, "at_most": looks.until.at_most, "looks": taken_, "summary": summary(looks),
            "questions": questions, "needed": needed}  # fmt: skip


def _costs(runs: Iterable[Run]) -> dict[Arm, list[float]]:
    """Seconds of each arm's runs."""
    found: dict[Arm, list[float]] = {}
    for run in runs:
        arm = tuple(sorted((key, str(value)) for key, value in run.settings.items() if key != "seed"))
        cost = run.point.result.get("cost", {})
        found.setdefault(arm, []).append(cost.get("train_seconds", 0.0) + cost.get("score_seconds", 0.0))
    return found
