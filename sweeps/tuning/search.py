"""The search: all arms climb together, rung by rung; for each rate that any arm has, every arm climbs once more.

An arm tunes `train.lr` first, then what its architecture declares beside it. An arm that has less to tune climbs as
often, with a finer grid around its learning rate, so that budgets are equal.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from sweeps.point import Point
from sweeps.tuning import halving
from sweeps.tuning.arms import RATE, Arm
from sweeps.tuning.candidates import Candidates, metrics_of, together
from sweeps.tuning.halving import Rung, Scores
from sweeps.tuning.scores import scored
from sweeps.tuning.settings import Tuning

Run = Callable[[list[Point]], None]  # has candidates trained and scored; raises where one has no outcome


@dataclass
class Climb:
    """One rate of one arm: its rungs, and the runs of each candidate there."""

    rate: str
    centre: float
    rungs: list[Rung]
    chosen: float
    points: dict[tuple[int, float], list[Point]]  # by rung and value


@dataclass
class Found:
    """One arm, what it climbed, and its rates so far."""

    arm: Arm
    chosen: dict[str, float]
    climbs: list[Climb] = field(default_factory=list)

    @property
    def at_edge(self) -> list[str]:
        """Rates whose first grid was best at its end: a better one may lie outside."""
        first = {climb.rate: climb for climb in reversed(self.climbs)}
        return [rate for rate in self.chosen if first[rate].chosen in _ends(first[rate].rungs[0].values)]

    @property
    def points(self) -> list[Point]:
        """Every run, once."""
        return together([point for climb in self.climbs for points in climb.points.values() for point in points])

    @property
    def scored(self) -> int:
        """How many candidates were scored, those that an earlier climb had too counted again; equal for every arm."""
        return sum(len(rung.values) for climb in self.climbs for rung in climb.rungs)


def search(arms: list[Arm], tuning: Tuning, candidates: Candidates, run: Run) -> list[Found]:
    """Every arm's rates. `run` is given the candidates of a rung, of all arms, and returns once all are settled."""
    found = [Found(arm, dict(arm.common)) for arm in arms]
    for number in range(climbs_of(arms)):
        _climb(found, number, tuning, candidates, run)
    assert len({one.scored for one in found}) == 1, "every arm has the same budget"
    return found


def climbs_of(arms: list[Arm]) -> int:
    """How often every arm climbs: once for each rate of the arm that has most."""
    return max(len(arm.common) for arm in arms)


def _climb(found: list[Found], number: int, tuning: Tuning, candidates: Candidates, run: Run) -> None:
    """All arms' climb of a number, for a rate each."""
    rates = [list(one.chosen)[number] if number < len(one.chosen) else RATE for one in found]
    grids = [
        halving.grid(one.chosen[rate], tuning.factors if number < len(one.chosen) else halving.finer(tuning.factors))
        for one, rate in zip(found, rates, strict=True)
    ]
    centres = [one.chosen[rate] for one, rate in zip(found, rates, strict=True)]
    points: list[dict[tuple[int, float], list[Point]]] = [{} for _ in found]

    def score(rung: int, alive: list[list[float]]) -> list[Scores]:
        for one, rate, mine, values in zip(found, rates, points, alive, strict=True):
            for value in values:
                mine[rung, value] = candidates.points(one.arm, one.chosen | {rate: value}, rung)
        run([point for mine in points for (at, _), those in mine.items() if at == rung for point in those])
        return [
            scored(tuning.score, tuning.metrics, [[metrics_of(p) for p in mine[rung, value]] for value in values])
            for mine, values in zip(points, alive, strict=True)
        ]

    counts = halving.sizes(len(tuning.factors), len(tuning.rungs), tuning.keep)
    climbed = halving.climb(grids, centres, counts, score)
    for one, rate, centre, rungs, mine in zip(found, rates, centres, climbed, points, strict=True):
        (one.chosen[rate],) = halving.best(rungs[-1], centre, 1)
        one.climbs.append(Climb(rate, centre, rungs, one.chosen[rate], mine))


def _ends(values: list[float]) -> tuple[float, float]:
    return min(values), max(values)
