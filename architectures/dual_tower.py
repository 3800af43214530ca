"""Dual tower, the X-Fusion architecture (paper, Sec. 3.2): two stacks, each reading everything in its own way."""

from __future__ import annotations

import copy

from torch import Tensor, nn

from architectures.base import IMAGE, TEXT, Bundle, FusionBlock, KeysValues, Read, register
from architectures.decoder import DecoderBlock


@register
class DualTower(FusionBlock):
    """Each tower makes keys and values of all tokens it reads and maps its own; the text tower stays frozen.

    The paper runs both towers over the whole sequence and keeps, token by token, the owner's output. The outputs
    thrown away there are never computed here: of the other modality a tower needs keys and values only.
    """

    language_frozen = True

    def __init__(self, layer: nn.Module) -> None:
        super().__init__()
        vision = copy.deepcopy(layer)
        self.towers = nn.ModuleDict({TEXT: DecoderBlock(layer.requires_grad_(False)), IMAGE: DecoderBlock(vision)})

    def keys_values(self, bundle: Bundle, reader: str) -> list[KeysValues]:
        return self.towers[reader].keys_values(bundle)

    def map(self, bundle: Bundle, read: Read) -> Tensor:
        return self.towers[bundle.kind](bundle, read(bundle.kind))
