"""Verdicts as JSON."""

from __future__ import annotations

import json
import shlex
from collections.abc import Sequence
from typing import Any

from reports.statistics.judging import FACTORS, Judgement
from reports.stored.runs import Sweep
from reports.verdicts.axis import MainEffect
from reports.verdicts.cells import direction, paper
from reports.verdicts.hypotheses import Claim
from reports.verdicts.judging import Finding, Verdict
from reports.verdicts.study import Looks, as_dict


def as_json(
    sweep: Sweep, verdicts: list[Verdict], effects: Sequence[MainEffect] = (), looks: Looks | None = None
) -> str:
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
    axis = [
        {"metric": one.metric, "what": one.kind, "blocks": list(one.tested.differences.blocks),
         "outcome": direction(one.tested), "effect": one.tested.effect, **_tested(one.tested)}
        for one in effects
    ]  # fmt: skip
    content = {"schema": 1, "sweep": sweep.name, "preset": sweep.preset, "verdicts": rows, "axis": axis}
    content |= {"looks": as_dict(looks, sweep)} if looks else {}
    return json.dumps(content, indent=1) + "\n"


def command(sweep: Sweep, claim: Claim) -> str | None:
    """The command that makes the runs of a claim."""
    if not claim.sweep:
        return None
    name, *rest = shlex.split(claim.sweep)
    preset = [] if sweep.preset == "default" else [sweep.preset]
    return "python -m sweeps run " + shlex.join([name, *preset, *rest])


def _facts(claim: Claim, finding: Finding) -> dict[str, Any]:
    facts: dict[str, Any] = {"question": finding.question, "metric": finding.comparison.metric}
    facts["published"] = paper(claim, finding) or None
    facts |= {"outcome": finding.outcome, "why": finding.why or None}
    if finding.pairs:
        pairs = finding.pairs
        facts |= {"measured_by": pairs.metric, "seeds": list(pairs.differences.blocks), "means": list(pairs.means)}
        facts |= {"effect": pairs.differences.effect, "items": pairs.differences.count, "notes": list(pairs.notes)}
        facts |= {"margin": pairs.margin, "margin_rule": pairs.margin_rule}
    if finding.tested:
        facts |= _tested(finding.tested)
    return facts


def _tested(one: Judgement) -> dict[str, Any]:
    facts = {"interval_seeds": one.by_seeds, "interval_items": one.by_items, "interval": one.interval}
    return facts | {
        "level": one.level,
        "threshold": one.threshold,
        "p": one.p,
        "arms_alike": bool(one.error.alike(one.level)) if one.error else None,
        "smallest_detectable": one.smallest,
        "at_half_the_margin": one.at(FACTORS[0]),
        "at_double_the_margin": one.at(FACTORS[1]),
    }
