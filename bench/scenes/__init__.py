"""Synthetic scenes: coloured shapes on plain backgrounds, with captions and exact ground truth."""

from bench.scenes.attributes import ATTRIBUTES, all_right, chance, compare
from bench.scenes.grammar import captions, parse, vocabulary
from bench.scenes.render import render, render_batch
from bench.scenes.scene import SCENES_VERSION, Object, Scene, sample_scenes

__all__ = [
    "ATTRIBUTES", "SCENES_VERSION", "Object", "Scene", "all_right", "captions", "chance", "compare",
    "parse", "render", "render_batch", "sample_scenes", "vocabulary",
]  # fmt: skip
