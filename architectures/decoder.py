"""F of the paper: a pretrained decoder layer, opened into the two things fusion needs of it."""

from __future__ import annotations

from torch import Tensor, nn
from transformers.modeling_utils import ALL_ATTENTION_FUNCTIONS
from transformers.models.llama.modeling_llama import rotate_half

from architectures.base import KeysValues, Segment


class DecoderBlock(nn.Module):
    """Hugging Face's own submodules hold the weights; which tokens meet which is decided outside.

    Fits every layer made as Llama's is (pre-norm, rotary, gated MLP); whether a family is, `transformer.py` checks.
    """

    def __init__(self, layer: nn.Module) -> None:
        super().__init__()
        self.layer = layer
        self._attend = ALL_ATTENTION_FUNCTIONS["sdpa"]

    def keys_values(self, segment: Segment) -> KeysValues:
        """Project the segment's tokens to keys and values."""
        attention = self.layer.self_attn
        states = self._normed(segment)  # B n d
        keys = self._heads(attention.k_proj(states))  # B K n D
        values = self._heads(attention.v_proj(states))  # B K n D
        return KeysValues(self._rotated(keys, segment), values)

    def forward(self, segment: Segment, context: KeysValues) -> Tensor:
        """Map the segment's tokens, which attend to ``context``: attention, then MLP, each added to its input."""
        attention = self.layer.self_attn
        queries = self._rotated(self._heads(attention.q_proj(self._normed(segment))), segment)  # B H n D
        mixed, _ = self._attend(
            attention,
            queries,
            context.keys,
            context.values,
            segment.mask,
            dropout=0.0,
            scaling=attention.scaling,
            is_causal=segment.causal,
        )  # B n H D
        hidden = segment.hidden + attention.o_proj(mixed.flatten(2))  # B n d
        return hidden + self.layer.mlp(self.layer.post_attention_layernorm(hidden))  # B n d

    def _normed(self, segment: Segment) -> Tensor:
        if self not in segment.normed:
            segment.normed[self] = self.layer.input_layernorm(segment.hidden)
        return segment.normed[self]

    def _heads(self, states: Tensor) -> Tensor:
        return states.unflatten(-1, (-1, self.layer.self_attn.head_dim)).transpose(1, 2)  # B n H*D -> B H n D

    @staticmethod
    def _rotated(heads: Tensor, segment: Segment) -> Tensor:
        cosines, sines = segment.rope
        return heads * cosines + rotate_half(heads) * sines
