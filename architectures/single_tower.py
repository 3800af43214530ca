"""Single tower (paper, Sec. 3.1): one stack for every token."""

from __future__ import annotations

from torch import Tensor, nn

from architectures.base import ANYONE, Bundle, FusionBlock, KeysValues, Read, register
from architectures.decoder import DecoderBlock


@register
class SingleTower(FusionBlock):
    """H = F(E) for all tokens; the language model's own blocks are trained, so its language may go."""

    language_frozen = False

    def __init__(self, layer: nn.Module) -> None:
        super().__init__()
        self.block = DecoderBlock(layer)

    @classmethod
    def owner(cls, kind: str) -> str:
        return ANYONE

    def keys_values(self, bundle: Bundle, reader: str) -> list[KeysValues]:
        return self.block.keys_values(bundle)

    def map(self, bundle: Bundle, read: Read) -> Tensor:
        return self.block(bundle, read(ANYONE))
