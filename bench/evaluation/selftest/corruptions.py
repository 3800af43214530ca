"""Corruptions by grades: images blurred, noised, recoloured; words dropped; partners exchanged."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Generic, TypeVar

import numpy as np
from PIL import Image as PILImage
from PIL import ImageFilter

from bench.evaluation.metrics.base import Score
from bench.evaluation.scoring import declared
from bench.evaluation.selftest.checks import Check, Scores, keeps, never_improves, own_partner, worsens

T = TypeVar("T")

BLURS = (0.05, 0.08, 0.12, 0.19)  # deviation of the Gaussian, as a share of the image's side
NOISES = (48.0, 56.0, 64.0, 80.0)  # deviation, in levels of 256
RECOLOURED = (0.4, 0.6, 0.8, 1.0)  # share of the images: KID sees little of less
SHARES = (0.25, 0.5, 0.75, 1.0)  # of the items
DROPPED = (0.15, 0.3, 0.45, 0.6)  # share of the words
GRAINS = 32  # of noise along a side: finer ones would vanish where a metric shrinks the image


@dataclass(frozen=True)
class Corruption(Generic[T]):
    """One way to corrupt a list of items, by rising grades."""

    name: str
    grades: tuple[float, ...]
    spoil: Callable[[T, float, int], T]  # items, grade, seed
    exchanges: bool = False  # keeps the set of items, but not which belongs to which prompt

    def checks(self, truth: T, seed: int, measure: Callable[[T], Scores], clean: Scores) -> list[Check]:
        """Measure every grade, and check how each metric responds."""
        graded = [clean, *[measure(self.spoil(truth, grade, seed)) for grade in self.grades]]
        return [check for metric in clean for check in self._demands(metric, [scores[metric] for scores in graded])]

    def _demands(self, metric: str, scores: list[Score]) -> list[Check]:
        known = declared()
        if not self.exchanges:
            untouched = metric in known and self.name in known[metric].untouched
            demand = never_improves if untouched else worsens
            return [demand(metric, self.name, scores)]
        if scores[0].per_item is None or scores[0].direction == "neither":  # a metric of whole sets
            return [keeps(metric, self.name, scores)]
        return [worsens(metric, self.name, scores), own_partner(metric, scores[0], scores[-1])]


def blur(images: np.ndarray, grade: float, seed: int) -> np.ndarray:
    """Images (n, H, W, 3) uint8, blurred by a Gaussian."""
    gaussian = ImageFilter.GaussianBlur(grade * images.shape[1])
    return np.stack([np.asarray(PILImage.fromarray(image).filter(gaussian)) for image in images])


def noise(images: np.ndarray, grade: float, seed: int) -> np.ndarray:
    """Images (n, H, W, 3) uint8 with noise added: the same noise at each grade, but stronger."""
    n, side = images.shape[:2]
    grains = np.random.default_rng(seed).normal(size=(n, GRAINS, GRAINS, 3))
    places = np.arange(side) * GRAINS // side
    levels = grains[:, places][:, :, places]  # n H W 3
    return np.clip(np.rint(images + grade * levels), 0, 255).astype(np.uint8)


def swap_colours(images: np.ndarray, grade: float, seed: int) -> np.ndarray:
    """A share of the images (n, H, W, 3) uint8 with red, green and blue rotated."""
    spoilt = images.copy()
    rows = _chosen(len(images), grade, seed)
    spoilt[rows] = spoilt[rows][..., [1, 2, 0]]
    return spoilt


def exchange(items: T, grade: float, seed: int) -> T:
    """A share of the items (a list, or an array's rows) exchanged: each of them at a wrong place."""
    rows = _chosen(len(items), grade, seed)  # type: ignore[arg-type]
    places = np.arange(len(items))  # type: ignore[arg-type]
    places[rows] = np.roll(rows, 1)
    if isinstance(items, np.ndarray):
        return items[places]  # type: ignore[return-value]
    return [items[place] for place in places]  # type: ignore[index, return-value]


def drop_words(captions: list[str], grade: float, seed: int) -> list[str]:
    """Captions without a share of their words; what one grade drops, the next drops too."""
    rng = np.random.default_rng(seed)
    spoilt = []
    for caption in captions:
        words = caption.split()
        spoilt.append(" ".join(w for w, luck in zip(words, rng.random(len(words)), strict=True) if luck >= grade))
    return spoilt


def _chosen(n: int, share: float, seed: int) -> np.ndarray:
    """Rows to corrupt: the first of one random order, so that each grade includes the one before."""
    return np.random.default_rng(seed).permutation(n)[: round(share * n)]


IMAGES: tuple[Corruption[np.ndarray], ...] = (
    Corruption("blur", BLURS, blur),
    Corruption("noise", NOISES, noise),
    Corruption("colours swapped", RECOLOURED, swap_colours),
    Corruption("images exchanged", SHARES, exchange, exchanges=True),
)
CAPTIONS: tuple[Corruption[list[str]], ...] = (
    Corruption("words dropped", DROPPED, drop_words),
    Corruption("captions exchanged", SHARES, exchange, exchanges=True),
)
