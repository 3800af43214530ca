"""Images for building and checking the zoo: scenes of all pairs, with one and with two objects."""

from __future__ import annotations

import numpy as np

from bench.scenes import Scene, render_batch, sample_scenes

TRAIN_SEED = 0
CHECK_SEED = 1_000_003  # never used for training


def mixed_scenes(n: int, seed: int) -> tuple[list[Scene], np.ndarray]:
    """`n` scenes in a fixed mix of one third one-object and two thirds two-object ones, and their images.

    Images are (n, 32, 32, 3) uint8.
    """
    scenes = sample_scenes("zoo", n // 3, 1, seed) + sample_scenes("zoo", n - n // 3, 2, seed)
    order = np.random.default_rng(seed).permutation(n)
    scenes = [scenes[i] for i in order]
    return scenes, render_batch(scenes)


def check_scenes(objects: int, n: int) -> tuple[list[Scene], np.ndarray]:
    """`n` held-out scenes of one kind and their images."""
    scenes = sample_scenes("zoo", n, objects, CHECK_SEED)
    return scenes, render_batch(scenes)
