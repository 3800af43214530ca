"""Verdicts as Markdown."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from reports.paper import published
from reports.statistics.intervals import RESAMPLES
from reports.statistics.judging import INCONCLUSIVE
from reports.stored.runs import Sweep
from reports.verdicts.axis import MainEffect
from reports.verdicts.cells import AXIS_HEADS, HEADS, axis_cells, comparison_cells
from reports.verdicts.facts import command
from reports.verdicts.judging import NOT_JUDGED, Verdict, over_words
from reports.verdicts.study import Looks, sentence, summary, text_of

METHOD = f"""\
Effects are differences of paired runs (same seed, prompts, images and noise), positive where the first side is
better. The verdict rests on one interval, the *simultaneous interval*: all those of a claim's family hold the true
effects at once in 95 % of studies. Seeds are blocks: what a seed does to all arms alike cancels, and the residual of
the table arms x seeds is the error, pooled over arms (together with the pair's own). The quantile is the multivariate
t's for just these comparisons (Tukey's for all pairs, Dunnett's for all against one); several metrics share the 5 %
(Bonferroni). Arms whose spreads are not alike (the largest share of the residual, as in Cochran's test) get
Greenhouse and Geisser's correction and never less than the pair's own spread. Where a metric is a mean of items, other
items are a second source of error, crossed with seeds; FID and KID are of whole sets and hold for these prompts.
*Supported*: the interval lies wholly where it was claimed; *contradicted*: wholly outside. *No relevant difference*:
it lies wholly within the margin of relevance (two one-sided tests). Margins that a claim does not name: 5 % of the
way from chance to ceiling, 10 % of the excess over the ceiling for FID and KID, 5 % of the mean for the rest. The
outcomes at half and at double the margin stand beside it. *p*: the level at which the interval would just reach the
threshold.
*Over seeds*: 95 % interval of this pair alone for other seeds on the same items (Student's t). *Over items*: for other
items at the same seeds (bootstrap, {RESAMPLES:,} resamples). *Smallest detectable*: the distance from the threshold
that these runs find with 80 % power (noncentral t). With one seed nothing is said of other seeds, and no verdict on
what varies over seeds goes beyond *inconclusive*; where architectures are the blocks, the answer is about their mean.
"""

LOOKS = """\
Seeds were added until claims were decided, and each look at the claims spends a share of the 5 %: by the time a share t
of the seeds there may be at most is in, t of the 5 % is spent (Lan and DeMets). So a look's intervals are those of its
own level, wider than 95 % ones, and any false verdict of a family at any look has a chance of 5 %. What a look decided
stays decided. A claim is given up where the chance that all seeds there may be decide it is below 5 %.
"""


def markdown(
    sweep: Sweep, verdicts: list[Verdict], effects: Sequence[MainEffect] = (), looks: Looks | None = None
) -> str:
    """Verdicts first, then each with its comparisons."""
    lines = [f"# Verdicts: {sweep.title}", ""]
    lines += [*summary(looks), ""] if looks else []
    lines += ["| claim | verdict | scale |", "| --- | --- | --- |"]
    lines += [f"| {_cell(v.claim.text)} | **{v.outcome}** | {_scale(v)} |" for v in verdicts]
    for verdict in verdicts:
        lines += ["", f"## {verdict.claim.text}", "", *_section(sweep, verdict)]
    lines += _axis_section(sweep, effects, looks)
    slips = published.slips()
    how = [METHOD, LOOKS] if looks else [METHOD]
    return "\n".join([*lines, "", "## How to read this", "", *how, *slips]).rstrip() + "\n"


def _axis_section(sweep: Sweep, effects: Sequence[MainEffect], looks: Looks | None) -> list[str]:
    if not effects:
        return []
    blocks = effects[0].tested.differences.blocks
    rows = [AXIS_HEADS, ["---"] * len(AXIS_HEADS), *map(axis_cells, effects)]
    head = ["", f"## What {sweep.x.title} does", "", over_words(blocks), ""]
    return [*head, *map(_row, rows), *of_effects(sweep, looks)]


def of_effects(sweep: Sweep, looks: Looks | None) -> list[str]:
    """At which look each effect of the axis was decided, or why it is not."""
    some = [one for one in looks.standings if isinstance(one.found, MainEffect)] if looks else []
    return ["", *(f"- {text_of(one, sweep)} {sentence(looks, one)}" for one in some)] if looks and some else []


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


def _scale(verdict: Verdict) -> str:
    return "not comparable" if verdict.below_paper else "–" if verdict.outcome == NOT_JUDGED else "the paper's"


def _row(cells: list[str]) -> str:
    return "| " + " | ".join(map(_cell, cells)) + " |"


def _cell(text: str) -> str:
    return text.replace("|", "\\|")
