"""Power analysis of what is undecided: would more seeds or items settle it, and how long would that take?"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace

from reports.statistics.judging import INCONCLUSIVE, Judgement
from reports.statistics.planning import MOST_ITEMS, MOST_SEEDS, Plan, plan
from reports.stored.runs import Sweep
from reports.stored.settings import Run
from reports.verdicts.axis import MainEffect
from reports.verdicts.cells import DIRECTIONS
from reports.verdicts.facts import command
from reports.verdicts.judging import NOT_JUDGED, Finding, Verdict
from reports.verdicts.looks import FUTILE, OPEN, undecided
from reports.verdicts.study import Looks, sentence, summary, text_of

PREMISE = f"""\
If the effects stay what they are: the seeds, or items at the same seeds, with which the simultaneous interval would
exclude the threshold or lie within the margin (up to {MOST_SEEDS} seeds or {MOST_ITEMS:,} items). An effect that is
measured anew varies: at these numbers the chance is about one half. Minutes are one worker's, by what these runs took.
What longer training would do no variance can tell: that takes longer runs."""


def analysis(
    sweep: Sweep, verdicts: Sequence[Verdict], effects: Sequence[MainEffect] = (), looks: Looks | None = None
) -> str:
    """A paragraph for each claim that is undecided, and for the axis; where there are looks, at the last level."""
    if looks:
        return _by_looks(sweep, looks)
    lines = []
    for verdict in verdicts:
        if verdict.outcome in (INCONCLUSIVE, NOT_JUDGED):
            lines += [f"{verdict.claim.text} ({verdict.outcome})", *_lines(sweep, verdict), ""]
    still = [one for one in effects if one.tested.outcome == INCONCLUSIVE]
    if still:
        lines += [f"What {sweep.x.title} does, over these architectures ({INCONCLUSIVE})"]
        said = [(one, advice(one.tested, one.pairs.runs, claimed=False)) for one in still]
        lines += [*(f"  {one.pairs.title}, {one.kind}: {how}" for one, how in said), ""]
    return "\n".join([*lines, PREMISE] if lines else ["Nothing is undecided."])


def _by_looks(sweep: Sweep, looks: Looks) -> str:
    lines = [*summary(looks), ""]
    for one in looks.standings:
        if one.state in (OPEN, FUTILE):
            lines += [f"{text_of(one, sweep)} ({one.outcome})", f"  {sentence(looks, one)}"]
            lines += [f"  {title}: {advice(replace(tested, level=looks.final), runs)}"
                      for title, tested, runs in _open(one.found)] + [""]  # fmt: skip
    return "\n".join([*lines, PREMISE] if undecided(looks.standings) else lines).rstrip()


def _open(found: Verdict | MainEffect) -> list[tuple[str, Judgement, Sequence[Run]]]:
    """Title, comparison and runs of what is not decided."""
    if isinstance(found, MainEffect):
        return [(f"{found.pairs.title}, {found.kind}", found.tested, found.pairs.runs)]
    some = [(one.question, one.pairs, one.tested) for one in found.findings if one.outcome == INCONCLUSIVE]
    return [(f"{asked}, {pairs.title}", tested, pairs.runs) for asked, pairs, tested in some if pairs and tested]


def _lines(sweep: Sweep, verdict: Verdict) -> list[str]:
    if verdict.claim.needs:
        return [f"  needs a setting that this version does not have: {verdict.claim.needs}"]
    open_ones = [finding for finding in verdict.findings if finding.outcome in (INCONCLUSIVE, NOT_JUDGED)]
    tested = [one for one in open_ones if one.tested]
    said = [f"  {one.question}, {one.pairs.title}: {_advice(one)}" for one in tested if one.pairs]
    said += [f"  {why}" for why in dict.fromkeys(one.why for one in open_ones if not one.tested)]
    if any(one.tested is None or one.tested.error is None for one in open_ones):
        said.append(f"  {command(sweep, verdict.claim)}")
    return said


def _advice(finding: Finding) -> str:
    assert finding.tested is not None and finding.pairs is not None
    return advice(finding.tested, finding.pairs.runs)


def advice(tested: Judgement, runs: Sequence[Run], claimed: bool = True) -> str:
    """What would decide a comparison, in words; `claimed`: somebody said which way it goes."""
    if tested.error is None:
        return "one seed: three or more are needed to know how much seeds differ"
    found = plan(tested)
    n, k = tested.differences.count, len(tested.differences.blocks)
    spread = f"variance between seeds {found.parts.seed:.2g}"
    if n:
        spread += f", of items / {n} {(found.parts.item + found.parts.rest / k) / n:.2g}"
    ways = [_seeds(found, tested, runs)] if found.seeds else []
    ways += [f"{found.items:,} items at these seeds"] if found.items else []
    if not ways:
        return f"neither more seeds nor more items: the effect itself would have to differ, longer training ({spread})"
    outcome = found.outcome if claimed else DIRECTIONS.get(found.outcome, found.outcome)
    return f"{' or '.join(ways)}, then {outcome} ({spread})"


def _seeds(found: Plan, tested: Judgement, runs: Sequence[Run]) -> str:
    """How many seeds in all, and the minutes that the missing runs of both sides take."""
    assert found.seeds is not None
    seeds = len({run.settings["seed"] for run in runs})
    wanted = math.ceil(found.seeds * seeds / len(tested.differences.blocks))  # several blocks may be of one seed
    costs = [run.point.result.get("cost", {}) for run in runs]
    seconds = [cost.get("train_seconds", 0.0) + cost.get("score_seconds", 0.0) for cost in costs]
    more = math.ceil((wanted - seeds) * len(runs) / seeds)
    minutes = math.ceil(more * sum(seconds) / len(seconds) / 60)
    return f"{wanted} seeds in all: {more} more runs, {minutes} minute{'s' * (minutes != 1)}"
