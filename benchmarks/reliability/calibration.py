"""`python -m benchmarks.reliability.calibration`: coverage of intervals, and error rates of verdicts, in `reports/`.

Synthetic studies of known truth go through the very functions that judge stored runs, their check for unlike arms
included. How often do all intervals hold the truth at once, how often does one architecture under four names get a
verdict, at one look and at twenty, and how often is a difference as large as the margin called none that matters?
"""

from __future__ import annotations

import sys
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import product
from pathlib import Path

import numpy as np
from scipy import stats

from bench.system.command_line import Parser, exit_status
from benchmarks.reliability import synthetic
from benchmarks.reliability.synthetic import CELLS, HEAVY, NORMAL, SEEDS, tables
from reports.statistics.blocks import Error, error
from reports.statistics.differences import Differences, Parts, item_size
from reports.statistics.intervals import LEVEL, Interval, over_items
from reports.statistics.layouts import smallest_detectable
from reports.statistics.sequential import look_levels
from reports.statistics.simultaneous import Contrasts

STUDIES = 10_000
METRICS = 3  # of a family, each of whole sets
ITEMS = 128
LOOKS = range(3, 23)  # twenty: after three seeds, and after every further one
PARTS = {  # of seeds and of items in the variance of a mean difference: the rest of an item is 1
    "seeds dominate": Parts(seed=0.2, item=0.1, rest=1.0),
    "as much of both": Parts(seed=0.01, item=0.7, rest=1.0),
    "items dominate": Parts(seed=0.0005, item=1.0, rest=1.0),
    "items alike": Parts(seed=0.004, item=0.0, rest=1.0),
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
        return f"{self.what:74} {share:42} asked {asked:17} {'kept' if self.kept else 'NOT KEPT'}"


def _random(seed: int, what: str) -> np.random.Generator:
    """A row's own numbers: fixed beforehand, whatever other rows there are."""
    return np.random.default_rng([seed, zlib.crc32(what.encode())])


def _measured(table: np.ndarray, contrasts: Contrasts, shares: int = 1) -> tuple[np.ndarray, Error]:
    """Effects (..., contrasts) of a table, and their error."""
    return table.mean(-1) @ np.array(contrasts).T, error(table, contrasts, shares=shares)


def coverage(seed: int, studies: int) -> Iterator[Row]:
    """Whether all intervals of one metric hold the truth at once; where they do not, equal arms get a false verdict."""
    for name, contrasts in (("all pairs", synthetic.pairs()), ("all against one", synthetic.against_one())):
        for spread, tails, seeds in CELLS:
            what = f"coverage, {name}, {tails}, {seeds} seeds, {spread}"
            effects, found = _measured(tables(_random(seed, what), studies, seeds, spread, tails)[:, 0], contrasts)
            held = int((np.abs(effects) <= found.reach(LEVEL)).all(-1).sum())
            yield Row(what, held, studies, *((0.93, 0.97) if spread == "alike" else (0.92, 1.0)))
            yield Row(what.replace("coverage", "A/A, 1 metric"), studies - held, studies, 0.0, 0.055)
    for seeds in (1, 3):
        what = f"coverage, 5 values of an axis, 4 architectures, seeds {seeds}: last - first, trend"
        table = _random(seed, what).standard_normal((studies, 5, 4 * seeds))
        effects, found = _measured(table, synthetic.along(5))
        yield Row(what, int((np.abs(effects) <= found.reach(LEVEL)).all(-1).sum()), studies, 0.93, 0.97)


def item_coverage(seed: int, studies: int) -> Iterator[Row]:
    """The same for means of items: over other seeds and other items at once. It may be a little wide."""
    contrasts = synthetic.pairs()
    rows = np.array(contrasts)
    for (name, parts), seeds in product(PARTS.items(), (3, 5)):
        what, held = f"coverage, all pairs, {seeds} seeds x {ITEMS} items, {name}", 0
        random = _random(seed, what)
        for some in synthetic.chunks(studies, 200):
            items = synthetic.item_tables(random, parts, seeds, ITEMS, some)
            table = items.mean(-1)
            sizes = np.stack([item_size(np.einsum("a,nasi->nsi", row, items)) for row in rows], -1)
            found = error(table, contrasts, sizes, ITEMS)
            held += int((np.abs(table.mean(-1) @ rows.T) <= found.reach(LEVEL)).all(-1).sum())
        yield Row(what, held, studies, 0.93, 0.99)
    for name, values in (("shares right", None), ("skewed", 1.0)):
        what = f"interval over items alone, N = 512, {name}"
        random, held, fewer = _random(seed, what), 0, max(studies // 10, 100)
        for _ in range(fewer):
            truth = 0.06 if values is None else 1.0
            items = random.exponential(size=(1, 512)) if values else random.choice(
                [-0.4, -0.2, 0.0, 0.2, 0.4], p=[0.05, 0.1, 0.5, 0.2, 0.15], size=(1, 512))  # fmt: skip
            low, high = over_items(Differences((0,), items.mean(1), items)) or (0.0, 0.0)
            held += low <= truth <= high
        yield Row(what, held, fewer, 0.93, 0.97)


def false_verdicts(seed: int, studies: int) -> Iterator[Row]:
    """An A/A family, four equal arms: any verdict at all, by one look and by up to twenty."""
    contrasts = synthetic.pairs()
    for spread, tails, seeds in CELLS:
        what = f"A/A, {METRICS} metrics, all pairs, {tails}, {seeds} seeds, {spread}"
        table = tables(_random(seed, what), studies, seeds, spread, tails, METRICS)
        effects, found = _measured(table, contrasts, METRICS)
        false = (np.abs(effects) > found.reach(LEVEL)).any((-2, -1)).sum()
        yield Row(what, int(false), studies, 0.0, 0.055)
    levels = look_levels([*LOOKS], LOOKS[-1])
    families = [(1, "all against one", synthetic.against_one()), (1, "all pairs", contrasts)]
    families.append((METRICS, "all pairs", contrasts))
    for (count, name, contrasts), (spread, tails) in product(families, dict.fromkeys(cell[:2] for cell in CELLS)):
        what = f"A/A, {count} metric{'s' * (count > 1)}, {name}, {tails}, {len(LOOKS)} looks, {spread}"
        table = tables(_random(seed, what), studies, LOOKS[-1], spread, tails, count)
        ever = np.zeros(studies, bool)
        for seeds, level in zip(LOOKS, levels, strict=True):
            effects, found = _measured(table[..., :seeds], contrasts, count)
            ever |= (np.abs(effects) > found.reach(level)).any((-2, -1))
        yield Row(what, int(ever.sum()), studies, 0.0, 0.055)


def at_the_margin(seed: int, studies: int) -> Iterator[Row]:
    """One arm better than the others by just the margin: how often is any of that called no relevant difference?"""
    contrasts = synthetic.against_one()
    for (spread, tails, seeds), margin in product(CELLS, (3.0, 30.0)):
        what = f"at a margin of {margin:g}, {tails}, {seeds} seeds, {spread}"
        table = tables(_random(seed, what), studies, seeds, spread, tails)[:, 0]
        effects, found = _measured(table + margin * np.eye(synthetic.ARMS)[0][:, None], contrasts)
        called = (np.abs(effects) + found.reach(LEVEL) < margin).any(-1).sum()
        yield Row(what, int(called), studies, 0.0, 0.05)


def planted(seed: int, studies: int) -> Iterator[Row]:
    """One arm better by twice the smallest detectable effect of the true spread: are all three comparisons found?"""
    contrasts = synthetic.against_one()
    for tails, seeds in product((NORMAL, HEAVY), SEEDS):
        what = f"planted 2 x smallest detectable, {tails}, {seeds} seeds: each comparison found"
        variance, free = 2.0 * (1.0 if tails == NORMAL else synthetic.HEAVY_VARIANCE), 3.0 * (seeds - 1)
        effect = 2 * smallest_detectable(Error(contrasts, seeds, variance, free, variance, free, 0.0), LEVEL)
        table = tables(_random(seed, what), studies, seeds, "alike", tails)[:, 0]
        effects, found = _measured(table + effect * np.eye(synthetic.ARMS)[0][:, None], contrasts)
        yield Row(what, int((effects > found.reach(LEVEL)).sum()), studies * len(contrasts), 0.85, 1.0)


def no_difference(seed: int, studies: int, ratios: np.ndarray, seeds: int, spread: str = "alike") -> np.ndarray:
    """Share of A/A studies all of whose pairs get no relevant difference, by the arms' spread over the margin."""
    table = tables(_random(seed, f"no difference {seeds} {spread}"), studies, seeds, spread, NORMAL)[:, 0]
    effects, found = _measured(table, synthetic.pairs())
    needed = (np.abs(effects) + found.reach(LEVEL)).max(-1)
    return (needed < 1 / ratios[:, None]).mean(-1)


def main(arguments: list[str]) -> int:
    """Simulate and print; exit status 1 where a bound is not kept."""
    parser = Parser(prog="python -m benchmarks.reliability.calibration", description=__doc__)
    parser.add_argument("--studies", type=int, default=STUDIES, help=f"of each kind (default: {STUDIES})")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--figure", type=Path, metavar="FILE", help="where the share of no relevant difference goes")
    asked = parser.parse_args(arguments)
    kept = True
    print(f"python -m benchmarks.reliability.calibration: {asked.studies} studies of each kind, seed {asked.seed}")
    for simulation in (coverage, item_coverage, false_verdicts, at_the_margin, planted):
        for row in simulation(asked.seed, asked.studies):
            print(row, flush=True)
            kept = kept and row.kept
    if asked.figure:
        from benchmarks.reliability.calibration_figure import draw

        draw(asked.figure, asked.seed, asked.studies)
        print(f"drawn in {asked.figure}")
    return 0 if kept else 1


if __name__ == "__main__":
    sys.exit(exit_status(lambda: main(sys.argv[1:])))
