"""Built-in synthetic scenes: their attributes, the combinations of each split, and sampling.

Every shape gives one of its eight colours to validation and another to test, so both splits show only
(colour, shape) pairs that training never does.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from bench.system.errors import UserError, nearest

SCENES_VERSION = 1  # raise it whenever a scene, image or caption changes: every stored digest depends on it

COLOURS = ("red", "orange", "yellow", "green", "cyan", "blue", "purple", "pink")
SHAPES = ("circle", "square", "triangle", "star", "cross", "ring")
SIZES = ("small", "large")
POSITIONS = ("top left", "top right", "bottom left", "bottom right")
BACKGROUNDS = ("black", "white", "gray", "brown")

SPLITS = ("train", "validation", "test", "zoo")
Pair = tuple[str, str]
ALL_PAIRS: tuple[Pair, ...] = tuple((colour, shape) for shape in SHAPES for colour in COLOURS)
VALIDATION_PAIRS: tuple[Pair, ...] = tuple((COLOURS[i], shape) for i, shape in enumerate(SHAPES))
TEST_PAIRS: tuple[Pair, ...] = tuple((COLOURS[(i + 3) % 8], shape) for i, shape in enumerate(SHAPES))
TRAIN_PAIRS: tuple[Pair, ...] = tuple(p for p in ALL_PAIRS if p not in VALIDATION_PAIRS + TEST_PAIRS)
PAIRS = {"train": TRAIN_PAIRS, "validation": VALIDATION_PAIRS, "test": TEST_PAIRS, "zoo": ALL_PAIRS}

OBJECT_JITTER = 7  # x, y, radius, angle, red, green, blue
BACKGROUND_JITTER = 3  # red, green, blue


@dataclass(frozen=True)
class Object:
    """One object; a field is None only where a parser or a net could not tell."""

    colour: str | None
    shape: str | None
    size: str | None
    position: str | None


@dataclass(frozen=True)
class Scene:
    """Objects in different quadrants on a background. Two scenes are equal when their attributes are.

    `jitter` holds numbers in [-1, 1] that the renderer scales: 3 for the background, then 7 for each object; empty
    means none.
    """

    objects: tuple[Object, ...]
    background: str | None
    jitter: tuple[float, ...] = field(default=(), compare=False, repr=False)


def sample_scenes(split: str, n: int, objects: int = 1, seed: int = 0) -> list[Scene]:
    """Sample `n` scenes of `objects` (1 or 2) objects; the same arguments always give the same scenes.

    The first scenes do not depend on `n`. Objects of a scene have different positions and different
    (colour, shape) pairs. Split "zoo" draws from all pairs and is meant for building and checking the pinned nets.
    Raises UserError for an unknown split or number of objects.
    """
    if split not in SPLITS:
        raise UserError(f"scenes have no split {split!r}{nearest(split, SPLITS)}; splits: {', '.join(SPLITS)}")
    if objects not in (1, 2):
        raise UserError(f"data.objects={objects}: a scene holds 1 or 2 objects")
    rng = np.random.default_rng([SCENES_VERSION, SPLITS.index(split), objects, seed])
    jitters = BACKGROUND_JITTER + objects * OBJECT_JITTER
    draws = rng.random((n, 5 + jitters))  # a row a scene, so that a longer list begins with the shorter one
    pairs = PAIRS[split]
    return [_scene(pairs, objects, row[:5].tolist(), tuple((2 * row[5:] - 1).tolist())) for row in draws]


def _scene(pairs: tuple[Pair, ...], objects: int, u: list[float], jitter: tuple[float, ...]) -> Scene:
    background = BACKGROUNDS[int(u[0] * 4)]
    chosen = _distinct(u[1], len(pairs), objects)
    places = _distinct(u[2], len(POSITIONS), objects)
    found = []
    for k, (pair, place) in enumerate(zip(chosen, places, strict=True)):
        colour, shape = pairs[pair]
        found.append(Object(colour, shape, SIZES[int(u[3 + k] * 2)], POSITIONS[place]))
    return Scene(tuple(found), background, jitter)


def _distinct(u: float, n: int, k: int) -> list[int]:
    """An ordered choice of `k` (1 or 2) different numbers below `n`, by one uniform number `u`."""
    if k == 1:
        return [int(u * n)]
    first, second = divmod(int(u * n * (n - 1)), n - 1)
    return [first, second + (second >= first)]
