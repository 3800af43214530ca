"""Synthetic scenes as a data set: scenes are sampled once, images are rendered when asked for."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from bench.config.checks import ranged
from bench.data.sets.base import DataSet
from bench.scenes.grammar import captions
from bench.scenes.render import render_batch
from bench.scenes.scene import SCENES_VERSION, Scene, sample_scenes
from bench.system.errors import UserError


class ScenesSplit:
    """Captioned images of `size` scenes of one split."""

    def __init__(self, split: str, size: int, objects: int = 1, image_size: int = 32, seed: int = 0) -> None:
        self.split = split
        self.image_size = image_size
        self.scenes: list[Scene] = sample_scenes(split, size, objects, seed)
        self.ids = [f"{split}-{i:06d}" for i in range(size)]

    def __len__(self) -> int:
        return len(self.scenes)

    def images(self, indices: Sequence[int]) -> np.ndarray:
        """Images at `indices`, (n, image_size, image_size, 3) uint8."""
        return render_batch([self.scenes[i] for i in indices], self.image_size)

    def captions(self, index: int) -> list[str]:
        """The five captions of a scene."""
        return captions(self.scenes[index])


@dataclass(frozen=True)
class Settings:
    """Settings of the synthetic scenes."""

    objects: int = ranged(1, 1, 2)  # objects in a scene: two must be bound to their attributes
    train_size: int = ranged(16384, 1)  # training scenes
    test_size: int = ranged(2048, 1)  # scenes in the test split, and in the validation split


class Scenes(DataSet):
    """Built-in rendered scenes with exact captions; difficulty by data.objects=1|2."""

    settings = Settings

    @classmethod
    def check(cls, data: Any) -> None:
        if getattr(data, "root", None):
            raise UserError("data.root: data.name=scenes has no folder (did you mean data.name=coco?)")

    @classmethod
    def open(cls, data: Any, split: str) -> ScenesSplit:
        size = data.train_size if split == "train" else data.test_size
        return ScenesSplit(split, size, data.objects, data.image_size)

    @classmethod
    def digest(cls, data: Any, cache: str | None = None) -> str:
        settings = [SCENES_VERSION, data.objects, data.train_size, data.test_size, data.image_size]
        return hashlib.sha256(json.dumps(settings).encode()).hexdigest()[:12]
