"""Images from captions and captions from images: the training forward pass with earlier segments kept."""

from __future__ import annotations

import torch
from torch import Tensor

from architectures.base import IMAGE, TEXT
from architectures.sequence import Image, Past, Text
from architectures.transformer import FusionTransformer
from bench.models.diffusion import integrate


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

    Classifier-free guidance: v = v_empty + guidance_scale (v_caption - v_empty), both mapped together; at scale 1 the
    empty caption is left out. It is the same for all rows, and read once for all.
    """
    captions = Text(ids, None if (lengths == ids.shape[1]).all() else lengths)
    prefixes = [_read(model, captions)]
    if guidance_scale != 1:
        prefixes.append(_read(model, Text(torch.tensor([empty_caption], device=ids.device))))

    def velocity(latents: Tensor, sigma: Tensor) -> Tensor:
        image = Image(latents, sigma[:1])  # one noise level for all
        states = model.decode_step([image] * len(prefixes), prefixes)  # each B n d
        caption, *empty = (model.velocity(each).float() for each in states)  # each B C h w
        return empty[0] + guidance_scale * (caption - empty[0]) if empty else caption

    return integrate(velocity, noise, sampler, steps)


def _read(model: FusionTransformer, captions: Text) -> Past:
    _, past = model([captions], Past.empty((TEXT, IMAGE), len(model.blocks)), needs_output=[False])
    return past


@torch.inference_mode()
def describe(model: FusionTransformer, latents: Tensor, begin: int, end: int, max_tokens: int) -> list[list[int]]:
    """Write captions of clean ``latents`` (B, C, h, w), greedily: token ids of each, without beginning and end.

    A row leaves the batch when its caption ends. All rows that are left are equally long: none needs a mask.
    """
    start = Past.empty((IMAGE, TEXT), len(model.blocks))
    _, past = model([Image(latents, latents.new_zeros(1))], start, needs_output=[False])
    pictures = list(range(len(latents)))  # one a row
    written: list[list[int]] = [[] for _ in pictures]
    tokens = torch.full((len(pictures), 1), begin, device=latents.device)
    for _ in range(max_tokens):
        (states,), past = model([Text(tokens)], past)  # B 1 d
        tokens = model.logits(states).argmax(-1)  # B 1
        words = tokens[:, 0].tolist()
        for picture, word in zip(pictures, words, strict=True):
            if word != end:
                written[picture].append(word)
        rows = _closed_up([word != end for word in words])
        if not rows:
            break
        if len(rows) < len(pictures):
            chosen = torch.tensor(rows, device=tokens.device)
            tokens, pictures = tokens[chosen], [pictures[row] for row in rows]
            past.compact(chosen)
        else:
            past.compact()
    return written


def _closed_up(going_on: list[bool]) -> list[int]:
    """The rows that go on, the last of them in the places of those that do not: few move."""
    rows = list(range(sum(going_on)))
    later = [row for row in range(len(rows), len(going_on)) if going_on[row]]
    for gap, row in zip([row for row in rows if not going_on[row]], later, strict=True):
        rows[gap] = row
    return rows
