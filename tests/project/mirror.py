"""Mirror: the mirrored image is generated from an image and its caption."""

from __future__ import annotations

from dataclasses import dataclass

from bench.config.checks import ranged
from bench.tasks.base import IMAGE, TEXT, GeneratedImage, Task


@dataclass(frozen=True)
class Settings:
    """What of mirroring may be chosen."""

    mirror_dropout: float = ranged(0.1, 0, 1, title="share of captions left out", unit="%")


class Mirror(Task):
    """The mirrored image is generated from an image and its caption."""

    title = "mirroring"
    layout = (IMAGE, TEXT, IMAGE)
    settings = Settings
    metrics = ("fid", "clip_score")

    def segments(self, pairs):
        import torch

        from bench.data.batches import ImageSegment, TextSegment

        ids, lengths = pairs.emptied(pairs.dropout < self.train.mirror_dropout)
        clean = torch.zeros_like(pairs.sigma)
        source = ImageSegment(pairs.latents, pairs.noise, clean)
        return source, TextSegment(ids, lengths), ImageSegment(pairs.latents.flip(3), pairs.noise, pairs.sigma, True)

    def true_images(self, images, rows):
        return images.images(rows)[:, :, ::-1].copy()

    def true_latents(self, assets, split, rows):
        return assets.latents(split, rows).flip(3)

    def generate(self, model, assets, config, rows):
        import torch

        from architectures.sequence import Image, Text
        from bench.data.captioned_images import prompt
        from bench.models.codec import decode_latents, padded, token_ids
        from bench.models.generation import initial_noise
        from bench.models.sampling import guided_latents

        asked, device = config.eval, model.device
        split = assets.images(asked.split)
        prompts = [prompt(split, row) for row in rows]
        ids, lengths = (torch.from_numpy(array).long() for array in padded(token_ids(assets.tokenizer, prompts)))
        given, noise = assets.latents(asked.split, rows), initial_noise(len(rows), assets, asked.seed)
        made = []
        for part in torch.arange(len(rows)).split(asked.batch_size):
            source = Image(given[part].to(device), torch.zeros(1, device=device))
            caption = Text(ids[part].to(device), lengths[part].to(device))
            empty = Text(torch.tensor([assets.empty_caption] * len(part), device=device))
            made.append(
                guided_latents(
                    model,
                    [source, caption],
                    [source, empty],
                    noise[part].to(device),
                    asked.guidance_scale,
                    asked.sampler,
                    asked.sampler_steps,
                )
            )
        images = decode_latents(assets.vae, torch.cat(made).to(assets.vae.device))
        return [GeneratedImage(split.ids[row], prompts[row], images[row]) for row in rows]
