"""Claims judged by a results folder's runs: how each comes out, and why."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from reports.paper import published
from reports.statistics.intervals import LEVEL
from reports.statistics.judging import CONTRADICTED, INCONCLUSIVE, SUPPORTED, Judgement, conjunction, judge
from reports.stored import declared
from reports.stored.declared import Axis
from reports.stored.runs import Sweep
from reports.stored.settings import Run, finished
from reports.verdicts.hypotheses import BETTER, NOT_BETTER, SAME, UNCHANGED, WORSE, Claim, Comparison
from reports.verdicts.pairing import Pairs, Unpaired, paired
from reports.verdicts.wording import question, side

NOT_JUDGED = "not judged"


@dataclass(frozen=True)
class Finding:
    """The outcome of one comparison; `tested` where it was a question of chance."""

    comparison: Comparison
    question: str  # both sides, in words
    outcome: str
    why: str = ""  # it was not judged, or not tested
    pairs: Pairs | None = None
    tested: Judgement | None = None


@dataclass(frozen=True)
class Verdict:
    """The outcome of a claim."""

    claim: Claim
    judged_at: str  # the settings that all its runs share, in words; "" where it names none
    outcome: str
    findings: tuple[Finding, ...]
    below_paper: tuple[str, ...]  # in what these runs fall short of the paper's scale


def judged(sweep: Sweep, claims: Sequence[Claim], level: float = LEVEL) -> list[Verdict]:
    """A verdict for every claim. Comparisons of one family are tested together, at this level of the family."""
    runs = finished(sweep.points)
    axes = declared.axes(point.result for point in sweep.points)
    findings = [[_finding(claim, one, question(one, axes), runs) for one in claim.comparisons] for claim in claims]
    for family in dict.fromkeys(claim.family for claim in claims):
        places = [
            (row, column)
            for row, claim in enumerate(claims)
            for column, finding in enumerate(findings[row])
            if claim.family == family and finding.tested
        ]
        tested = judge([one for row, column in places if (one := findings[row][column].tested)], level)
        for (row, column), result in zip(places, tested, strict=True):
            findings[row][column] = replace(findings[row][column], tested=result, outcome=result.outcome)
    where = [_where(claim, rows, axes) for claim, rows in zip(claims, findings, strict=True)]
    return [_verdict(*one) for one in zip(claims, where, map(tuple, findings), strict=True)]


def _where(claim: Claim, findings: list[Finding], axes: Mapping[str, Axis]) -> str:
    at = f"Judged at {side(claim.where, axes)} alone." if claim.where else ""
    blocks = next((one.pairs.differences.blocks for one in findings if one.pairs), ())
    return f"{at} {over_words(blocks)}".strip() if claim.over and blocks else at


def over_words(blocks: Sequence[Any]) -> str:
    """What is said of an effect whose blocks are architectures and seeds."""
    names, seeds = ({block[place] for block in blocks} for place in (0, 1))
    count = "one seed" if len(seeds) == 1 else f"{len(seeds)} seeds"
    return f"Over these {len(names)} architectures, {count}: their mean effect, and how it differs from one to another."


def _finding(claim: Claim, comparison: Comparison, asked: str, runs: list[Run]) -> Finding:
    try:
        pairs = paired(claim, comparison, runs)
    except Unpaired as reason:
        return Finding(comparison, asked, NOT_JUDGED, str(reason))
    if comparison.relation == UNCHANGED:
        return _unchanged(comparison, asked, pairs)
    low, high = {
        BETTER: (0.0, math.inf),
        WORSE: (-math.inf, 0.0),
        NOT_BETTER: (-math.inf, pairs.margin),
        SAME: (-pairs.margin, pairs.margin),
    }[comparison.relation]
    tested = Judgement(asked, pairs.differences, low, high, pairs.margin, pairs.measure)
    return Finding(comparison, asked, INCONCLUSIVE, pairs=pairs, tested=tested)


def _unchanged(comparison: Comparison, asked: str, pairs: Pairs) -> Finding:
    """No statistics: equal is equal in every run, and one that differs refutes it."""
    differ = int((pairs.differences.values != 0).sum())
    if pairs.differences.items is not None:
        differ = int((pairs.differences.items != 0).any(1).sum())
    k, n = len(pairs.differences.blocks), pairs.differences.count
    runs = f"{k} runs" if k > 1 else "1 run"
    among = f" and each of {n} items" if n else ""
    why = f"differs in {differ} of {runs}" if differ else f"equal in {'each of ' * (k > 1)}{runs}{among}"
    return Finding(comparison, asked, CONTRADICTED if differ else SUPPORTED, why, pairs)


def _verdict(claim: Claim, where: str, findings: tuple[Finding, ...]) -> Verdict:
    outcomes = [finding.outcome for finding in findings]
    outcome = NOT_JUDGED if set(outcomes) <= {NOT_JUDGED} else conjunction(outcomes)
    runs = list({run.point.folder: run for f in findings if f.pairs for run in f.pairs.runs}.values())
    return Verdict(claim, where, outcome, findings, _lacks(runs))


def _lacks(runs: list[Run]) -> tuple[str, ...]:
    """Reasons why the numbers of these runs are not comparable with the paper's; nothing where there are no runs."""
    if not runs:
        return ()
    scale, results = published.scale(), [run.point.result for run in runs]
    embedded = any(str(score["weights"]).startswith("embedded:") for r in results for score in r["metrics"].values())
    largest = {
        "parameters": max(result.get("cost", {}).get("total_params", 0) for result in results),
        "steps": max(run.point.step for run in runs),
    }
    for task in (task for result in results for task in result["tasks"].values() if task["noun"] in scale):
        largest[task["noun"]] = max(largest.get(task["noun"], 0), task["samples"])
    short = [f"{count:,} {name}, not {scale[name]:,.0f}" for name, count in largest.items() if count < scale[name]]
    return ("scored by embedded weights",) * embedded + tuple(short)
