"""Dual projection (paper, Sec. 3.1): weights by modality, one joint attention (as in LMFusion)."""

from __future__ import annotations

import copy

from torch import Tensor, nn

from architectures.base import IMAGE, SHARED, TEXT, FusionBlock, KeysValues, PackedSegments, Read, register
from architectures.decoder import DecoderBlock, OneBlock


@register
class DualProjection(FusionBlock):
    """Q, K, V and MLP by the token's own modality, one joint attention; the text weights stay frozen.

    The paper does not say whether the output projection and the norms are copied too: ``copied`` is ``all`` (as in
    LMFusion) or ``qkv_mlp``, which leaves those shared and frozen.
    """

    language_frozen = True
    options = {"copied": ("all", "qkv_mlp")}
    controls = ("random_language_model", "random_copy", "capacity_only")

    def __init__(self, layer: nn.Module, copied: str = "all") -> None:
        super().__init__()
        vision = copy.deepcopy(layer)
        layer.requires_grad_(False)
        if copied == "qkv_mlp":
            vision.self_attn.o_proj = layer.self_attn.o_proj
            vision.input_layernorm = layer.input_layernorm
            vision.post_attention_layernorm = layer.post_attention_layernorm
        self.blocks = nn.ModuleDict({TEXT: DecoderBlock(layer), IMAGE: DecoderBlock(vision)})

    def keys_values(self, packed: PackedSegments, reader: str) -> list[KeysValues]:
        return self.blocks[packed.kind].keys_values(packed)

    def transform(self, packed: PackedSegments, read: Read) -> Tensor:
        return self.blocks[packed.kind](packed, read(SHARED))

    def trained_alone(self) -> FusionBlock:
        return OneBlock(self.blocks[IMAGE].get_submodule("layer"))
