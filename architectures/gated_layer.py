"""Gated layer (paper, Sec. 3.1, "Gated Tower"): a second layer beside each pretrained one, scaled by a learnt gate."""

from __future__ import annotations

import copy
from collections.abc import Iterable
from typing import Any

import torch
from torch import Tensor, nn

from architectures.base import SHARED, FusionBlock, KeysValues, PackedSegments, Read, register
from architectures.decoder import DecoderBlock

PRETRAINED, GATED = "pretrained", "gated"


@register
class GatedLayer(FusionBlock):
    """H = F_txt(E) + g F_gate(E), both over the full sequence; g is a scalar that starts at 0.

    Where the paper is silent: ``gate_scope`` says whether every layer has its own g or all share one;
    ``text_only_bypass`` leaves the gated block out of layouts without an image, which keeps the language exactly (the
    published MMLU does not move). At g = 0 only g has a gradient, and AdamW moves it by about one learning rate a
    step: ``gate_lr_scale`` lets it learn faster; 1 is the paper's common rate.
    """

    language_frozen = {"text_only_bypass": True}
    options = {"gate_scope": ("layer", "global"), "text_only_bypass": (True, False), "gate_lr_scale": 1.0}
    controls = ("random_language_model", "random_copy", "capacity_only")

    def __init__(
        self,
        layer: nn.Module,
        gate_scope: str = "layer",
        text_only_bypass: bool = True,
        gate_lr_scale: float = 1.0,
    ) -> None:
        super().__init__()
        gated = copy.deepcopy(layer)
        self.blocks = nn.ModuleDict(
            {PRETRAINED: DecoderBlock(layer.requires_grad_(False)), GATED: DecoderBlock(gated)}
        )
        self.gate = nn.Parameter(torch.zeros((), dtype=next(gated.parameters()).dtype))
        self.text_only_bypass = text_only_bypass
        self.gate_lr_scale = gate_lr_scale

    @classmethod
    def stack(cls, layers: Iterable[nn.Module], **options: Any) -> nn.ModuleList:
        blocks = super().stack(layers, **options)
        if options.get("gate_scope") == "global":
            for block in blocks:
                block.gate = blocks[0].gate
        return blocks

    @classmethod
    def owner(cls, kind: str) -> str:
        return SHARED

    def keys_values(self, packed: PackedSegments, reader: str) -> list[KeysValues]:
        return self.blocks[reader].keys_values(packed)

    def transform(self, packed: PackedSegments, read: Read) -> Tensor:
        hidden = packed.hidden  # T d
        if PRETRAINED in self.blocks:
            hidden = self.blocks[PRETRAINED](packed, read(PRETRAINED))
        if self.text_only_bypass and not packed.with_image:
            return hidden
        return hidden + self.gate * self.blocks[GATED](packed, read(GATED))  # T d

    def trained_alone(self) -> FusionBlock:
        """H = E + g F_gate(E): of the pretrained layer its residual stream is left."""
        del self.blocks[PRETRAINED]
        self.text_only_bypass = False
        return self

    def learning_rate_scales(self) -> dict[str, float]:
        return {"gate": self.gate_lr_scale}

    def diagnostics(self) -> dict[str, float]:
        return {"gate": self.gate.item()}
