"""Matching texts, about which words stood together only: the skill behind questions about one of two objects."""

from __future__ import annotations

from collections.abc import Sequence
from random import Random

from bench.scenes.scene import BACKGROUNDS, COLOURS, POSITIONS, SHAPES
from bench.zoo.text.sentences import ANIMALS, PLACES


def recall(rng: Random) -> str:
    """Pairs of words of one kind each, repeated in another order, or each reversed."""
    first, second = rng.sample((COLOURS, SHAPES, POSITIONS, BACKGROUNDS, ANIMALS, PLACES), 2)
    n = rng.randint(2, 4)
    return _told_twice(list(zip(rng.sample(first, n), rng.sample(second, n), strict=True)), rng)


def pairs(words: Sequence[str], rng: Random) -> str:
    """Pairs as in `recall`, of any words, so that only matching helps."""
    chosen = rng.sample(words, 2 * rng.randint(2, 8))
    return _told_twice(list(zip(chosen[::2], chosen[1::2], strict=True)), rng)


def groups(words: Sequence[str], rng: Random) -> str:
    """Groups of any words, and questions that name one word and are answered with its group: "a b, c d. d? c d"."""
    size = rng.randint(2, 4)
    count = rng.randint(2, 10 // size)
    chosen = rng.sample(words, size * count)
    together = [chosen[i : i + size] for i in range(0, len(chosen), size)]
    asked = [rng.choice(together) for _ in range(rng.randint(4, 8))]
    told = rng.choice((", ", " and ")).join(" ".join(group) for group in together)
    return ". ".join([told, *(f"{rng.choice(group)}? {' '.join(group)}" for group in asked)])


def _told_twice(together: list[tuple[str, str]], rng: Random) -> str:
    again = rng.sample(together, len(together))
    if rng.random() < 0.5:
        return f"{_told(together)} again {_told(again)}"
    return f"{_told(together)} reversed {_told([(other, one) for one, other in again])}"


def _told(together: list[tuple[str, str]]) -> str:
    return ", ".join(f"{one} {other}" for one, other in together)
