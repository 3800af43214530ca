"""Image-to-text: a caption is generated from an image (paper, Sec. 3)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from bench.config.checks import ranged
from bench.tasks.base import IMAGE, TEXT, GeneratedCaption, Task

if TYPE_CHECKING:
    from architectures.transformer import FusionTransformer
    from bench.config.schema import Config
    from bench.data.assets import Assets
    from bench.data.batches import Pairs, Segment


@dataclass(frozen=True)
class Settings:
    """Settings of image-to-text training."""

    # cap on the noise level of captioned images, 0 (clean) to 1 (noise alone); paper: 0 is best
    i2t_noise: float = ranged(0.0, 0, 1, title="noise cap on I2T images", unit="%")
    denoise_noisy_i2t: bool = False  # noisy captioned images are denoising targets too (Transfusion does so)


class ImageToText(Task):
    """A caption is generated from an image."""

    title = "image-to-text"
    layout = (IMAGE, TEXT)
    settings = Settings
    prefix = ""

    def segments(self, pairs: Pairs) -> Sequence[Segment]:
        from bench.data.batches import ImageSegment, TextSegment

        denoise = self.train.denoise_noisy_i2t and self.train.i2t_noise > 0
        image = ImageSegment(pairs.latents, pairs.noise, pairs.uniform * self.train.i2t_noise, scored=denoise)
        return image, TextSegment(pairs.ids, pairs.lengths, scored=True)

    def generate(
        self, model: FusionTransformer, assets: Assets, config: Config, rows: range
    ) -> Sequence[GeneratedCaption]:
        from bench.models.generation import generate_captions

        split = assets.images(config.eval.split)
        captions = generate_captions(model, assets, config.eval, assets.latents(config.eval.split, rows))
        return [GeneratedCaption(split.ids[row], captions[row], split.captions(row)) for row in rows]
