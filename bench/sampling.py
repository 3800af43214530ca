"""Images from captions and captions from images: the training forward pass with earlier segments kept."""

from __future__ import annotations

import torch
from torch import Tensor

from architectures.base import IMAGE, TEXT
from architectures.sequence import Image, Past, Text
from architectures.transformer import FusionTransformer
from bench.diffusion import integrate


@torch.inference_mode()
def sample_latents(
    model: FusionTransformer,
    ids: Tensor,
    lengths: Tensor,
    empty_caption: list[int],
    noise: Tensor,
    guidance_scale: float,
    sampler: str,
    steps: int,
) -> Tensor:
    """Draw latents (B, C, h, w) for captions ``ids`` (B, n), right-padded, starting at ``noise`` (B, C, h, w).

    Classifier-free guidance: v = v_empty + guidance_scale (v_caption - v_empty), both in one batch; at scale 1 the
    empty caption is left out.
    """
    rows = len(ids)
    guided = guidance_scale != 1
    if guided:
        empty = torch.zeros_like(ids)
        empty[:, : len(empty_caption)] = torch.tensor(empty_caption, device=ids.device)
        ids = torch.cat([ids, empty])
        lengths = torch.cat([lengths, torch.full_like(lengths, len(empty_caption))])
    start = Past.empty((TEXT, IMAGE), len(model.blocks))
    _, prefix = model([Text(ids, lengths)], start, wanted=[False])

    def velocity(latents: Tensor, sigma: Tensor) -> Tensor:
        if guided:
            latents, sigma = latents.repeat(2, 1, 1, 1), sigma.repeat(2)  # 2B C h w
        (states,), _ = model([Image(latents, sigma)], prefix)  # 2B n d
        predicted = model.velocity(states).float()  # 2B C h w
        if not guided:
            return predicted
        caption, empty = predicted.split(rows)
        return empty + guidance_scale * (caption - empty)

    return integrate(velocity, noise, sampler, steps)


@torch.inference_mode()
def describe(model: FusionTransformer, latents: Tensor, begin: int, end: int, max_tokens: int) -> list[list[int]]:
    """Write captions of clean ``latents`` (B, C, h, w), greedily: token ids of each, without beginning and end."""
    rows = len(latents)
    start = Past.empty((IMAGE, TEXT), len(model.blocks))
    _, past = model([Image(latents, latents.new_zeros(rows))], start, wanted=[False])
    token = torch.full((rows, 1), begin, device=latents.device)
    finished = torch.zeros(rows, dtype=torch.bool, device=latents.device)
    written: list[list[int]] = [[] for _ in range(rows)]
    for _ in range(max_tokens):
        (states,), past = model([Text(token)], past)  # B 1 d
        token = model.logits(states).argmax(-1)  # B 1
        finished |= token[:, 0] == end
        if finished.all():
            break
        for row, (word, is_finished) in enumerate(zip(token[:, 0].tolist(), finished.tolist(), strict=True)):
            if not is_finished:
                written[row].append(word)
    return written
