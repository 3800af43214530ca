"""`python -m benchmarks.reliability.calibration`: coverage of intervals, and error rates of verdicts, in `reports/`.

Synthetic studies of known truth go through the very functions that judge stored runs. How often do 95 % intervals hold
the truth, how often does one architecture under two names get a verdict, and how often are planted effects found?
"""

from __future__ import annotations

import math
import sys
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from scipy import stats

from bench.system.command_line import Parser, exit_status
from reports.statistics.differences import Differences, Parts
from reports.statistics.families import smallest_detectable
from reports.statistics.intervals import Error, Interval, over_both, over_items, over_seeds
from reports.statistics.judging import INCONCLUSIVE, SUPPORTED, Judgement, judge
from reports.statistics.planning import expected_error

STUDIES = 2000
ITEMS = 512
EFFECT = 0.3
SHARES = {  # of seeds and of items in the variance of a mean difference: the rest of an item is 1
    "seeds dominate": Parts(seed=0.05, item=0.1, rest=1.0),
    "as much of both": Parts(seed=0.004, item=0.7, rest=1.0),
    "items dominate": Parts(seed=0.0002, item=1.0, rest=1.0),
    "items alike": Parts(seed=0.001, item=0.0, rest=1.0),
}
FAMILY = {  # metric -> its variance parts; FID and KID are of whole sets
    "fid": None,
    "kid": None,
    "clip_score": SHARES["seeds dominate"],
    "cider": SHARES["seeds dominate"],
    "image_attributes": SHARES["as much of both"],
    "caption_attributes": SHARES["items dominate"],
    "exam": SHARES["items alike"],
}


@dataclass(frozen=True)
class Row:
    """How many of `studies` did what is counted, and the bounds that are asked for."""

    what: str
    count: int
    studies: int
    least: float
    most: float

    @property
    def share(self) -> float:
        return self.count / self.studies

    @property
    def spread(self) -> Interval:
        """95 % interval of the share itself (Wilson), from the number of studies alone."""
        found = stats.binomtest(self.count, self.studies).proportion_ci(method="wilson")
        return float(found.low), float(found.high)

    @property
    def kept(self) -> bool:
        return self.least <= self.share <= self.most

    def __str__(self) -> str:
        low, high = self.spread
        asked = f"{self.least:.1%} to {self.most:.1%}"
        share = f"{self.count} of {self.studies}: {self.share:6.2%} [{low:.2%}, {high:.2%}]"
        return f"{self.what:62} {share:40} asked {asked:17} {'kept' if self.kept else 'NOT KEPT'}"


def study(random: np.random.Generator, parts: Parts, effect: float, k: int, n: int = ITEMS) -> Differences:
    """`k` seeds on `n` items. What is peculiar to an item is skewed, as scores are; to a seed it is normal."""
    by_seed = random.normal(0, math.sqrt(parts.seed), (k, 1))
    by_item = math.sqrt(parts.item) * (random.exponential(size=n) - 1)
    rest = random.normal(0, math.sqrt(parts.rest), (k, n))
    items = effect + by_seed + by_item + rest
    return Differences(tuple(range(k)), items.mean(1), items)


def of_sets(random: np.random.Generator, sd: float, effect: float, k: int) -> Differences:
    """`k` seeds of a metric of whole sets."""
    return Differences(tuple(range(k)), random.normal(effect, sd, k))


def coverage(random: np.random.Generator, studies: int) -> Iterator[Row]:
    """Coverage of intervals over seeds and over items, each with the other held, and over both in several shares.

    That over both may be a little wide: where few seeds and many items matter alike, what is never too narrow is.
    """
    for k in (3, 5):
        held = [_holds(over_seeds(of_sets(random, 1.0, EFFECT, k)), EFFECT) for _ in range(studies)]
        yield Row(f"interval over seeds, {k} seeds", sum(held), studies, 0.93, 0.97)
    held = []
    for _ in range(studies):  # differences of shares right: -1, -0.8, ..., 1, mostly 0
        items = random.choice([-0.4, -0.2, 0.0, 0.2, 0.4], p=[0.05, 0.1, 0.5, 0.2, 0.15], size=(1, ITEMS))
        held.append(_holds(over_items(Differences((0,), items.mean(1), items)), 0.06))
    yield Row(f"interval over items, N = {ITEMS}, shares right", sum(held), studies, 0.93, 0.97)
    skewed = Parts(0.0, 1.0, 0.2)
    held = [_holds(over_items(study(random, skewed, EFFECT, 1)), EFFECT) for _ in range(studies)]
    yield Row(f"interval over items, N = {ITEMS}, skewed", sum(held), studies, 0.93, 0.97)
    for name, parts in SHARES.items():
        for k in (3, 5):
            held = []
            for _ in range(studies):
                differences = study(random, parts, EFFECT, k)
                error = over_both(differences)
                held.append(error is not None and _holds(error.interval(differences.effect), EFFECT))
            yield Row(f"interval over both, {k} seeds, N = {ITEMS}, {name}", sum(held), studies, 0.93, 0.97)


def verdicts(random: np.random.Generator, studies: int, k: int = 3) -> Iterator[Row]:
    """An A/A study, and one with an effect planted in every metric of the family."""
    false = sum(any(one.outcome != INCONCLUSIVE for one in _judged(random, k, 0.0)) for _ in range(studies))
    yield Row(f"A/A, {k} seeds, {len(FAMILY)} metrics: any false verdict", false, studies, 0.0, 0.065)
    found = {metric: 0 for metric in FAMILY}
    for _ in range(studies):
        for one in _judged(random, k, 2.0):
            found[str(one.key)] += one.outcome == SUPPORTED
    for metric, count in found.items():
        yield Row(f"planted 2 x smallest detectable, {k} seeds: {metric}", count, studies, 0.9, 1.0)


def _judged(random: np.random.Generator, k: int, times: float) -> list[Judgement]:
    """A family whose effects are `times` the smallest detectable of the true spread."""
    tested = []
    for metric, parts in FAMILY.items():
        effect = times * smallest(parts, k)
        differences = of_sets(random, 1.0, effect, k) if parts is None else study(random, parts, effect, k)
        tested.append(Judgement(metric, differences, 0.0, math.inf))
    return judge(tested)


def smallest(parts: Parts | None, k: int) -> float:
    """Smallest detectable effect, from the truth in place of a measured spread."""
    error = Error(((1 / math.sqrt(k), k - 1),)) if parts is None else expected_error(parts, k, ITEMS)
    return smallest_detectable(error, len(FAMILY))


def _holds(interval: Interval | None, truth: float) -> bool:
    assert interval is not None
    return interval[0] <= truth <= interval[1]


def main(arguments: list[str]) -> int:
    """Simulate and print; exit status 1 where a bound is not kept."""
    parser = Parser(prog="python -m benchmarks.reliability.calibration", description=__doc__)
    parser.add_argument("--studies", type=int, default=STUDIES, help=f"of each kind (default: {STUDIES})")
    parser.add_argument("--seed", type=int, default=0)
    asked = parser.parse_args(arguments)
    random, kept = np.random.default_rng(asked.seed), True
    for simulation in (coverage, verdicts):
        for row in simulation(random, asked.studies):
            print(row, flush=True)
            kept = kept and row.kept
    return 0 if kept else 1


if __name__ == "__main__":
    sys.exit(exit_status(lambda: main(sys.argv[1:])))
