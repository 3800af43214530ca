"""Single tower (paper, Sec. 3.1): the same weights for every token."""

from __future__ import annotations

from torch import Tensor, nn

from architectures.base import SHARED, FusionBlock, KeysValues, PackedSegments, Read, register
from architectures.decoder import DecoderBlock


@register
class SingleTower(FusionBlock):
    """H = F(E) for all tokens; the language model's own layers are trained, so its language may be lost."""

    language_frozen = False

    def __init__(self, layer: nn.Module) -> None:
        super().__init__()
        self.block = DecoderBlock(layer)

    @classmethod
    def owner(cls, kind: str) -> str:
        return SHARED

    def keys_values(self, packed: PackedSegments, reader: str) -> list[KeysValues]:
        return self.block.keys_values(packed)

    def transform(self, packed: PackedSegments, read: Read) -> Tensor:
        return self.block(packed, read(SHARED))
