"""Attention for training under bfloat16 autocast on CPU, where SDPA's bfloat16 backward is several times slower."""

from __future__ import annotations

import torch
from transformers import AttentionInterface, AttentionMaskInterface, PreTrainedModel
from transformers.integrations.sdpa_attention import sdpa_attention_forward
from transformers.masking_utils import sdpa_mask

NAME = "sdpa_float32"


def use_float_attention(model: PreTrainedModel) -> None:
    """Let ``model`` attend in float32 even inside autocast; the choice is not saved with it."""
    AttentionInterface.register(NAME, _attend)
    AttentionMaskInterface.register(NAME, sdpa_mask)
    model.set_attn_implementation(NAME)


def _attend(module, query, key, value, mask, **options):  # type: ignore[no-untyped-def]  # transformers' interface
    with torch.autocast("cpu", enabled=False):
        return sdpa_attention_forward(module, query.float(), key.float(), value.float(), mask, **options)
