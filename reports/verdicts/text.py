"""Verdicts as Markdown and as JSON."""

from __future__ import annotations

import json
import math
import shlex
from collections import Counter
from typing import Any

from reports.paper import published
from reports.statistics.intervals import RESAMPLES, Interval
from reports.statistics.judging import INCONCLUSIVE
from reports.stored.runs import Sweep
from reports.verdicts.hypotheses import Claim
from reports.verdicts.judging import NOT_JUDGED, Finding, Verdict

HEADS = ["comparison", "metric", "paired seeds", "means", "effect", "over seeds", "over items", "over both"]
HEADS += ["smallest detectable", "p (Holm)", "outcome", "the paper's"]
METHOD = f"""\
Effects are differences of paired runs (same seed, prompts, images and noise), positive where the first side is
better. *Over seeds*: 95 % interval for other seeds on the same items (Student's t). *Over items*: for other items at
the same seeds (bootstrap, {RESAMPLES:,} resamples of items). *Over both*: for other seeds and other items at once
(two-way variance components, the sources' t quantiles weighted by variance); the verdict rests on it.
FID and KID are of whole sets: they have the spread over seeds alone, and hold for these prompts. *p*: two-sided,
corrected by Holm over the family; a verdict needs p <= 0.05 for every comparison of a claim, or for one that goes the
other way. The intervals are not corrected. *Smallest detectable*: delta x standard error, as measured, where a
noncentral t of noncentrality delta passes Holm's strictest step with 80 % power. With one seed nothing is said of
other seeds, and no verdict on what varies over seeds goes beyond *inconclusive*.
"""


def markdown(sweep: Sweep, verdicts: list[Verdict]) -> str:
    """Verdicts first, then each with its comparisons."""
    lines = [f"# Verdicts: {sweep.title}", ""]
    lines += ["| claim | verdict | scale |", "| --- | --- | --- |"]
    lines += [f"| {_cell(v.claim.text)} | **{v.outcome}** | {_scale(v)} |" for v in verdicts]
    for verdict in verdicts:
        lines += ["", f"## {verdict.claim.text}", "", *_section(sweep, verdict)]
    slips = published.slips()
    return "\n".join([*lines, "", "## How to read this", "", METHOD, *slips]).rstrip() + "\n"


def as_json(sweep: Sweep, verdicts: list[Verdict]) -> str:
    """All that was measured, at full precision."""
    rows = [
        {
            "name": verdict.claim.name,
            "text": verdict.claim.text,
            "source": verdict.claim.source,
            "verdict": verdict.outcome,
            "scale_not_comparable": list(verdict.below_paper),
            "needs": verdict.claim.needs or None,
            "command": command(sweep, verdict.claim),
            "comparisons": [_facts(verdict.claim, finding) for finding in verdict.findings],
        }
        for verdict in verdicts
    ]
    return json.dumps({"schema": 1, "sweep": sweep.name, "preset": sweep.preset, "verdicts": rows}, indent=1) + "\n"


def command(sweep: Sweep, claim: Claim) -> str | None:
    """The command that makes the runs of a claim."""
    if not claim.sweep:
        return None
    name, *rest = shlex.split(claim.sweep)
    preset = [] if sweep.preset == "default" else [sweep.preset]
    return "python -m sweeps run " + shlex.join([name, *preset, *rest])


def _section(sweep: Sweep, verdict: Verdict) -> list[str]:
    claim = verdict.claim
    source = f"Source: {claim.source or 'none given'}."
    said = [f"**{verdict.outcome.capitalize()}.**", reason(verdict), verdict.judged_at, source]
    lines = [" ".join(filter(None, said))]
    if verdict.below_paper:
        lines.append(f"Scale not comparable with the paper's: {'; '.join(verdict.below_paper)}.")
    if claim.needs:
        return [*lines, "", f"- It needs a setting that this version does not have: {claim.needs}."]
    lines.append("")
    table = [finding for finding in verdict.findings if finding.pairs]
    if table:
        rows = [HEADS, ["---"] * len(HEADS), *[comparison_cells(claim, finding) for finding in table]]
        lines += [*map(_row, rows), ""]
    lines += [f"- {note}." for note in notes(verdict)]
    if lacking := lacks(verdict):
        lines.append(f"- {lacking}: `{command(sweep, claim)}`")
    return lines


def notes(verdict: Verdict) -> list[str]:
    """Notes on the pairs, and why some were not judged."""
    said = [note for finding in verdict.findings if finding.pairs for note in finding.pairs.notes]
    said += [finding.why for finding in verdict.findings if finding.outcome == NOT_JUDGED]
    return [f"{note[0].upper()}{note[1:]}" for note in dict.fromkeys(said)]


def lacks(verdict: Verdict) -> str:
    """Runs that the claim's command would add: "The runs", "More seeds" or nothing."""
    if any(finding.outcome == NOT_JUDGED for finding in verdict.findings):
        return "The runs"
    return "More seeds" if any(one.tested and not one.tested.error for one in verdict.findings) else ""


def reason(verdict: Verdict) -> str:
    """How many comparisons came out how, and whether one seed is all there is."""
    findings = verdict.findings
    counts = Counter(finding.outcome for finding in findings)
    said = ", ".join(f"{count} {name}" for name, count in counts.items())
    some = f"Of {len(findings)} comparisons: {said}." if len(findings) > 1 and set(counts) != {NOT_JUDGED} else ""
    tested = [finding.tested for finding in findings if finding.tested]
    if len(tested) > 1 and verdict.outcome == INCONCLUSIVE:
        some += f" {sum(one.inside for one in tested)} of {len(tested)} effects point the way that is claimed."
    single = any(finding.tested and not finding.tested.error for finding in findings)
    return " ".join(filter(None, [some, "One seed: the spread between seeds is not known." if single else ""]))


def comparison_cells(claim: Claim, finding: Finding) -> list[str]:
    """A row below `HEADS`."""
    pairs, tested = finding.pairs, finding.tested
    assert pairs is not None
    means = f"{number(pairs.means[0])}, {number(pairs.means[1])}"
    seeds, effect = str(len(pairs.differences.seeds)), number(pairs.differences.effect)
    start = [finding.question, pairs.title, seeds, means, effect]
    if tested is None:
        return [*start, "", "", "", "", "", f"{finding.outcome}: {finding.why}", _paper(claim, finding)]
    margin = "" if tested.threshold == 0 else f" (margin {number(tested.threshold)})"
    start[-1] += margin
    smallest = "unknown" if tested.smallest is None else number(tested.smallest)
    p = "–" if tested.p_holm is None else f"{tested.p_holm:.2g} (of {tested.family_size})"
    intervals = map(interval_text, (tested.by_seeds, tested.by_items, tested.by_both))
    return [*start, *intervals, smallest, p, finding.outcome, _paper(claim, finding)]


def _paper(claim: Claim, finding: Finding) -> str:
    comparison = finding.comparison
    sides = [side for side in (comparison.runs, comparison.than) if side]
    return published.beside(claim.published, sides, comparison.metric)


def _facts(claim: Claim, finding: Finding) -> dict[str, Any]:
    facts: dict[str, Any] = {"question": finding.question, "metric": finding.comparison.metric}
    facts["published"] = _paper(claim, finding) or None
    facts |= {"outcome": finding.outcome, "why": finding.why or None}
    if finding.pairs:
        pairs = finding.pairs
        facts |= {"measured_by": pairs.metric, "seeds": list(pairs.differences.seeds), "means": list(pairs.means)}
        facts |= {"effect": pairs.differences.effect, "items": pairs.differences.count, "notes": list(pairs.notes)}
    if tested := finding.tested:
        facts |= {"interval_seeds": tested.by_seeds, "interval_items": tested.by_items, "interval": tested.by_both}
        facts |= {"threshold": tested.threshold, "p": tested.p, "p_holm": tested.p_holm, "family": tested.family_size}
        facts |= {"smallest_detectable": tested.smallest}
    return facts


def _scale(verdict: Verdict) -> str:
    return "not comparable" if verdict.below_paper else "–" if verdict.outcome == NOT_JUDGED else "the paper's"


def interval_text(interval: Interval | None) -> str:
    """Its ends, "–" where there is none."""
    return "–" if interval is None else f"{number(interval[0])} to {number(interval[1])}"


def number(value: float) -> str:
    """Three significant digits, plainly."""
    if value == 0 or not math.isfinite(value):
        return f"{value:g}"
    return f"{value:.{max(0, 2 - math.floor(math.log10(abs(value))))}f}"


def _row(cells: list[str]) -> str:
    return "| " + " | ".join(map(_cell, cells)) + " |"


def _cell(text: str) -> str:
    return text.replace("|", "\\|")
