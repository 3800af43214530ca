"""Validation scores of one arm's candidates: the higher, the better; None for one that diverged."""

from __future__ import annotations

import math
from collections.abc import Sequence
from statistics import fmean
from typing import Any

from bench.system.errors import UserError

Metrics = dict[str, dict[str, Any]]  # of a result.json
DIRECTIONS = {"higher": 1.0, "lower": -1.0}


def scored(criterion: str, wanted: Sequence[str], candidates: Sequence[Sequence[Metrics | None]]) -> list[float | None]:
    """A score for each candidate, from the metrics of its runs, one a seed; a run that diverged is None.

    `wanted` names the metrics that count, none: every headline metric. Raises UserError where none can be used.
    """
    alive = [place for place, runs in enumerate(candidates) if None not in runs]
    scores: list[float | None] = [None] * len(candidates)
    if alive:
        sound = [[run for run in candidates[place] if run is not None] for place in alive]
        used = counted(criterion, wanted, sound[0][0])
        for place, score in zip(alive, CRITERIA[criterion](used, sound), strict=True):
            scores[place] = score
    return scores


def counted(criterion: str, wanted: Sequence[str], metrics: Metrics) -> dict[str, str]:
    """The metrics that count, each with its task ("language" for none). Raises UserError where there are none."""
    found = {}
    for name, score in metrics.items():
        if (name in wanted) if wanted else score["headline"]:
            bounded = score["chance"] is not None and score["ceiling"] is not None
            if score["direction"] in DIRECTIONS and (criterion != "standing" or bounded):
                found[name] = score["task"] or "language"
    if not found:
        named = ", ".join(wanted) or "every headline metric"
        lacks = " with a chance and a ceiling" if criterion == "standing" else " with a better and a worse"
        raise UserError(f"tune.score={criterion}: no metric{lacks} was measured (of {named})")
    return found


def ranks(used: dict[str, str], candidates: Sequence[Sequence[Metrics]]) -> list[float]:
    """Minus the mean rank, 1 being the best: over the metrics of each task first, then over tasks. Ties share one."""
    places: dict[str, list[float]] = {}
    for name in used:
        values = [_mean(name, runs) * DIRECTIONS[runs[0][name]["direction"]] for runs in candidates]
        places[name] = [1 + sum(o > v for o in values) + (sum(o == v for o in values) - 1) / 2 for v in values]
    return [-_over_tasks(used, {name: places[name][at] for name in used}) for at in range(len(candidates))]


def standings(used: dict[str, str], candidates: Sequence[Sequence[Metrics]]) -> list[float]:
    """The mean standing, 0 at chance and 1 at the ceiling: over the metrics of each task first, then over tasks."""
    found = []
    for runs in candidates:
        standing = {}
        for name in used:
            chance, ceiling = (fmean(run[name][level] for run in runs) for level in ("chance", "ceiling"))
            standing[name] = (_mean(name, runs) - chance) / (ceiling - chance) if ceiling != chance else 0.0
        found.append(_over_tasks(used, standing))
    return found


CRITERIA = {"rank": ranks, "standing": standings}


def _mean(name: str, runs: Sequence[Metrics]) -> float:
    value = fmean(run[name]["value"] for run in runs)
    assert math.isfinite(value), f"{name}: a published score is finite"
    return value


def _over_tasks(used: dict[str, str], values: dict[str, float]) -> float:
    return fmean(
        fmean(value for name, value in values.items() if used[name] == task) for task in dict.fromkeys(used.values())
    )
