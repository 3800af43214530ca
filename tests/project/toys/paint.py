"""Paint: an image is generated from its caption, under other names than the project's own tasks have."""

from __future__ import annotations

from dataclasses import dataclass

from bench.config.checks import ranged
from bench.tasks.base import IMAGE, TEXT, GeneratedImage, Task


@dataclass(frozen=True)
class Settings:
    """What of painting may be chosen."""

    unprompted: float = ranged(0.1, 0, 1)


class Paint(Task):
    """An image is painted."""

    title = "painting"
    layout = (TEXT, IMAGE)
    settings = Settings

    def segments(self, pairs):
        from bench.data.batches import ImageSegment, TextSegment

        ids, lengths = pairs.emptied(pairs.dropout < self.train.unprompted)
        return TextSegment(ids, lengths), ImageSegment(pairs.latents, pairs.noise, pairs.sigma, scored=True)

    def generate(self, model, assets, config, rows):
        from bench.data.captioned_images import prompt
        from bench.models.generation import generate_images

        split = assets.images(config.eval.split)
        prompts = [prompt(split, row) for row in rows]
        images = generate_images(model, assets, config.eval, prompts)
        return [GeneratedImage(split.ids[row], prompts[row], images[row]) for row in rows]
