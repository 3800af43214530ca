"""Dual tower, the X-Fusion architecture (paper, Sec. 3.2): two stacks, each with keys and values of all tokens."""

from __future__ import annotations

import copy

from torch import Tensor, nn

from architectures.base import IMAGE, TEXT, FusionBlock, KeysValues, PackedSegments, Read, register
from architectures.decoder import DecoderBlock, OneBlock


@register
class DualTower(FusionBlock):
    """Each tower makes keys and values of all tokens and transforms those of its modality; the text tower is frozen.

    H_txt = F_txt(E), H_img = F_img(E); a token takes the output of its own modality's tower. The outputs that the paper
    discards are never computed here: of the other modality a tower needs keys and values only.
    """

    language_frozen = True
    controls = ("random_language_model", "random_copy", "capacity_only")

    def __init__(self, layer: nn.Module) -> None:
        super().__init__()
        vision = copy.deepcopy(layer)
        self.towers = nn.ModuleDict({TEXT: DecoderBlock(layer.requires_grad_(False)), IMAGE: DecoderBlock(vision)})

    def keys_values(self, packed: PackedSegments, reader: str) -> list[KeysValues]:
        return self.towers[reader].keys_values(packed)

    def transform(self, packed: PackedSegments, read: Read) -> Tensor:
        return self.towers[packed.kind](packed, read(packed.kind))

    def trained_alone(self) -> FusionBlock:
        return OneBlock(self.towers[IMAGE].get_submodule("layer"))
