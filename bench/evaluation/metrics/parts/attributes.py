"""Attribute accuracy on synthetic scenes: attributes read from an image or a caption, against the truth."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from bench.evaluation.metrics.base import Metric, Score
from bench.scenes import ATTRIBUTES, Scene, chance, compare
from bench.system.errors import UserError

UNTOUCHED = {  # corruption -> attributes that an image still shows
    "blur": ("background",),
    "noise": ("background",),
    "colours swapped": ("shape", "size", "position", "background"),
}


def declared(kind: str, plural: str, mean: str, whole: str) -> tuple[Metric, ...]:
    """Metrics of one modality: the mean over attributes, the share that is all right, and every attribute's own."""

    def metric(name: str, title: str, meaning: str = "", headline: bool = False, table: bool = True) -> Metric:
        untouched = tuple(corruption for corruption, names in UNTOUCHED.items() if name in names)
        return Metric(f"{kind}_{name}", title, "higher", "share right", meaning, headline, table, untouched)

    return (
        metric("attributes", f"{kind} attributes", mean, headline=True),
        metric("all_right", f"{plural} all right", whole),
        *(metric(name, f"{kind} {name}", table=False) for name in ATTRIBUTES),
    )


def attribute_scores(
    metrics: Sequence[Metric],
    claims: Sequence[Scene],
    scenes: Sequence[Scene],
    weights: str | None = None,
    ceiling: float | None = None,
) -> dict[str, Score]:
    """Scores by the metrics that `declared` made, in their order."""
    right = [compare(claim, scene) for claim, scene in zip(claims, scenes, strict=True)]
    guess = [chance(len(scene.objects)) for scene in scenes]

    def score(metric: Metric, values: list[float], guesses: list[float]) -> Score:
        value, chance_level = float(np.mean(values)), float(np.mean(guesses))
        return metric.score(value, len(values), weights, chance=chance_level, ceiling=ceiling, per_item=values)

    def mean(row: dict[str, float]) -> float:
        return float(np.mean([row[name] for name in ATTRIBUTES]))

    measured = [
        ([mean(row) for row in right], [mean(row) for row in guess]),
        ([float(min(row.values()) == 1) for row in right], [row["all_right"] for row in guess]),
        *(([row[name] for row in right], [row[name] for row in guess]) for name in ATTRIBUTES),
    ]
    return {metric.name: score(metric, *pair) for metric, pair in zip(metrics, measured, strict=True)}


def check_counts(found: int, scenes: int, what: str) -> None:
    if found == 0 or found != scenes:
        raise UserError(f"attribute accuracy needs {what} for every scene, and some: {found} and {scenes}")
