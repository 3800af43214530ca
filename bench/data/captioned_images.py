"""Interface of every data set: images by index, each with its reference captions."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

import numpy as np

from bench.scenes.scene import Scene


class CaptionedImages(Protocol):
    """One split of a data set, indexed from 0. Reading is pure: an index always gives the same image and captions."""

    split: str
    image_size: int

    def __len__(self) -> int: ...

    @property
    def ids(self) -> list[str]:
        """A stable name per image, unique in the split."""
        ...

    @property
    def scenes(self) -> list[Scene] | None:
        """The ground truth of every image, or None for a data set that has none."""
        ...

    def images(self, indices: Sequence[int]) -> np.ndarray:
        """The images at `indices`: (n, image_size, image_size, 3) uint8 RGB."""
        ...

    def captions(self, index: int) -> list[str]:
        """All reference captions of one image (scenes: exactly five)."""
        ...


def prompt(images: CaptionedImages, index: int) -> str:
    """One of an image's captions: its place in the list goes by the index."""
    captions = images.captions(index)
    return captions[index % len(captions)]
