"""Power analysis of the claims that are undecided: would more seeds, more images or longer training settle them?"""

from __future__ import annotations

from reports.statistics.intervals import LEVEL
from reports.statistics.judging import INCONCLUSIVE
from reports.statistics.planning import MOST_ITEMS, MOST_SEEDS, plan
from reports.stored.runs import Sweep
from reports.verdicts.judging import NOT_JUDGED, Finding, Verdict
from reports.verdicts.text import command

PREMISE = f"""\
If the effects stay what they are: the seeds, or items at the same seeds, with which the interval at Holm's strictest
step would exclude the threshold (up to {MOST_SEEDS} seeds or {MOST_ITEMS:,} items). An effect that is measured anew
varies: at these numbers the chance is about one half. What longer training would do no variance can tell: that takes
longer runs."""


def analysis(sweep: Sweep, verdicts: list[Verdict]) -> str:
    """A paragraph for each claim that is undecided."""
    lines = []
    for verdict in verdicts:
        if verdict.outcome in (INCONCLUSIVE, NOT_JUDGED):
            lines += [f"{verdict.claim.text} ({verdict.outcome})", *_lines(sweep, verdict), ""]
    return "\n".join([*lines, PREMISE] if lines else ["Nothing is undecided."])


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
    tested = finding.tested
    assert tested is not None
    if tested.error is None:
        return "one seed: three or more are needed to know how much seeds differ"
    found = plan(tested.differences, tested.threshold, LEVEL / tested.family_size)
    n = tested.differences.count
    spread = f"variance between seeds {found.parts.seed:.2g}"
    if n:
        spread += f", of items / {n} {(found.parts.item + found.parts.rest / len(tested.differences.seeds)) / n:.2g}"
    wrong = "" if tested.inside else ", against the claim"
    ways = [f"{found.seeds} seeds in all{wrong}"] if found.seeds else []
    ways += [f"{found.items:,} items at these seeds{wrong}"] if found.items else []
    if not ways:
        ways = ["neither more seeds nor more items: the effect itself would have to differ (longer training)"]
    return f"{' or '.join(ways)} ({spread})"
