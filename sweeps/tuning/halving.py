"""Successive halving: all candidates train a little, the better share trains longer, until the last rung is whole.

Pure: what is scored, and how, is the caller's. All arms climb together, each with as many candidates.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

Scores = list[float | None]  # higher is better; None: it diverged


@dataclass(frozen=True)
class Rung:
    """The candidates of one arm that trained to one length, in the grid's order, and their scores."""

    values: list[float]
    scores: Scores


def sizes(candidates: int, rungs: int, keep: float) -> list[int]:
    """How many candidates each rung has."""
    found = [candidates]
    while len(found) < rungs:
        found.append(max(1, math.ceil(round(found[-1] * keep, 9))))
    return found


def grid(centre: float, factors: Sequence[float]) -> list[float]:
    """Candidates around a rate, rounded to six digits, so that they are written as they are."""
    return [float(f"{centre * factor:.6g}") for factor in factors]


def finer(factors: Sequence[float]) -> list[float]:
    """As many factors, between the centre and its neighbours on a grid that doubles, or that grows otherwise."""
    return [factor ** (2 / (len(factors) + 1)) for factor in factors]


def best(rung: Rung, centre: float, count: int) -> list[float]:
    """The `count` best of a rung, in the grid's order; of equals those nearer to `centre`, then the smaller."""

    def key(place: int) -> tuple[float, float, float]:
        score, value = rung.scores[place], rung.values[place]
        return -(score if score is not None else -math.inf), abs(math.log(value / centre)), value

    return [rung.values[place] for place in sorted(sorted(range(len(rung.values)), key=key)[:count])]


def climb(
    grids: Sequence[list[float]],
    centres: Sequence[float],
    counts: Sequence[int],
    score: Callable[[int, list[list[float]]], list[Scores]],
) -> list[list[Rung]]:
    """The rungs of every arm. `score` gets the number of a rung and every arm's candidates there."""
    climbed: list[list[Rung]] = [[] for _ in grids]
    alive = list(grids)
    for number, count in enumerate(counts):
        if number:
            alive = [best(rungs[-1], centre, count) for rungs, centre in zip(climbed, centres, strict=True)]
        for rungs, values, scores in zip(climbed, alive, score(number, alive), strict=True):
            assert len(values) == len(scores) == count, "every arm has as many candidates"
            rungs.append(Rung(values, scores))
    return climbed
