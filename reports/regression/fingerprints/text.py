"""The comparison of fingerprints in words: for a terminal and, as Markdown, for the summary of a CI job."""

from __future__ import annotations

import math
from collections.abc import Sequence
from statistics import median
from typing import Any

from bench.experiment.fingerprints.variations import SHARED
from reports.regression.fingerprints.baseline import Baseline, stage
from reports.regression.fingerprints.comparing import Comparison, Row, where_from
from reports.regression.text import aligned, piped
from reports.style import labels

HEADS = ("of", "first that differs, from data to score", "baseline", "here", "moved by", "tolerance", "later ones")
STAGES = ("stage", "quantities", "median tolerance", "largest tolerance", "largest move here")
ALIGNED = {HEADS: "llrrrrr", STAGES: "lrrrr"}
WIDEST = 48  # characters of an exact value


def terminal(comparison: Comparison) -> str:
    """Where the first difference is, then tolerances by stage."""
    lines = [headline(comparison), *facts(comparison)]
    if comparison.drifted:
        lines += ["", *aligned([list(HEADS), *first(comparison)])]
    return "\n".join([*lines, "", *aligned([list(STAGES), *stages(comparison)])])


def markdown(comparison: Comparison) -> str:
    """The same as Markdown, tolerances and every difference folded in."""
    lines = [f"## {headline(comparison)}", "", *[f"- {fact}" for fact in facts(comparison)], ""]
    if comparison.drifted:
        lines += [*piped([list(HEADS), *first(comparison)], ALIGNED[HEADS]), ""]
        every = [f"- {scope_name(row.scope)}: {row.name}: {amount(row)}" for row in comparison.drifted]
        lines += ["<details><summary>Every difference</summary>", "", *every, "", "</details>", ""]
    lines += ["<details><summary>Tolerances by stage</summary>", ""]
    lines += [*piped([list(STAGES), *stages(comparison)], ALIGNED[STAGES]), "", "</details>", ""]
    return "\n".join(lines)


def headline(comparison: Comparison) -> str:
    """One line: does anything differ, and where first?"""
    if comparison.passed:
        return f"Fingerprints: all {len(comparison.rows):,} quantities kept"
    place = comparison.drifted[0]
    where = f"first in {scope_name(place.scope)}: {place.name}"
    return f"Fingerprints: {len(comparison.drifted):,} of {len(comparison.rows):,} quantities differ, {where}"


def facts(comparison: Comparison) -> list[str]:
    """What was compared with what, by which tolerances."""
    rows, blessed = comparison.rows, comparison.baseline.environment["time"]
    same = sum(row.moved == 0 for row in rows)
    why = "; ".join(where_from(comparison)) or "machine and packages are the baseline's"
    lines = [
        f"made in {comparison.found.seconds:.0f} s, against those blessed {blessed}",
        f"{same:,} of {len(rows):,} equal to the last digit; {why}",
        *tolerances(comparison.baseline),
    ]
    left_out = [f"{scope_name(row.scope)}: {row.name}" for row in rows if row.tolerance is None]
    if left_out:
        lines.append(f"not compared, as harmless variations change them: {len(left_out)}, the first {left_out[0]}")
    if comparison.added:
        count = len(comparison.added)
        lines.append(f"without a baseline yet: {count:,}, the first {comparison.added[0]} (`make bless`)")
    if not comparison.passed:
        lines.append("if this is meant, `make bless` shows the difference and moves the baseline")
    return lines


def tolerances(baseline: Baseline) -> list[str]:
    """How tolerances came about, and their size."""
    rules = baseline.thresholds
    numbers = [
        (tolerance, f"{scope_name(scope)}: {name}")
        for scope, found in baseline.tolerances.items()
        for name, tolerance in found.items()
        if tolerance
    ]
    largest = max(numbers)
    exact = sum(tolerance == 0 for found in baseline.tolerances.values() for tolerance in found.values())
    return [
        f"tolerance: {rules['factor']:g} x the largest move under {', '.join(rules['variations'])}, at least "
        f"{rules['floor']:g}; {exact:,} must be equal",
        f"of the others' tolerances the median is {median(value for value, _ in numbers):.2g}, the largest "
        f"{largest[0]:.2g} ({largest[1]})",
    ]


def first(comparison: Comparison) -> list[list[str]]:
    """A row for each scope with a difference: its first one, and how many follow."""
    table = []
    for scope in comparison.baseline.scopes:
        drifted = [row for row in comparison.of(scope) if row.drifted]
        if drifted:
            row, more = drifted[0], f"{len(drifted) - 1} of {len(comparison.of(scope))}"
            limit = f"{row.tolerance:.2g}" if row.tolerance else "equal"
            table.append([scope_name(scope), row.name, *_pair(row), _moved(row), limit, more])
    return table


def stages(comparison: Comparison) -> list[list[str]]:
    """A row for each stage: its tolerances, and the largest move of what must not be equal."""
    table = []
    for name in dict.fromkeys(stage(row.name) for row in comparison.rows):
        rows = [row for row in comparison.rows if stage(row.name) == name]
        loose = [row for row in rows if row.tolerance]
        sizes = [row.tolerance for row in loose if row.tolerance]
        spread = ["equal", "equal", "–"]
        if sizes:
            spread = [f"{number:.2g}" for number in (median(sizes), max(sizes), max(row.moved for row in loose))]
        table.append([name, f"{len(rows):,}", *spread])
    return table


def scope_name(scope: str) -> str:
    """A scope for readers."""
    return "all architectures" if scope == SHARED else labels.architecture(scope)


def amount(row: Row) -> str:
    """How a quantity changed."""
    old, new = _pair(row)
    return f"{old} in the baseline, {new} here (moved by {_moved(row)}, tolerance {row.tolerance:.2g})"


def _moved(row: Row) -> str:
    return f"{row.moved:.2g}" if math.isfinite(row.moved) else "–"


def _pair(row: Row) -> list[str]:
    """Both values; of several numbers those that are furthest apart."""
    old, new = _numbers(row.old), _numbers(row.new)
    if old is None or new is None or len(old) != len(new) or not old:
        return [_exact(row.old), _exact(row.new)]
    place = max(range(len(old)), key=lambda index: abs(old[index] - new[index]))
    return [f"{old[place]:.7g}", f"{new[place]:.7g}"]


def _numbers(value: Any) -> Sequence[float] | None:
    return value["numbers"] if isinstance(value, dict) else value if isinstance(value, list) else None


def _exact(value: Any) -> str:
    if value is None:
        return "missing"
    numbers = _numbers(value)
    said = value if numbers is None else f"{len(numbers)} numbers"
    return said if len(said) <= WIDEST else f"{said[: WIDEST - 1]}…"
