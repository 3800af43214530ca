"""Compare a predicted scene (by a parser of captions, or a net on images) with the true one."""

from __future__ import annotations

from functools import cache
from itertools import permutations

import numpy as np

from bench.scenes.scene import BACKGROUNDS, COLOURS, POSITIONS, SHAPES, SIZES, Object, Scene, sample_scenes

OBJECT_ATTRIBUTES = ("colour", "shape", "size", "position")
ATTRIBUTES = (*OBJECT_ATTRIBUTES, "background")
VALUES = {"colour": COLOURS, "shape": SHAPES, "size": SIZES, "position": POSITIONS, "background": BACKGROUNDS}


def compare(claim: Scene, scene: Scene) -> dict[str, float]:
    """The fraction of right values per attribute, each in [0, 1].

    Claimed objects are matched to true ones so that most attributes agree (ties: position first). A missing object
    and an invented one both cost: the sum is divided by the larger of the two counts.
    """
    few, many = sorted((claim.objects, scene.objects), key=len)
    if few:
        matches = (list(zip(few, order, strict=True)) for order in permutations(many, len(few)))
        best = max(([_same(a, b) for a, b in match] for match in matches), key=_merit)
    else:
        best = []
    count = max(len(many), 1)
    right = {name: sum(pair[i] for pair in best) / count for i, name in enumerate(OBJECT_ATTRIBUTES)}
    return right | {"background": float(claim.background is not None and claim.background == scene.background)}


def all_right(claim: Scene, scene: Scene) -> bool:
    """Whether every attribute of every object and the background are right, and nothing is invented."""
    return min(compare(claim, scene).values()) == 1.0


@cache
def chance(objects: int) -> dict[str, float]:
    """Chance level per attribute, and of `all_right`: a scene sampled from all, whatever the truth.

    Closed form for one object; for two, where matching helps the guesser, the mean over 4000 sampled scenes.
    """
    if objects == 1:
        guess = {name: 1 / len(VALUES[name]) for name in ATTRIBUTES}
        return guess | {"all_right": float(np.prod(list(guess.values())))}
    claims, scenes = (sample_scenes("zoo", 4000, objects, seed) for seed in (1, 2))
    scores = [compare(claim, scene) for claim, scene in zip(claims, scenes, strict=True)]
    guess = {name: float(np.mean([score[name] for score in scores])) for name in ATTRIBUTES}
    pairs, places = 48 * 47, 4 * 3  # ordered choices; either order of a claim is right
    return guess | {"all_right": 2 / (pairs * places * len(SIZES) ** 2 * len(BACKGROUNDS))}


def _same(a: Object, b: Object) -> tuple[bool, ...]:
    return tuple(getattr(a, name) is not None and getattr(a, name) == getattr(b, name) for name in OBJECT_ATTRIBUTES)


def _merit(match: list[tuple[bool, ...]]) -> tuple[int, int]:
    return sum(map(sum, match)), sum(pair[-1] for pair in match)
