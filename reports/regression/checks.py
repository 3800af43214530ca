"""Checks of regression: each number that a session measured, against the bounds that the baseline set.

Quality and losses: the mean over the session's seeds against the mean over the baseline's, two-sided by Student's t for
the difference, with the baseline's spread alone, so that bounds can be stored before anything is trained. Bonferroni
over all such checks holds the chance of any false alarm of a call at `LEVEL` where seeds spread normally (some metrics
have heavier tails: `benchmarks/results` has how often random splits of unchanged seeds part). FID is compared in
logarithms, as its spread grows with it. What follows from settings and seed alone (steps, rates, parameters, FLOPs,
what was seen, ceilings, the language of a frozen model) has to be equal. Where it hangs on the seed and that is none of
the baseline's, plain bounds hold: captions make FLOPs and tokens, in a few sizes, so no t distribution fits them.
Memory and speed belong to the machine: their bounds are wide, one-sided, and hold on the baseline's kind of machine.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace
from statistics import fmean, geometric_mean, stdev

from scipy import stats

from reports.regression.measured import CEILING, CHANGE, LOGARITHMIC, LOSS, Run
from reports.stored.declared import Metric

LEVEL = 0.01  # chance of any false alarm in one call
SEEDS = 3  # of a session
MEAN, EQUAL, MEMORY, SPEED = "mean", "equal", "memory", "speed"
MEMORY_SLACK = 1.3  # times the baseline's largest
SEEDED = ("train_flops", "_tokens", "_mean_noise")  # ends of names: by the seed's captions and noise
SEEDED_SLACK = 0.1  # of the mean, with other seeds; over seeds they vary by 1 to 3 %
SPEED_SLACK = 2.0  # times the baseline's; six busy processes on two cores moved it by 1.6 times at most
ROUNDING = 1e-9  # relative, of what has to be equal
CEILING_ROUNDING = 1e-3  # of ceilings, which other processors round otherwise, pixel by pixel



@dataclass(frozen=True)
class Check:
    """One number of one architecture, and the bounds that it has to keep; None where there is none."""

    architecture: str
    measure: str
    kind: str  # mean, equal, memory or speed
    mean: float  # of the baseline; the geometric one of what is compared in logarithms
    sd: float  # over its seeds, of the logarithm there
    n: int  # seeds
    low: float | None
    high: float | None


def made(runs: list[Run], metrics: Mapping[str, Metric]) -> list[Check]:
    """The checks that the runs of a baseline set."""
    by_architecture: dict[str, list[Run]] = {}
    for run in runs:
        by_architecture.setdefault(run.architecture, []).append(run)
    speeds = relative_speeds(runs)
    found = []
    for name, mine in by_architecture.items():
        for measure in mine[0].values:
            values = [run.values[measure] for run in mine]
            mean, sd = average(measure, values), spread(measure, values)
            if measure == "step_seconds":
                mean, sd = speeds[name], 0.0
            found.append(Check(name, measure, _kind(measure, sd, metrics), mean, sd, len(values), None, None))
    return [_bounded(check, runs, family(found)) for check in found]


def average(measure: str, values: list[float]) -> float:
    """The mean over runs, geometric for what is compared in logarithms."""
    return geometric_mean(values) if measure in LOGARITHMIC else fmean(values)


def spread(measure: str, values: list[float]) -> float:
    """The sample standard deviation over runs, of the logarithm for what is compared so."""
    if max(values) == min(values):
        return 0.0
    return stdev(map(math.log, values) if measure in LOGARITHMIC else values)


def family(checks: list[Check]) -> int:
    """Number of checks that share the level."""
    return sum(check.kind == MEAN for check in checks)


def relative_speeds(runs: list[Run]) -> dict[str, float]:
    """Seconds a step of each architecture in the fastest of its runs, by the geometric mean of all the others'."""
    seconds: dict[str, float] = {}
    for run in runs:
        seconds[run.architecture] = min(run.values["step_seconds"], seconds.get(run.architecture, math.inf))
    others = {name: [seconds[other] for other in seconds if other != name] for name in seconds}
    return {name: value / geometric_mean(others[name] or [value]) for name, value in seconds.items()}


def tolerance(measure: str) -> float:
    """Relative tolerance of what has to be equal."""
    return CEILING_ROUNDING if measure.endswith(CEILING) else ROUNDING


def better(measure: str, metrics: Mapping[str, Metric]) -> str:
    """The direction that is better, "lower" or "higher"; "" where none is."""
    if measure in ("peak_memory_mb", "step_seconds") or measure.startswith(LOSS):
        return "lower"
    metric = metrics.get(measure.removesuffix(CHANGE))
    return metric.direction if metric else ""


def reach(sd: float, n: int, checks: int) -> float:
    """Largest distance of a mean of `SEEDS` from one of `n`: t sd sqrt(1/SEEDS + 1/n), two-sided at LEVEL / checks."""
    return float(stats.t.isf(LEVEL / checks / 2, n - 1)) * sd * math.sqrt(1 / SEEDS + 1 / n)


def _kind(measure: str, sd: float, metrics: Mapping[str, Metric]) -> str:
    if measure == "step_seconds":
        return SPEED
    if measure == "peak_memory_mb":
        return MEMORY
    return MEAN if better(measure, metrics) and sd > 0 else EQUAL


def _bounded(check: Check, runs: list[Run], checks: int) -> Check:
    values = [run.values[check.measure] for run in runs if run.architecture == check.architecture]
    low: float | None = None
    if check.kind == SPEED:
        high = check.mean * SPEED_SLACK
    elif check.kind == MEMORY:
        high = max(values) * MEMORY_SLACK
    elif check.kind == EQUAL:
        beyond = abs(check.mean) * (SEEDED_SLACK if check.measure.endswith(SEEDED) else tolerance(check.measure))
        low, high = check.mean - beyond, check.mean + beyond
    elif check.measure in LOGARITHMIC:
        times = math.exp(reach(check.sd, check.n, checks))
        low, high = check.mean / times, check.mean * times
    else:
        beyond = reach(check.sd, check.n, checks)
        low, high = check.mean - beyond, check.mean + beyond
    return replace(check, low=low, high=high)
