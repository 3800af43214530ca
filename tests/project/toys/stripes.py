"""Striped images with captions that name their colours."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import Literal

from bench.config.checks import ranged
from bench.data.sets.base import DataSet
from bench.system.errors import UserError

COLOURS = {"red": (200, 30, 30), "green": (30, 160, 60), "blue": (40, 60, 200), "yellow": (220, 210, 40)}


@dataclass(frozen=True)
class Settings:
    """What of the stripes may be chosen."""

    stripe_pictures: int = ranged(64, 2)  # of the training; half as many, but 128, to test on
    stripes: int = ranged(4, 1)  # in an image
    stripe_direction: Literal["upright", "level"] = "upright"


class StripesSplit:
    """Images of one split."""

    scenes = None

    def __init__(self, data, split):
        self.split, self.image_size, self.data = split, data.image_size, data
        self.size = data.stripe_pictures if split == "train" else max(128, data.stripe_pictures // 2)
        self.ids = [f"{split}-{index}" for index in range(self.size)]

    def __len__(self):
        return self.size

    def _colours(self, index):
        drawn = hashlib.sha256(f"{self.split} {index}".encode()).digest()
        names = sorted(COLOURS)
        return names[drawn[0] % 4], names[drawn[1] % 4], drawn[2] % 32

    def images(self, indices):
        import numpy as np

        made = np.zeros((len(indices), self.image_size, self.image_size, 3), np.uint8)
        bands = np.arange(self.image_size) * self.data.stripes // self.image_size % 2
        for image, index in zip(made, indices, strict=True):
            one, two, shade = self._colours(index)
            line = np.where(bands[:, None] == 0, COLOURS[one], COLOURS[two]) + shade
            image[:] = line[None] if self.data.stripe_direction == "upright" else line[:, None]
        return made

    def captions(self, index):
        one, two, _ = self._colours(index)
        return [f"a {one} background with {two} in the top left", f"a {two} background with {one}"]


class Stripes(DataSet):
    """Striped images: data.stripes of two colours."""

    settings = Settings

    @classmethod
    def check(cls, data):
        if data.stripes > data.image_size:
            raise UserError(f"data.stripes: {data.stripes} stripes in {data.image_size} pixels")

    @classmethod
    def open(cls, data, split):
        return StripesSplit(data, split)

    @classmethod
    def digest(cls, data, cache=None):
        held = [data.stripe_pictures, data.stripes, data.stripe_direction, data.image_size]
        return hashlib.sha256(repr(held).encode()).hexdigest()[:12]
