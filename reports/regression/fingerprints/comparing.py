"""Fingerprints against a baseline, quantity by quantity."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from bench.experiment.fingerprints.measure import deviation
from reports.regression.fingerprints.baseline import Baseline, Fingerprints
from reports.regression.measured import differences, flat

MOVING = ("time", "code", "usable_cores")  # facts that say nothing of the machine


@dataclass(frozen=True)
class Row:
    """One quantity of the baseline, and what it is now."""

    scope: str
    name: str
    old: Any
    new: Any  # None: it is not there any more
    moved: float  # relative to its size; infinite for what must be equal and is not
    tolerance: float | None  # None: not compared

    @property
    def drifted(self) -> bool:
        return self.tolerance is not None and self.moved > self.tolerance


@dataclass(frozen=True)
class Comparison:
    """All quantities, in the order of the way from data to score."""

    found: Fingerprints
    baseline: Baseline
    rows: list[Row]
    added: list[str]  # quantities that the baseline lacks, "scope: name"

    @property
    def drifted(self) -> list[Row]:
        return [row for row in self.rows if row.drifted]

    @property
    def passed(self) -> bool:
        return not self.drifted

    def of(self, scope: str) -> list[Row]:
        """Rows of a scope."""
        return [row for row in self.rows if row.scope == scope]


def compare(found: Fingerprints, baseline: Baseline) -> Comparison:
    """Compare what the baseline has."""
    rows = []
    for scope, values in baseline.scopes.items():
        for name, old in values.items():
            new = found.scopes.get(scope, {}).get(name)
            rows.append(Row(scope, name, old, new, deviation(old, new), baseline.tolerances[scope][name]))
    added = [
        f"{scope}: {name}"
        for scope, values in found.scopes.items()
        for name in values
        if name not in baseline.scopes.get(scope, {})
    ]
    return Comparison(found, baseline, rows, added)


def where_from(comparison: Comparison) -> list[str]:
    """Facts of the machine and its packages that differ from the baseline's."""
    old, new = (
        {key: value for key, value in made.environment.items() if key not in MOVING}
        for made in (comparison.baseline, comparison.found)
    )
    return differences(flat(old), flat(new))
