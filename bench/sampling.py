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
    start = Past.empty((IMAGE, TEXT), len(model.blocks))
    _, past = model([Image(latents, latents.new_zeros(1))], start, wanted=[False])
    pictures = list(range(len(latents)))  # those still being described, one a row
    written: list[list[int]] = [[] for _ in pictures]
    tokens = torch.full((len(pictures), 1), begin, device=latents.device)
    while pictures:
        (states,), past = model([Text(tokens)], past)  # B 1 d
        tokens = model.logits(states).argmax(-1)  # B 1
        words = tokens[:, 0].tolist()
        for picture, word in zip(pictures, words, strict=True):
            if word != end:
                written[picture].append(word)
        ended = [word == end or len(written[i]) == max_tokens for i, word in zip(pictures, words, strict=True)]
        rows = _closed_up([not each for each in ended])
        if len(rows) < len(pictures):
            past.settle(torch.tensor(rows, dtype=torch.long, device=latents.device))
        else:
            past.settle()
        tokens, pictures = tokens[rows], [pictures[row] for row in rows]
    return written


def _closed_up(going_on: list[bool]) -> list[int]:
    """The rows that go on, the last of them in the places of those that do not: few move."""
    rows = list(range(sum(going_on)))
    later = [row for row in range(len(rows), len(going_on)) if going_on[row]]
    for gap, row in zip([row for row in rows if not going_on[row]], later, strict=True):
        rows[gap] = row
    return rows
