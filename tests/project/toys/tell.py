"""Tell: a caption is generated from an image, under other names than the project's own tasks have."""

from __future__ import annotations

from dataclasses import dataclass

from bench.config.checks import ranged
from bench.tasks.base import IMAGE, TEXT, GeneratedCaption, Task


@dataclass(frozen=True)
class Settings:
    """What of telling may be chosen."""

    grain: float = ranged(0.0, 0, 1, title="noise on told images", unit="%")


class Tell(Task):
    """An image is told."""

    title = "telling"
    layout = (IMAGE, TEXT)
    settings = Settings

    def segments(self, pairs):
        from bench.data.batches import ImageSegment, TextSegment

        image = ImageSegment(pairs.latents, pairs.noise, pairs.uniform * self.train.grain)
        return image, TextSegment(pairs.ids, pairs.lengths, scored=True)

    def generate(self, model, assets, config, rows):
        from bench.models.generation import generate_captions

        split = assets.images(config.eval.split)
        captions = generate_captions(model, assets, config.eval, assets.latents(config.eval.split, rows))
        return [GeneratedCaption(split.ids[row], captions[row], split.captions(row)) for row in rows]
