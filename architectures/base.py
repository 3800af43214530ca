"""The one idea: a sequence is a list of segments, and a block maps each given the keys and values before it.

Shapes: B rows, n tokens of a segment, S tokens read, d width, H heads, K key/value heads, D head width.
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, ClassVar, NamedTuple

import torch
from torch import Tensor, nn

TEXT, IMAGE = "text", "image"


class KeysValues(NamedTuple):
    """What a reader attends to."""

    keys: Tensor  # (B, K, S, D)
    values: Tensor  # (B, K, S, D)


@dataclass
class Segment:
    """A run of tokens of one modality, on its way through the layers."""

    kind: str
    hidden: Tensor  # (B, n, d)
    rope: tuple[Tensor, Tensor]  # cosines and sines, each (B, 1, n, D)
    mask: Tensor | None  # which of the S keys a query may see, (B or 1, 1, n or 1, S); None: all
    causal: bool  # the keys are the queries' own tokens, seen from left to right
    normed: dict[nn.Module, Tensor] = field(default_factory=dict)  # what each decoder block has normalised already


class Kept:
    """Keys and values of one segment in one layer, made for each reader when it first reads."""

    def __init__(self, block: FusionBlock, segment: Segment) -> None:
        self._make = lambda reader: block.keys_values(segment, reader)
        self._made: dict[str, KeysValues] = {}

    def read(self, reader: str) -> KeysValues:
        if reader not in self._made:
            self._made[reader] = self._make(reader)
        return self._made[reader]


Read = Callable[[str], KeysValues]


class FusionBlock(nn.Module):
    """One layer of an architecture: who makes a token's keys and values, and who maps the token.

    A subclass is built from one pretrained decoder layer, which it may copy and freeze as it likes. At the start of
    training every architecture must compute the pretrained layer's own function.
    """

    architecture: ClassVar[str]
    language_frozen: ClassVar[bool]
    """Layouts without an image give exactly the untouched language model's logits, before and after training."""
    options: ClassVar[dict[str, Any]] = {}

    @classmethod
    def stack(cls, layers: Iterable[nn.Module], **options: Any) -> nn.ModuleList:
        """Build one block per pretrained decoder layer, from copies: the language model itself is left alone.

        Copies can be trained, whether the model could or not: what is frozen is for the block to say.
        """
        return nn.ModuleList(cls(copy.deepcopy(layer).requires_grad_(True), **options) for layer in layers)

    def keys_values(self, segment: Segment, reader: str) -> KeysValues:
        """Make the keys and values of ``segment`` for ``reader``."""
        raise NotImplementedError

    def map(self, segment: Segment, read: Read, layout: Sequence[str]) -> Tensor:
        """Map ``segment`` given what it reads: its own and all earlier tokens. Returns the new states, (B, n, d).

        ``layout`` names the modalities of the whole sequence, also of segments still to come.
        """
        raise NotImplementedError

    def forward(
        self, segments: Sequence[Segment], kept: list[Kept], layout: Sequence[str], wanted: Sequence[bool]
    ) -> list[Segment]:
        """Map ``segments`` in order; ``kept`` holds the earlier segments and grows by these.

        A segment that is not ``wanted`` is read by later ones but not mapped, and comes back as it was.
        """
        outputs = []
        for segment, is_wanted in zip(segments, wanted, strict=True):
            kept.append(Kept(self, segment))
            if is_wanted:
                hidden = self.map(segment, lambda reader: _joined([k.read(reader) for k in kept]), layout)
                segment = replace(segment, hidden=hidden, normed={})
            outputs.append(segment)
        return outputs

    def learning_rate_scales(self) -> dict[str, float]:
        """Parameters (by name inside the block) that learn at a multiple of the common rate."""
        return {}

    def diagnostics(self) -> dict[str, float]:
        """Numbers worth a line in the metrics file, such as a gate's opening."""
        return {}


def register(block: type[FusionBlock]) -> type[FusionBlock]:
    """Make ``block`` the architecture named after its file."""
    block.architecture = block.__module__.rpartition(".")[2]
    return block


def _joined(parts: list[KeysValues]) -> KeysValues:
    if len(parts) == 1:
        return parts[0]
    keys, values = zip(*parts, strict=True)
    return KeysValues(torch.cat(keys, dim=2), torch.cat(values, dim=2))
