"""Text-to-image: an image is generated from a caption (paper, Sec. 3)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from bench.config.checks import ranged
from bench.tasks.base import IMAGE, TEXT, GeneratedImage, Task

if TYPE_CHECKING:
    from architectures.transformer import FusionTransformer
    from bench.config.schema import Config
    from bench.data.assets import Assets
    from bench.data.batches import Pairs, Segment


@dataclass(frozen=True)
class Settings:
    """Settings of text-to-image training."""

    caption_dropout: float = ranged(0.1, 0, 1)  # share of captions emptied for guidance; gap


class TextToImage(Task):
    """An image is generated from a caption."""

    title = "text-to-image"
    layout = (TEXT, IMAGE)
    settings = Settings
    prefix = ""

    def segments(self, pairs: Pairs) -> Sequence[Segment]:
        from bench.data.batches import ImageSegment, TextSegment

        ids, lengths = pairs.emptied(pairs.dropout < self.train.caption_dropout)
        return TextSegment(ids, lengths), ImageSegment(pairs.latents, pairs.noise, pairs.sigma, scored=True)

    def generate(
        self, model: FusionTransformer, assets: Assets, config: Config, rows: range
    ) -> Sequence[GeneratedImage]:
        from bench.data.captioned_images import prompt
        from bench.models.generation import generate_images

        split = assets.images(config.eval.split)
        prompts = [prompt(split, row) for row in rows]
        images = generate_images(model, assets, config.eval, prompts)
        return [GeneratedImage(split.ids[row], prompts[row], images[row]) for row in rows]
