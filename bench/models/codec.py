"""Images to latents and back by the autoencoder; captions to token ids by the tokenizer."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import torch
from torch import Tensor

if TYPE_CHECKING:
    from diffusers import AutoencoderKL
    from transformers import PreTrainedTokenizerBase

ENCODE_BATCH = 256


def encode_images(vae: AutoencoderKL, images: np.ndarray) -> Tensor:
    """Encode images: (n, H, W, 3) uint8 -> (n, C, h, w), the posterior mean, shifted and scaled by the VAE's config."""
    batches = torch.from_numpy(images).split(ENCODE_BATCH)
    with torch.inference_mode(), torch.autocast(vae.device.type, enabled=False):  # the cache serves every precision
        means = [vae.encode(_to_unit(batch.to(vae.device))).latent_dist.mode() for batch in batches]
    latents = torch.cat(means)
    return (latents - (vae.config.shift_factor or 0.0)) * vae.config.scaling_factor


def decode_latents(vae: AutoencoderKL, latents: Tensor) -> np.ndarray:
    """Decode latents: (n, C, h, w) -> (n, H, W, 3) uint8."""
    latents = latents / vae.config.scaling_factor + (vae.config.shift_factor or 0.0)
    with torch.inference_mode():
        pixels = torch.cat([vae.decode(batch).sample for batch in latents.split(ENCODE_BATCH)])
    pixels = ((pixels + 1) * 127.5).round().clamp(0, 255).to(torch.uint8)
    return pixels.permute(0, 2, 3, 1).cpu().numpy()


def token_ids(tokenizer: PreTrainedTokenizerBase, captions: list[str]) -> list[list[int]]:
    """Token ids of each caption between the tokens that begin and end a text."""
    begin = tokenizer.bos_token_id if tokenizer.bos_token_id is not None else tokenizer.eos_token_id
    bodies = tokenizer(captions, add_special_tokens=False)["input_ids"] if captions else []
    return [[begin, *body, tokenizer.eos_token_id] for body in bodies]


def padded(rows: list[list[int]]) -> tuple[np.ndarray, np.ndarray]:
    """Right-pad with 0: ids (B, n) int32 and lengths (B,) int32."""
    lengths = np.array([len(row) for row in rows], dtype=np.int32)
    ids = np.zeros((len(rows), lengths.max(initial=0)), dtype=np.int32)
    for row, target in zip(rows, ids, strict=True):
        target[: len(row)] = row
    return ids, lengths


def _to_unit(images: Tensor) -> Tensor:
    return images.permute(0, 3, 1, 2).float() / 127.5 - 1  # B H W 3 -> B 3 H W in [-1, 1]
