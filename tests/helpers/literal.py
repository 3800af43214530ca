"""The paper's equations, word for word and slowly: one packed sequence, a dense mask, every tower on every token.

Row by row and without padding, so that nothing of segments, masks or lengths is shared with the product's way.
"""

from __future__ import annotations

import torch
from torch import Tensor

from architectures.base import IMAGE, TEXT
from architectures.sequence import Image, Text


def final_states(model, items: list[Text | Image]) -> list[list[Tensor]]:
    """Final states per row and item, each (valid tokens, d), of a FusionTransformer's weights."""
    rows = len(items[0].ids if isinstance(items[0], Text) else items[0].latents)
    return [_row(model, [_pick(item, row) for item in items]) for row in range(rows)]


def _pick(item: Text | Image, row: int) -> Text | Image:
    if isinstance(item, Text):
        length = item.ids.shape[1] if item.lengths is None else int(item.lengths[row])
        return Text(item.ids[row : row + 1, :length])
    return Image(item.latents[row : row + 1], item.sigma[row : row + 1])


def _row(model, items: list[Text | Image]) -> list[Tensor]:
    pieces = [
        model.patches(item.latents, item.sigma) if isinstance(item, Image) else model.embed_tokens(item.ids)
        for item in items
    ]
    lengths = [piece.shape[1] for piece in pieces]
    states = torch.cat(pieces, 1)  # 1 S d
    kinds = sum(([item.kind] * n for item, n in zip(items, lengths, strict=True)), [])
    number = sum(([i] * n for i, n in enumerate(lengths)), [])
    size = len(kinds)
    visible = torch.zeros(size, size, dtype=torch.bool)
    for query in range(size):
        for key in range(size):
            same_image = number[key] == number[query] and kinds[query] == IMAGE
            visible[query, key] = key <= query or same_image
    cosines, sines = model.rotary(states, torch.arange(size)[None])
    is_image = torch.tensor([kind == IMAGE for kind in kinds])
    for block in model.blocks:
        states = EQUATIONS[block.architecture](block, states, is_image, visible, cosines[0], sines[0])
    return list(states[0].split(lengths))


def _project(states: Tensor, layer, name: str, cosines: Tensor, sines: Tensor) -> Tensor:
    """Normalise, project, split into heads, rotate: (1, S, d) -> (heads, S, D)."""
    attention = layer.self_attn
    heads = getattr(attention, name)(layer.input_layernorm(states))[0].unflatten(-1, (-1, attention.head_dim))
    heads = heads.transpose(0, 1)
    if name == "v_proj":
        return heads
    half = attention.head_dim // 2
    turned = torch.cat([-heads[..., half:], heads[..., :half]], -1)
    return heads * cosines + turned * sines


def _attend(queries: Tensor, keys: Tensor, values: Tensor, visible: Tensor) -> Tensor:
    """Softmax attention with grouped heads: (H, S, D) -> (1, S, H*D)."""
    groups = len(queries) // len(keys)
    mixed = []
    for head in range(len(queries)):
        scores = queries[head] @ keys[head // groups].T / keys.shape[-1] ** 0.5
        mixed.append(scores.masked_fill(~visible, float("-inf")).softmax(-1) @ values[head // groups])
    return torch.cat(mixed, -1)[None]


def _finish(layer, states: Tensor, mixed: Tensor) -> Tensor:
    hidden = states + layer.self_attn.o_proj(mixed)
    return hidden + layer.mlp(layer.post_attention_layernorm(hidden))


def _decoder(layer, states, visible, cosines, sines) -> Tensor:
    """F(E): one pretrained layer over the full sequence."""
    q, k, v = (_project(states, layer, f"{name}_proj", cosines, sines) for name in "qkv")
    return _finish(layer, states, _attend(q, k, v, visible))


def _single_tower(block, states, is_image, visible, cosines, sines) -> Tensor:
    return _decoder(block.block.layer, states, visible, cosines, sines)


def _gated_layer(block, states, is_image, visible, cosines, sines) -> Tensor:
    pretrained, gated = (block.blocks[name].layer for name in ("pretrained", "gated"))
    kept = _decoder(pretrained, states, visible, cosines, sines)
    if block.text_only_bypass and not is_image.any():
        return kept
    return kept + block.gate * _decoder(gated, states, visible, cosines, sines)


def _dual_tower(block, states, is_image, visible, cosines, sines) -> Tensor:
    text, image = (_decoder(block.towers[kind].layer, states, visible, cosines, sines) for kind in (TEXT, IMAGE))
    return torch.where(is_image[:, None], image, text)


def _dual_projection(block, states, is_image, visible, cosines, sines) -> Tensor:
    text, image = (block.blocks[kind].layer for kind in (TEXT, IMAGE))
    q, k, v = (
        torch.where(
            is_image[:, None],
            _project(states, image, f"{name}_proj", cosines, sines),
            _project(states, text, f"{name}_proj", cosines, sines),
        )
        for name in "qkv"
    )
    mixed = _attend(q, k, v, visible)
    return torch.where(is_image[:, None], _finish(image, states, mixed), _finish(text, states, mixed))


EQUATIONS = {
    "single_tower": _single_tower,
    "gated_layer": _gated_layer,
    "dual_tower": _dual_tower,
    "dual_projection": _dual_projection,
}
