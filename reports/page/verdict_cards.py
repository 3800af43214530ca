"""The verdicts as the page shows them: the outcome, the comparison that tells it best, and below it all of them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from reports.statistics.intervals import LEVEL
from reports.statistics.judging import CONTRADICTED, Judgement
from reports.stored.runs import Sweep
from reports.tables.table import NOTHING
from reports.verdicts.cells import HEADS, comparison_cells
from reports.verdicts.facts import command
from reports.verdicts.judging import NOT_JUDGED, Finding, Verdict
from reports.verdicts.text import lacks, notes, reason

SHOWN = ["comparison", "metric", "means", "effect", "simultaneous interval", "over items", "margin"]
SHOWN += ["half, double margin", "smallest detectable", "p (family)", "the paper's"]
INTERVAL = "simultaneous interval"
NAMES = {  # of a column, where it stands alone
    "comparison": "it hangs on", "means": "means", "effect": "effect (positive: the first is better)",
    "over items": "95 % interval over items, at this seed",
    "margin": "margin of relevance", "half, double margin": "at half and double the margin",
    "smallest detectable": "smallest detectable effect",
}  # fmt: skip


@dataclass(frozen=True)
class Card:
    """One claim."""

    claim: str
    source: str
    outcome: str
    reason: str
    judged_at: str  # which runs it is about
    below_paper: tuple[str, ...]  # why its scale is not comparable
    shown: list[tuple[str, str]]  # name and value of one comparison
    rows: list[list[str]]  # of all, below HEADS
    notes: list[str]
    lacks: str
    command: str | None


def cards(sweep: Sweep, verdicts: Sequence[Verdict]) -> list[Card]:
    """Judged ones first."""
    ordered = sorted(verdicts, key=lambda verdict: verdict.outcome == NOT_JUDGED)
    return [_card(sweep, verdict) for verdict in ordered]


def _card(sweep: Sweep, verdict: Verdict) -> Card:
    claim, tested = verdict.claim, [finding for finding in verdict.findings if finding.pairs]
    rows = [comparison_cells(claim, finding) for finding in tested]
    cells = dict(zip(HEADS, comparison_cells(claim, _telling(verdict, tested)), strict=True)) if tested else {}
    said = [f"It needs a setting that this version does not have: {claim.needs}"] if claim.needs else notes(verdict)
    level = next((finding.tested.level for finding in tested if finding.tested), LEVEL)
    names = NAMES | {INTERVAL: f"simultaneous {100 * (1 - level):.4g} % interval"}
    named = [(names.get(name, name), cells[name]) for name in _named(cells)]
    return Card(
        claim.text, claim.source, verdict.outcome, reason(verdict), verdict.judged_at, verdict.below_paper, named, rows,
        said, lacks(verdict), command(sweep, claim),
    )  # fmt: skip


def _telling(verdict: Verdict, tested: list[Finding]) -> Finding:
    """The comparison on which the verdict hangs: the surest that contradicts, else the least sure of its outcome."""
    same = [finding for finding in tested if finding.outcome == verdict.outcome] or tested
    ranked = sorted(same, key=lambda finding: _doubt(finding.tested))
    return ranked[0 if verdict.outcome == CONTRADICTED else -1]


def _doubt(tested: Judgement | None) -> tuple[float, bool]:
    """Orders comparisons from sure to unsure; of those not tested, one that points the other way comes last."""
    return (tested.p or 0.0, not tested.inside) if tested else (-1.0, False)


def _named(cells: dict[str, str]) -> list[str]:
    """The columns that are shown of one comparison: one interval, the widest there is."""
    other = "over items" if cells.get(INTERVAL, NOTHING) != NOTHING else INTERVAL
    return [name for name in SHOWN if cells.get(name) and name != other]
