"""Single tower (paper, Sec. 3.1): one stack for every token."""

from __future__ import annotations

from collections.abc import Sequence

from torch import Tensor, nn

from architectures.base import FusionBlock, KeysValues, Read, Segment, register
from architectures.decoder import DecoderBlock


@register
class SingleTower(FusionBlock):
    """H = F(E) for all tokens; the language model's own blocks are trained, so its language may go."""

    language_frozen = False

    def __init__(self, layer: nn.Module) -> None:
        super().__init__()
        self.block = DecoderBlock(layer)

    def keys_values(self, segment: Segment, reader: str) -> KeysValues:
        return self.block.keys_values(segment)

    def map(self, segment: Segment, read: Read, layout: Sequence[str]) -> Tensor:
        return self.block(segment, read(segment.kind))
