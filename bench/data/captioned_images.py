"""What every data set looks like to the rest of the harness: pictures by index, each with its reference captions."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

import numpy as np

from bench.scenes.scene import Scene


class CaptionedImages(Protocol):
    """One split of a data set, indexed from 0. Reading is pure: an index always gives the same picture and captions."""

    split: str
    image_size: int

    def __len__(self) -> int: ...

    @property
    def ids(self) -> list[str]:
        """A stable name per picture, unique in the split."""
        ...

    @property
    def scenes(self) -> list[Scene] | None:
        """The ground truth of every picture, or None for a data set that has none."""
        ...

    def images(self, indices: Sequence[int]) -> np.ndarray:
        """The pictures at `indices`: (n, image_size, image_size, 3) uint8 RGB."""
        ...

    def captions(self, index: int) -> list[str]:
        """All reference captions of one picture (scenes: exactly five)."""
        ...


def prompt(images: CaptionedImages, index: int) -> str:
    """One of the image's captions, each wording in its turn."""
    captions = images.captions(index)
    return captions[index % len(captions)]
