"""Attribute accuracy on the embedded world: what a picture or a caption says about its scene, against the truth."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np

from bench.evaluation.metrics import Score
from bench.scenes import ATTRIBUTES, Scene, chance, compare, parse
from bench.system.errors import UserError

if TYPE_CHECKING:
    from bench.models.feature_net import FeatureNet


def image_attributes(
    images: np.ndarray,
    scenes: Sequence[Scene],
    feature_net: FeatureNet,
    weights_label: str | None,
    ceiling: Mapping[str, float] | None = None,
) -> dict[str, Score]:
    """Score pictures (n, H, W, 3) uint8 of `scenes`, as the feature net reads them.

    Returns `image_attributes` (mean of the five), `image_all_right`, and `image_colour`, `image_shape`, `image_size`,
    `image_position`, `image_background`. `ceiling` maps these names to what the net reads off the best pictures there
    can be (the real ones, or the autoencoder's copies of them). Raises UserError for no pictures or another number.
    """
    _check(len(images), len(scenes), "picture")
    return _scores("image", feature_net.read(images), scenes, weights_label, ceiling or {})


def caption_attributes(captions: Sequence[str], scenes: Sequence[Scene]) -> dict[str, Score]:
    """Score captions of `scenes`, as the grammar's parser reads them: names as in `image_attributes`, ceiling 1."""
    _check(len(captions), len(scenes), "caption")
    claims = [parse(caption) or Scene((), None) for caption in captions]
    return _scores("caption", claims, scenes, None, None)


def _scores(
    kind: str,
    claims: Sequence[Scene],
    scenes: Sequence[Scene],
    weights: str | None,
    ceiling: Mapping[str, float] | None,
) -> dict[str, Score]:
    right = [compare(claim, scene) for claim, scene in zip(claims, scenes, strict=True)]
    guess = [chance(len(scene.objects)) for scene in scenes]

    def score(name: str, values: list[float], guesses: list[float]) -> Score:
        return Score(
            value=float(np.mean(values)),
            n=len(values),
            direction="higher",
            unit="share right",
            weights=weights,
            chance=float(np.mean(guesses)),
            ceiling=1.0 if ceiling is None else ceiling.get(name),
            per_item=values,
        )

    def mean(row: dict[str, float]) -> float:
        return float(np.mean([row[name] for name in ATTRIBUTES]))

    scores = {
        f"{kind}_attributes": ([mean(row) for row in right], [mean(row) for row in guess]),
        f"{kind}_all_right": ([float(min(row.values()) == 1) for row in right], [row["all_right"] for row in guess]),
    } | {f"{kind}_{name}": ([row[name] for row in right], [row[name] for row in guess]) for name in ATTRIBUTES}
    return {name: score(name, *pair) for name, pair in scores.items()}


def _check(found: int, scenes: int, what: str) -> None:
    if found == 0 or found != scenes:
        raise UserError(f"attribute accuracy needs a {what} for every scene, and some: {found} and {scenes}")
