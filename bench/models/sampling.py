"""Sampling of images and captions: the training forward pass with a KV cache of earlier segments."""

from __future__ import annotations

from collections.abc import Sequence

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
    """Generate latents (B, C, h, w) from captions ``ids`` (B, n), right-padded; see `guided_latents`.

    The empty caption is the same for all rows, and computed once.
    """
    caption = Text(ids, None if (lengths == ids.shape[1]).all() else lengths)
    empty = Text(torch.tensor([empty_caption], device=ids.device))
    return guided_latents(model, [caption], [empty], noise, guidance_scale, sampler, steps)


@torch.inference_mode()
def guided_latents(
    model: FusionTransformer,
    prefix: Sequence[Text | Image],
    empty_prefix: Sequence[Text | Image],
    noise: Tensor,
    guidance_scale: float,
    sampler: str,
    steps: int,
) -> Tensor:
    """Generate the latents (B, C, h, w) of an image that follows ``prefix``, starting at ``noise`` (B, C, h, w).

    Classifier-free guidance: v = v_empty + guidance_scale (v_prefix - v_empty), both in one pass; at scale 1 the
    ``empty_prefix`` is left out.
    """
    pasts = [_prefill(model, prefix)]
    if guidance_scale != 1:
        pasts.append(_prefill(model, empty_prefix))

    def velocity(latents: Tensor, sigma: Tensor) -> Tensor:
        image = Image(latents, sigma[:1])  # one noise level for all
        states = model.decode_step([image] * len(pasts), pasts)  # each B n d
        guided, *empty = (model.velocity(each).float() for each in states)  # each B C h w
        return empty[0] + guidance_scale * (guided - empty[0]) if empty else guided

    return integrate(velocity, noise, sampler, steps)


def _prefill(model: FusionTransformer, prefix: Sequence[Text | Image]) -> Past:
    layout = (*(item.kind for item in prefix), IMAGE)
    _, past = model(prefix, Past.empty(layout, model.depth), needs_output=[False] * len(prefix))
    return past


@torch.inference_mode()
def sample_captions(
    model: FusionTransformer, latents: Tensor, begin: int, end: int, max_tokens: int
) -> list[list[int]]:
    """Generate captions of clean ``latents`` (B, C, h, w), greedily: token ids of each, without beginning and end.

    A row leaves the batch when its caption ends. The rows left are equally long, so none needs a mask.
    """
    start = Past.empty((IMAGE, TEXT), model.depth)
    _, past = model([Image(latents, latents.new_zeros(1))], start, needs_output=[False])
    images = list(range(len(latents)))  # one a row
    captions: list[list[int]] = [[] for _ in images]
    tokens = torch.full((len(images), 1), begin, device=latents.device)
    for _ in range(max_tokens):
        (states,), past = model([Text(tokens)], past)  # B 1 d
        tokens = model.logits(states).argmax(-1)  # B 1
        words = tokens[:, 0].tolist()
        for image, word in zip(images, words, strict=True):
            if word != end:
                captions[image].append(word)
        rows = _closed_up([word != end for word in words])
        if not rows:
            break
        if len(rows) < len(images):
            chosen = torch.tensor(rows, device=tokens.device)
            tokens, images = tokens[chosen], [images[row] for row in rows]
            past.compact(chosen)
        else:
            past.compact()
    return captions


def _closed_up(going_on: list[bool]) -> list[int]:
    """Rows that go on, the last of them moved into the places of those that do not, so that few move."""
    rows = list(range(sum(going_on)))
    later = [row for row in range(len(rows), len(going_on)) if going_on[row]]
    for gap, row in zip([row for row in rows if not going_on[row]], later, strict=True):
        rows[gap] = row
    return rows
