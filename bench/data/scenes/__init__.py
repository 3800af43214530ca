"""The embedded world (`data.name=scenes`): coloured shapes on plain backgrounds, with captions and ground truth."""

from bench.data.scenes.attributes import ATTRIBUTES, all_right, chance, compare
from bench.data.scenes.dataset import ScenesSplit, scenes_digest
from bench.data.scenes.grammar import caption_attributes, captions, parse, vocabulary
from bench.data.scenes.render import render, render_batch
from bench.data.scenes.world import WORLD_VERSION, Object, Scene, sample_scenes

__all__ = [
    "ATTRIBUTES", "WORLD_VERSION", "Object", "Scene", "ScenesSplit", "all_right", "caption_attributes", "captions",
    "chance", "compare", "parse", "render", "render_batch", "sample_scenes", "scenes_digest", "vocabulary",
]  # fmt: skip
