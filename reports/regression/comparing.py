"""A session against a baseline: which checks it keeps, and which runs are the same to the last bit."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from statistics import fmean

from bench.system.errors import UserError
from reports.regression import checks
from reports.regression.baseline import Baseline
from reports.regression.checks import EQUAL, MEMORY, SPEED, Check
from reports.regression.measured import Run, Session, differences, flat
from reports.stored.declared import Metric

Metrics = Mapping[str, Metric]
KEPT, BETTER_THAN, WORSE, CHANGED, MISSING, NOT_JUDGED = "kept", "better", "worse", "changed", "missing", "not judged"
DRIFTED = (BETTER_THAN, WORSE, CHANGED, MISSING)


@dataclass(frozen=True)
class Row:
    """One check and its outcome."""

    check: Check
    observed: float | None
    outcome: str
    why: str = ""

    @property
    def drifted(self) -> bool:
        return self.outcome in DRIFTED


@dataclass(frozen=True)
class Comparison:
    """All checks of one call."""

    session: Session
    baseline: Baseline
    rows: list[Row]
    same: list[Run]  # as the baseline's of the same seed, to the last bit
    different: list[Run]  # of a seed that the baseline has, but not the same

    @property
    def drifted(self) -> list[Row]:
        return [row for row in self.rows if row.drifted]

    @property
    def passed(self) -> bool:
        return not self.drifted and not self.session.failed


def compare(session: Session, baseline: Baseline) -> Comparison:
    """Raises UserError where the two cannot be compared."""
    _check_comparable(session, baseline)
    known = [(run, baseline.run(run.architecture, run.seed)) for run in session.runs]
    return Comparison(
        session,
        baseline,
        [_judged(check, session, baseline) for check in baseline.checks],
        [run for run, other in known if other and run.digest == other.digest],
        [run for run, other in known if other and run.digest != other.digest],
    )


def _check_comparable(session: Session, baseline: Baseline) -> None:
    changed = differences(baseline.settings, session.settings)
    for name in set(session.architectures) & set(baseline.architectures):
        changed += differences({name: baseline.options[name]}, {name: session.options[name]})
    if changed:
        more = f" (and {len(changed) - 1} more)" if len(changed) > 1 else ""
        raise UserError(f"other settings than the baseline's: {changed[0]}{more}; `make bless` makes a new baseline")
    asked = len(session.seeds)
    if asked != checks.SEEDS:
        raise UserError(f"the baseline's bounds are for {checks.SEEDS} seeds, these runs have {asked}: SEEDS=0,1,2")
    missing = sorted(set(baseline.architectures) - {*session.architectures, *_failed(session)})
    if missing:
        raise UserError(f"these runs lack {', '.join(missing)}, which the baseline has: `make regress` trains all")


def _judged(check: Check, session: Session, baseline: Baseline) -> Row:
    runs = [run for run in session.runs if run.architecture == check.architecture]
    if check.architecture in _failed(session):
        return Row(check, None, NOT_JUDGED, "a run failed")
    values = [run.values.get(check.measure) for run in runs]
    found = [value for value in values if value is not None]
    if len(found) < len(values):
        return Row(check, None, MISSING, "not measured any more")
    if check.kind == EQUAL and (row := _equal(check, runs, baseline, session.metrics)):
        return row
    observed = checks.average(check.measure, found)
    if check.kind in (SPEED, MEMORY):
        observed = max(found) if check.kind == MEMORY else _speed(check, session, baseline)
        if other := differences({"device": baseline.environment["device"]}, {"device": session.environment["device"]}):
            return Row(check, observed, NOT_JUDGED, other[0])
    return Row(check, observed, _outcome(check, observed, session.metrics))


def _equal(check: Check, runs: list[Run], baseline: Baseline, metrics: Metrics) -> Row | None:
    """The check of what has to be equal in each run; None where it varies with the seed and the baseline lacks one."""
    for run in runs:
        other, observed = baseline.run(run.architecture, run.seed), run.values[check.measure]
        if other is None and check.measure.endswith(checks.SEEDED):
            return None
        wanted = other.values[check.measure] if other else check.mean
        if not math.isclose(observed, wanted, rel_tol=checks.tolerance(check.measure)):
            why = f"seed {run.seed}; the baseline has {wanted:.10g}"
            return Row(check, observed, _side(check, observed, wanted, metrics), why)
    return Row(check, fmean(run.values[check.measure] for run in runs), KEPT)


def _speed(check: Check, session: Session, baseline: Baseline) -> float:
    known = [run for run in session.runs if run.architecture in baseline.architectures]
    return checks.relative_speeds(known)[check.architecture]


def _outcome(check: Check, observed: float, metrics: Metrics) -> str:
    inside = (check.low is None or check.low <= observed) and (check.high is None or observed <= check.high)
    return KEPT if inside else _side(check, observed, check.mean, metrics)


def _side(check: Check, observed: float, expected: float, metrics: Metrics) -> str:
    better = checks.better(check.measure, metrics)
    if better not in ("lower", "higher"):
        return CHANGED
    return BETTER_THAN if (observed < expected) == (better == "lower") else WORSE


def _failed(session: Session) -> set[str]:
    return {line.partition(" ")[0] for line in session.failed}


def where_from(comparison: Comparison) -> list[str]:
    """Differences between the two that can make results of the same settings and seed differ."""
    baseline, session = comparison.baseline, comparison.session
    machines = differences(flat(baseline.environment), flat(session.environment))
    code = differences(baseline.codes, session.codes)
    return machines or [f"hardware and versions are the same, {'the code is not' if code else 'and so is the code'}"]
