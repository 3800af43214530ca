"""The margin of relevance: a claim's own, or by what the results say of the metric."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from functools import lru_cache
from pathlib import Path
from typing import Any

from bench.config import user_yaml
from reports.verdicts.hypotheses import Comparison

RULES = Path(__file__).with_name("margins.yaml")
WAY, EXCESS, MEAN = "way", "excess", "mean"
WORDS = {WAY: "of the way", EXCESS: "of the excess", MEAN: "of the mean"}


@lru_cache(maxsize=1)
def rules() -> tuple[Mapping[str, Any], ...]:
    """The rules, in their order."""
    return tuple(user_yaml.read(RULES.read_text(encoding="utf-8")))


def of(comparison: Comparison, other: float, scores: Iterable[Mapping[str, Any]]) -> tuple[float, str]:
    """The margin of a comparison in the metric's unit, and where it is from; `other`: the mean of the other side."""
    if comparison.margin is None:
        return default(scores)
    if not comparison.relative:
        return comparison.margin, "the claim's own"
    return comparison.margin * abs(other), f"{100 * comparison.margin:g} % of the other side"


def default(scores: Iterable[Mapping[str, Any]]) -> tuple[float, str]:
    """The margin of a metric, in its unit, by the scores of all runs that are compared; and the rule in words.

    0 where it would be none: of a mean of 0, or of runs no worse than the ceiling. Then every difference counts.
    """
    given = list(scores)
    direction = given[0]["direction"]
    levels = {name: [score[name] for score in given if score.get(name) is not None] for name in ("chance", "ceiling")}
    known = {name for name, values in levels.items() if len(values) == len(given)}
    rule = next(one for one in rules() if known >= {*one["needs"]} and one.get("better", direction) == direction)
    mean = _mean(score["value"] for score in given)
    ceiling = _mean(levels["ceiling"]) if "ceiling" in known else 0.0
    chance = _mean(levels["chance"]) if "chance" in known else 0.0
    whole = {WAY: abs(ceiling - chance), EXCESS: max(0.0, mean - ceiling), MEAN: abs(mean)}[rule["of"]]
    return rule["share"] * whole, f"{rule['share']:.0%} {WORDS[rule['of']]}".replace("%", " %")


def _mean(values: Iterable[float]) -> float:
    given = list(values)
    return float(sum(given) / len(given))
