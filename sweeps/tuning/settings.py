"""Settings of a tuning, given as `tune.NAME=value`."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import Any

from bench.config.checks import ranged
from bench.system.errors import UserError, nearest
from bench.system.plugins import plugins
from sweeps.launchers import structured
from sweeps.tuning.scores import CRITERIA

ARMS = ("architecture", "row")
DEFAULT_FACTORS = (0.125, 0.25, 0.5, 1.0, 2.0, 4.0, 8.0)


@dataclass
class Tuning:
    """Candidates, rungs and criterion of a search: the same for every arm."""

    arms: str = "architecture"  # what has rates of its own: architecture, or row (each row of all axes but the seed)
    factors: list[float] = field(default_factory=lambda: list(DEFAULT_FACTORS))  # candidates, times the common rate
    rungs: list[float] = field(default_factory=lambda: [0.25, 0.5, 1.0])  # shares of train.steps
    keep: float = ranged(0.5, 0, 1, above=True)  # share of a rung's candidates that go on to the next
    seeds: list[int] = field(default_factory=lambda: [1000])  # of candidates; none that the sweep has
    score: str = "rank"  # how validation metrics are summed: rank (mean rank), standing (mean of chance to ceiling)
    metrics: list[str] = field(default_factory=list)  # that count; none named: every headline metric
    further: bool = True  # also rates that an architecture declares beside train.lr


def read(given: dict[str, str]) -> Tuning:
    """The settings of a request. Raises UserError for a wrong name or value."""
    found: Tuning = structured("tune", Tuning, given)
    for name, choices in (("arms", ARMS), ("score", tuple(CRITERIA))):
        value = getattr(found, name)
        if value not in choices:
            raise UserError(f"tune.{name}: '{value}' is none of {', '.join(choices)}{nearest(value, choices)}")
    _check_list("factors", found.factors, lambda value: 0 < value < math.inf, "numbers above 0")
    _check_list("rungs", found.rungs, lambda value: 0 < value <= 1, "shares of train.steps above 0, the last one 1")
    _check_list("seeds", found.seeds, lambda value: value >= 0, "whole numbers of at least 0")
    if 1.0 not in found.factors or len(found.factors) < 3:
        raise UserError("tune.factors: must be at least three, and 1, the common rate, among them")
    if found.rungs != sorted(found.rungs) or found.rungs[-1] != 1:
        raise UserError("tune.rungs: must rise to 1, which stands for train.steps")
    known = {metric.name for file in plugins("metric").values() for metric in file.metrics}
    for name in found.metrics:
        if name not in known:
            raise UserError(f"tune.metrics: unknown metric '{name}'{nearest(name, known)}")
    found.factors.sort()
    return found


def _check_list(name: str, values: list[Any], right: Any, what: str) -> None:
    if not values or len(set(values)) < len(values) or not all(right(value) for value in values):
        raise UserError(f"tune.{name}: must be a list of {what}, each once, not {values}")
