"""Generate images from prompts and captions from latents, batch by batch."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

import numpy as np
import torch
from torch import Tensor

from architectures.transformer import FusionTransformer
from bench.models.codec import decode_latents, padded, token_ids
from bench.models.sampling import sample_captions, sample_latents

if TYPE_CHECKING:
    from diffusers import AutoencoderKL
    from transformers import PreTrainedTokenizerBase

    from bench.config.schema import EvalConfig


class Codec(Protocol):
    """Autoencoder and tokenizer, between images and captions and a model's input and output."""

    @property
    def vae(self) -> AutoencoderKL: ...
    @property
    def tokenizer(self) -> PreTrainedTokenizerBase: ...
    @property
    def empty_caption(self) -> list[int]: ...
    @property
    def latent_shape(self) -> tuple[int, int, int]: ...  # (C, h, w)


def generate_images(model: FusionTransformer, codec: Codec, settings: EvalConfig, prompts: list[str]) -> np.ndarray:
    """Images (n, H, W, 3) uint8 of ``prompts``. The noise of image i depends on ``eval.seed`` and i alone."""
    ids, lengths = (torch.from_numpy(array.astype(np.int64)) for array in padded(token_ids(codec.tokenizer, prompts)))
    noise = initial_noise(len(prompts), codec, settings.seed)  # n C h w
    latents = []
    for rows in torch.arange(len(prompts)).split(settings.batch_size):
        latents.append(
            sample_latents(
                model,
                ids[rows].to(model.device),
                lengths[rows].to(model.device),
                codec.empty_caption,
                noise[rows].to(model.device),
                settings.guidance_scale,
                settings.sampler,
                settings.sampler_steps,
            )
        )
    return decode_latents(codec.vae, torch.cat(latents).to(codec.vae.device))


def initial_noise(rows: int, codec: Codec, seed: int) -> Tensor:
    """Noise that images are generated from, (n, C, h, w) on the CPU: the same first rows whatever their number."""
    return torch.randn((rows, *codec.latent_shape), generator=torch.Generator().manual_seed(seed))


def generate_captions(model: FusionTransformer, codec: Codec, settings: EvalConfig, latents: Tensor) -> list[str]:
    """Captions of clean latents (n, C, h, w)."""
    begin, end = codec.empty_caption
    captions: list[str] = []
    for batch in latents.split(settings.batch_size):
        ids = sample_captions(model, batch.to(model.device), begin, end, settings.max_caption_tokens)
        captions += [text.strip() for text in codec.tokenizer.batch_decode(ids, skip_special_tokens=True)]
    return captions
