"""A split of the embedded world as captioned images: scenes are drawn once, pictures are rendered when asked for."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence

import numpy as np

from bench.scenes.grammar import captions
from bench.scenes.render import render_batch
from bench.scenes.world import WORLD_VERSION, Scene, sample_scenes


class ScenesSplit:
    """`size` scenes of one split; implements CaptionedImages."""

    def __init__(self, split: str, size: int, objects: int = 1, image_size: int = 32, seed: int = 0) -> None:
        self.split = split
        self.image_size = image_size
        self.scenes: list[Scene] = sample_scenes(split, size, objects, seed)
        self.ids = [f"{split}-{i:06d}" for i in range(size)]

    def __len__(self) -> int:
        return len(self.scenes)

    def images(self, indices: Sequence[int]) -> np.ndarray:
        """(n, image_size, image_size, 3) uint8."""
        return render_batch([self.scenes[i] for i in indices], self.image_size)

    def captions(self, index: int) -> list[str]:
        """The five captions of a scene."""
        return captions(self.scenes[index])


def scenes_digest(objects: int, train_size: int, test_size: int, image_size: int) -> str:
    """12 hex digits that change with whatever changes the pictures or captions of a split."""
    settings = [WORLD_VERSION, objects, train_size, test_size, image_size]
    return hashlib.sha256(json.dumps(settings).encode()).hexdigest()[:12]
