"""F of the paper: a pretrained decoder layer, opened into the two things fusion needs of it."""

from __future__ import annotations

from contextlib import AbstractContextManager, nullcontext

import torch
from torch import Tensor, nn
from transformers.modeling_utils import ALL_ATTENTION_FUNCTIONS
from transformers.models.llama.modeling_llama import rotate_half

from architectures.base import Bundle, KeysValues, Segment


class DecoderBlock(nn.Module):
    """Hugging Face's own submodules hold the weights; which tokens meet which is decided outside.

    Fits every layer made as Llama's is (pre-norm, rotary, gated MLP); whether a family is, `transformer.py` checks.
    """

    def __init__(self, layer: nn.Module) -> None:
        super().__init__()
        self.layer = layer
        self._attend = ALL_ATTENTION_FUNCTIONS["sdpa"]

    def keys_values(self, bundle: Bundle) -> list[KeysValues]:
        """Project the tokens to keys and values, for each of the bundle's segments."""
        attention = self.layer.self_attn
        states = self._normed(bundle)  # T d
        keys = self._heads(bundle, self._rotated(bundle, attention.k_proj(states)))  # each B K n D
        values = self._heads(bundle, self._by_head(attention.v_proj(states)))  # each B K n D
        return [KeysValues(*pair) for pair in zip(keys, values, strict=True)]

    def forward(self, bundle: Bundle, contexts: list[KeysValues]) -> Tensor:
        """Map the tokens: attention of each segment to its context, then MLP, each added to its input. (T, d)."""
        attention = self.layer.self_attn
        queries = self._heads(bundle, self._rotated(bundle, attention.q_proj(self._normed(bundle))))  # each B H n D
        mixed = [self._attended(*each) for each in zip(bundle.segments, queries, contexts, strict=True)]  # each B n H D
        return self.finish(bundle.hidden, bundle.flat(mixed).flatten(1))  # T d

    def finish(self, hidden: Tensor, mixed: Tensor) -> Tensor:
        """What follows attention token by token, (T, d), (T, H*D) -> (T, d): pure, so that it can be compiled."""
        hidden = hidden + self.layer.self_attn.o_proj(mixed)  # T d
        return hidden + self.layer.mlp(self.layer.post_attention_layernorm(hidden))  # T d

    def _attended(self, segment: Segment, queries: Tensor, context: KeysValues) -> Tensor:
        """(B, H, n, D) -> (B, n, H, D)."""
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

    def _normed(self, bundle: Bundle) -> Tensor:
        if self not in bundle.normed:
            bundle.normed[self] = self.layer.input_layernorm(bundle.hidden)
        return bundle.normed[self]

    def _by_head(self, states: Tensor) -> Tensor:
        return states.unflatten(-1, (-1, self.layer.self_attn.head_dim))  # T H*D -> T H D

    def _rotated(self, bundle: Bundle, states: Tensor) -> Tensor:
        heads, (cosines, sines) = self._by_head(states), bundle.rope
        return heads * cosines + rotate_half(heads) * sines  # T H D

    @staticmethod
    def _heads(bundle: Bundle, heads: Tensor) -> list[Tensor]:
        return [part.transpose(1, 2) for part in bundle.split(heads)]  # T H D -> each B H n D


def _attention_precision(device: str) -> AbstractContextManager[None]:
    """On a CPU autocast leaves attention in the queries' own float32 (the rotary embedding's): in bfloat16 the fused
    kernel's backward pass is several times slower."""
    return torch.autocast("cpu", enabled=False) if device == "cpu" else nullcontext()
