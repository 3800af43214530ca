"""A comparison in words: for a terminal and, as Markdown, for the summary of a CI job."""

from __future__ import annotations

import math
from collections.abc import Sequence

from reports.regression import checks
from reports.regression.checks import EQUAL, MEAN, MEMORY, SPEED, Check
from reports.regression.comparing import KEPT, NOT_JUDGED, Comparison, Metrics, Row, where_from
from reports.regression.measured import CEILING, CHANGE, LOGARITHMIC, LOSS
from reports.stored.declared import GENERAL
from reports.style import labels

NAMES = {"mean_lr": "learning rate", "step_seconds": "seconds a step, to the others'"}
HEADS = ("architecture", "measured", "baseline", "bounds", "here", "")


def name(measure: str, metrics: Metrics) -> str:
    """A measure's name for readers."""
    titles = {metric.name: metric.title for metric in metrics.values()}
    if measure.endswith(CEILING):
        return f"ceiling of {titles.get(measure.removesuffix(CEILING), measure)}"
    if measure.endswith(CHANGE):
        return f"change of {titles.get(measure.removesuffix(CHANGE), measure)}"
    if measure.startswith(LOSS):
        return f"{measure.removeprefix(LOSS)} loss"
    general = GENERAL[measure].label if measure in GENERAL else measure.replace("_", " ")
    return NAMES.get(measure) or titles.get(measure) or general


def terminal(comparison: Comparison) -> str:
    """The checks that drifted, then every bound."""
    lines = [_headline(comparison), *_facts(comparison)]
    if comparison.drifted:
        lines += ["", *aligned(_table(comparison, comparison.drifted))]
    return "\n".join([*lines, "", "Bounds:", *aligned(_table(comparison, _shown(comparison))), *_equal(comparison)])


def markdown(comparison: Comparison) -> str:
    """The same as Markdown, the bounds folded in."""
    lines = [f"## {_headline(comparison)}", "", *[f"- {fact}" for fact in _facts(comparison)]]
    if comparison.drifted:
        lines += ["", *piped(_table(comparison, comparison.drifted))]
    lines += ["", "<details><summary>Every bound</summary>", "", *piped(_table(comparison, _shown(comparison))), ""]
    return "\n".join([*lines, *_equal(comparison), "", "</details>", ""])


def bounds(check: Check) -> str:
    """The interval that a number has to lie in."""
    if check.kind == EQUAL and not check.measure.endswith(checks.SEEDED):
        return f"= {_number(check.mean)}"
    return f"{_number(check.low)} to {_number(check.high)}" if check.low is not None else f"<= {_number(check.high)}"


def spread(check: Check) -> str:
    """The baseline's mean and standard deviation."""
    if not check.sd or check.kind in (MEMORY, SPEED):
        return _number(check.mean)
    factor = check.measure in LOGARITHMIC
    return f"{_number(check.mean)} {'x/' if factor else '±'} {_number(math.exp(check.sd) if factor else check.sd)}"


def _headline(comparison: Comparison) -> str:
    drifted, failed = len(comparison.drifted), len(comparison.session.failed)
    if comparison.passed:
        return f"Regression check: all {len(comparison.rows)} checks kept"
    said = [f"{drifted} of {len(comparison.rows)} checks drifted"] * bool(drifted)
    said += [f"{failed} runs failed"] * bool(failed)
    return f"Regression check: {', '.join(said)}"


def _facts(comparison: Comparison) -> list[str]:
    session, baseline = comparison.session, comparison.baseline
    seeds = ", ".join(map(str, session.seeds))
    lines = [
        f"{len(session.runs)} runs, seeds {seeds}, against {len(baseline.runs)} runs blessed {baseline.blessed}",
        f"chance of any false alarm: {100 * checks.LEVEL:g} % if seeds spread normally, over "
        f"{checks.family(baseline.checks)} means",
        _digests(comparison),
    ]
    lines += [f"failed: {line}" for line in session.failed]
    new = sorted(set(session.architectures) - set(baseline.architectures))
    if new:
        lines.append(f"without a baseline yet: {', '.join(new)} (`make bless`)")
    if not comparison.passed:
        lines.append("if this is meant, `make bless` shows the difference and moves the baseline")
    return lines


def _digests(comparison: Comparison) -> str:
    """Which results are the baseline's to the last bit, and if not, what else differs."""
    same, different = len(comparison.same), len(comparison.different)
    if not same + different:
        return "no seed of these runs is in the baseline: no results to compare bit by bit"
    if not different:
        return f"results of the same seeds: all {same} equal, to the last bit"
    why = where_from(comparison)
    return f"results of the same seeds: {different} of {same + different} different; {'; '.join(why)}"


def _shown(comparison: Comparison) -> list[Row]:
    return [row for row in comparison.rows if row.check.kind in (MEAN, MEMORY, SPEED) or row.outcome == NOT_JUDGED]


def _equal(comparison: Comparison) -> list[str]:
    rows = [row for row in comparison.rows if row.check.kind == EQUAL]
    kept = sum(row.outcome == KEPT for row in rows)
    names = dict.fromkeys(name(row.check.measure, comparison.session.metrics) for row in rows)
    return ["", f"Equal to the baseline's, as they must be: {kept} of {len(rows)} ({', '.join(names)})"]


def _table(comparison: Comparison, rows: Sequence[Row]) -> list[list[str]]:
    return [list(HEADS)] + [
        [
            labels.architecture(row.check.architecture),
            name(row.check.measure, comparison.session.metrics),
            spread(row.check),
            bounds(row.check),
            "–" if row.observed is None else _number(row.observed),
            f"{row.outcome} ({row.why})" if row.why else row.outcome,
        ]
        for row in rows
    ]


def aligned(table: list[list[str]]) -> list[str]:
    """As lines of columns."""
    widths = [max(map(len, column)) for column in zip(*table, strict=True)]
    return ["  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in table]


def piped(table: list[list[str]], alignment: str = "llrrrl") -> list[str]:
    """As a Markdown table; a letter for each column says left or right."""
    head, *rows = [f"| {' | '.join(cell.replace('|', chr(92) + '|') for cell in row)} |" for row in table]
    return [head, f"| {' | '.join('---:' if side == 'r' else '---' for side in alignment)} |", *rows]


def _number(value: float | None) -> str:
    assert value is not None
    return f"{value:.4g}" if abs(value) < 1e4 else f"{value:,.0f}" if abs(value) < 1e7 else f"{value:.6g}"
