"""Pretrained decoder layer (F in the paper, Sec. 3.1), split into keys and values and the rest of the layer.

Shapes: B rows, n tokens of a segment, T packed tokens, d width, H heads, K key/value heads, D head width.
"""

from __future__ import annotations

from contextlib import AbstractContextManager, nullcontext

import torch
from torch import Tensor, nn
from transformers.modeling_utils import ALL_ATTENTION_FUNCTIONS
from transformers.models.llama.modeling_llama import rotate_half

from architectures.base import SHARED, TEXT, FusionBlock, KeysValues, PackedSegments, Read, Segment


class DecoderBlock(nn.Module):
    """Decoder layer on packed segments with given attention contexts; Hugging Face's submodules hold the weights.

    It fits every layer built as Llama's is (pre-norm, rotary, gated MLP): building a model tests the family's logits.
    """

    def __init__(self, layer: nn.Module) -> None:
        super().__init__()
        self.layer = layer
        self._attend = ALL_ATTENTION_FUNCTIONS["sdpa"]

    def keys_values(self, packed: PackedSegments) -> list[KeysValues]:
        """Project the tokens to rotated keys and values, for each packed segment."""
        attention = self.layer.self_attn
        states = self._normed(packed)  # T d
        keys = self._heads(packed, self._rotated(packed, attention.k_proj(states)))  # each B K n D
        values = self._heads(packed, self._by_head(attention.v_proj(states)))  # each B K n D
        return [KeysValues(*pair) for pair in zip(keys, values, strict=True)]

    def forward(self, packed: PackedSegments, contexts: list[KeysValues]) -> Tensor:
        """Apply the layer: attention of each segment to its context, then MLP, each with its residual. (T, d)."""
        attention = self.layer.self_attn
        queries = self._heads(packed, self._rotated(packed, attention.q_proj(self._normed(packed))))  # each B H n D
        mixed = [self._attended(*each) for each in zip(packed.segments, queries, contexts, strict=True)]  # each B n H D
        return self.finish(packed.hidden, packed.flat(mixed).flatten(1))  # T d

    def finish(self, hidden: Tensor, mixed: Tensor) -> Tensor:
        """Apply output projection and MLP, (T, d), (T, H*D) -> (T, d): token by token, so that it can be compiled."""
        hidden = hidden + self.layer.self_attn.o_proj(mixed)  # T d
        return hidden + self.layer.mlp(self.layer.post_attention_layernorm(hidden))  # T d

    def _attended(self, segment: Segment, queries: Tensor, context: KeysValues) -> Tensor:
        """Attend with the family's own fused attention: (B, H, n, D) -> (B, n, H, D)."""
        with _attention_precision(queries.device.type):
            mixed, _ = self._attend(
                self.layer.self_attn,
                queries,
                context.keys.to(queries.dtype),
                context.values.to(queries.dtype),
                segment.mask,
                dropout=0.0,
                scaling=self.layer.self_attn.scaling,
                is_causal=segment.causal,
            )
        return mixed

    def _normed(self, packed: PackedSegments) -> Tensor:
        if self not in packed.normed:
            packed.normed[self] = self.layer.input_layernorm(packed.hidden)
        return packed.normed[self]

    def _by_head(self, states: Tensor) -> Tensor:
        return states.unflatten(-1, (-1, self.layer.self_attn.head_dim))  # T H*D -> T H D

    def _rotated(self, packed: PackedSegments, states: Tensor) -> Tensor:
        heads, (cosines, sines) = self._by_head(states), packed.rope
        return heads * cosines + rotate_half(heads) * sines  # T H D

    @staticmethod
    def _heads(packed: PackedSegments, heads: Tensor) -> list[Tensor]:
        return [part.transpose(1, 2) for part in packed.split(heads)]  # T H D -> each B H n D


class OneBlock(FusionBlock):
    """One decoder block for every token, whatever its modality."""

    def __init__(self, layer: nn.Module) -> None:
        super().__init__()
        self.block = DecoderBlock(layer)

    @classmethod
    def owner(cls, kind: str) -> str:
        return SHARED

    def keys_values(self, packed: PackedSegments, reader: str) -> list[KeysValues]:
        return self.block.keys_values(packed)

    def transform(self, packed: PackedSegments, read: Read) -> Tensor:
        return self.block(packed, read(SHARED))  # type: ignore[no-any-return]


def language_states(body: nn.Module, ids: Tensor) -> Tensor:
    """Run a language model's ``body`` on text by decoder blocks: (1, n) -> (1, n, d), after its final norm.

    Anything that the family's own pass does and this does not shows as a difference between the two.
    """
    hidden = body.embed_tokens(ids)  # 1 n d
    rope = body.rotary_emb(hidden, torch.arange(ids.shape[1], device=ids.device)[None])  # each 1 n D
    for layer in body.layers:
        text = PackedSegments([Segment(TEXT, hidden, rope, None, causal=True, with_image=False)])
        block = DecoderBlock(layer)
        (hidden,) = text.split(block(text, block.keys_values(text)))
    return body.norm(hidden)  # type: ignore[no-any-return]


def _attention_precision(device: str) -> AbstractContextManager[None]:
    """Keep attention out of autocast on a CPU, in the float32 of the rotated queries: the fused kernel's backward pass
    is several times slower in bfloat16."""
    return torch.autocast("cpu", enabled=False) if device == "cpu" else nullcontext()
