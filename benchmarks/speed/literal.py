"""The paper's equations as one would first write them: packed rows, a dense mask, each tower on the whole sequence.

The yardstick of speed. Tests hold it to the loss and gradients of the product; their own reference goes row by row.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor
from torch.nn import functional as F
from transformers.models.llama.modeling_llama import apply_rotary_pos_emb

from architectures.base import IMAGE, TEXT
from architectures.sequence import Image, Text
from architectures.transformer import FusionTransformer

Pass = tuple[Tensor, Tensor, Tensor, Tensor]  # is_image (S,), visible (S, S), cosines and sines (B, S, D)


def final_states(model: FusionTransformer, items: list[Text | Image]) -> list[Tensor]:
    """Final states of each item, (B, n, d)."""
    pieces = [
        model.patches(item.latents, item.sigma) if isinstance(item, Image) else model.embed_tokens(item.ids)
        for item in items
    ]
    lengths = [piece.shape[1] for piece in pieces]
    states = torch.cat(pieces, 1)  # B S d
    size = states.shape[1]
    is_image, visible = (mask.to(states.device) for mask in masks([item.kind for item in items], lengths))
    cosines, sines = model.rotary(states, torch.arange(size, device=states.device).expand(len(states), size))
    for block in model.blocks:
        states = EQUATIONS[str(block.architecture)](block, states, (is_image, visible, cosines, sines))
    return list(states.split(lengths, dim=1))


def masks(kinds: list[str], lengths: list[int]) -> tuple[Tensor, Tensor]:
    """Which tokens are an image's, (S,), and which keys (last) each token sees: what is before it, and its image."""
    number = torch.arange(len(kinds)).repeat_interleave(torch.tensor(lengths))  # S
    is_image = torch.tensor([kind == IMAGE for kind in kinds])[number]  # S
    same_image = (number[:, None] == number) & is_image[:, None]
    return is_image, torch.ones(len(number), len(number), dtype=torch.bool).tril() | same_image


def _project(layer: Any, states: Tensor, how: Pass) -> tuple[Tensor, Tensor, Tensor]:
    attention = layer.self_attn
    normed = layer.input_layernorm(states)
    q, k, v = (
        project(normed).unflatten(-1, (-1, attention.head_dim)).transpose(1, 2)
        for project in (attention.q_proj, attention.k_proj, attention.v_proj)
    )
    q, k = apply_rotary_pos_emb(q, k, how[2], how[3])
    return q, k, v


def _finish(layer: Any, states: Tensor, qkv: tuple[Tensor, Tensor, Tensor], how: Pass) -> Tensor:
    mixed = F.scaled_dot_product_attention(*qkv, attn_mask=how[1], enable_gqa=True)  # B H S D
    hidden = states + layer.self_attn.o_proj(mixed.transpose(1, 2).flatten(2))
    return hidden + layer.mlp(layer.post_attention_layernorm(hidden))


def _decoder(layer: Any, states: Tensor, how: Pass) -> Tensor:
    return _finish(layer, states, _project(layer, states, how), how)


def _chosen(how: Pass, image: Tensor, text: Tensor) -> Tensor:
    """Each token's own, of tensors with tokens second to last."""
    return torch.where(how[0][:, None], image, text)


def _single_tower(block: Any, states: Tensor, how: Pass) -> Tensor:
    return _decoder(block.block.layer, states, how)


def _gated_layer(block: Any, states: Tensor, how: Pass) -> Tensor:
    pretrained, gated = (block.blocks[name].layer for name in ("pretrained", "gated"))
    return _decoder(pretrained, states, how) + block.gate * _decoder(gated, states, how)


def _dual_tower(block: Any, states: Tensor, how: Pass) -> Tensor:
    text, image = (_decoder(block.towers[kind].layer, states, how) for kind in (TEXT, IMAGE))
    return _chosen(how, image, text)


def _dual_projection(block: Any, states: Tensor, how: Pass) -> Tensor:
    text, image = (block.blocks[kind].layer for kind in (TEXT, IMAGE))
    both = zip(_project(image, states, how), _project(text, states, how), strict=True)
    q, k, v = (_chosen(how, *pair) for pair in both)
    return _chosen(how, _finish(image, states, (q, k, v), how), _finish(text, states, (q, k, v), how))


MISSING = "its equation is not written down (EQUATIONS in benchmarks/speed/literal.py): nothing literal to compare with"
EQUATIONS = {
    "single_tower": _single_tower,
    "gated_layer": _gated_layer,
    "dual_tower": _dual_tower,
    "dual_projection": _dual_projection,
}
