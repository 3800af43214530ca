"""The one idea: a sequence is a list of segments, and a block maps each given the keys and values before it.

Shapes: B rows, n tokens of a segment, S tokens read, d width, H heads, K key/value heads, D head width.
"""

from __future__ import annotations

import copy
from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from functools import cached_property, partial
from typing import Any, ClassVar

import torch
from torch import Tensor, nn

from architectures.shelf import KeysValues, Shelf

TEXT, IMAGE = "text", "image"
ANYONE = "anyone"  # a reader or owner, where they are not told apart


@dataclass
class Segment:
    """A run of tokens of one modality, on its way through the layers."""

    kind: str
    hidden: Tensor  # (B, n, d)
    rope: tuple[Tensor, Tensor]  # cosines and sines, each (B, n, D)
    mask: Tensor | None  # which of the S keys a query may see, (B or 1, 1, n or 1, S); None: all
    causal: bool  # the keys are the queries' own tokens, seen from left to right
    with_image: bool  # an image stands in its sequence: earlier, here or still to come


class Bundle:
    """Segments that the same weights meet, as one flat run of T tokens: large matrix products are the fast ones."""

    def __init__(self, segments: list[Segment]) -> None:
        self.segments = segments
        self.kind = segments[0].kind  # of all of them, where an architecture tells modalities apart
        self.with_image = segments[0].with_image  # of all of them
        self.hidden = self.flat([segment.hidden for segment in segments])  # T d
        self.normed: dict[nn.Module, Tensor] = {}  # what each decoder block has normalised already, (T, d)

    @cached_property
    def rope(self) -> tuple[Tensor, Tensor]:
        """Cosines and sines of all tokens, each (T, 1, D)."""
        cosines, sines = zip(*(segment.rope for segment in self.segments), strict=True)
        return self.flat(cosines)[:, None], self.flat(sines)[:, None]

    @staticmethod
    def flat(parts: Sequence[Tensor]) -> Tensor:
        """Each segment's (B, n, ...) -> (T, ...)."""
        runs = [part.flatten(0, 1) for part in parts]
        return runs[0] if len(runs) == 1 else torch.cat(runs)

    def split(self, flat: Tensor) -> list[Tensor]:
        """(T, ...) -> each segment's (B, n, ...)."""
        shapes = [segment.hidden.shape[:2] for segment in self.segments]
        parts = flat.split([rows * tokens for rows, tokens in shapes])
        return [part.unflatten(0, shape) for part, shape in zip(parts, shapes, strict=True)]


class Kept:
    """Keys and values of one segment in one layer, made for each reader when it first reads."""

    def __init__(self, segment: Segment | None, made: dict[str, KeysValues] | None = None) -> None:
        self.segment = segment  # None: whoever will read has read
        self.made = {} if made is None else made

    def read(self, block: FusionBlock, reader: str) -> KeysValues:
        if reader not in self.made:
            assert self.segment is not None, f"nothing was made for {reader} before the past was settled"
            (self.made[reader],) = block.keys_values(Bundle([self.segment]), reader)
        return self.made[reader]


class Memory:
    """What one layer keeps of a batch of sequences: every segment so far, and each reader's shelf of what it reads."""

    def __init__(self, kept: Iterable[Kept] = (), shelves: dict[str, Shelf] | None = None) -> None:
        self.kept = list(kept)
        self.shelves = defaultdict(Shelf) if shelves is None else shelves

    def fork(self) -> Memory:
        return Memory(self.kept, self.shelves)

    def read(self, block: FusionBlock, reader: str, segments: int) -> KeysValues:
        """The keys and values of the first ``segments``."""
        return self.shelves[reader].joined([kept.read(block, reader) for kept in self.kept[:segments]])

    def settle(self, rows: Tensor | None) -> None:
        """Keep all segments as one, for those who have read them all, and of ``rows`` only."""
        whole = {
            reader: shelf.settle([kept.made[reader] for kept in self.kept], rows)
            for reader, shelf in self.shelves.items()
            if all(reader in kept.made for kept in self.kept)
        }
        self.kept = [Kept(None, whole)]


@dataclass
class Strand:
    """A batch of sequences of one layout, in one layer: the segments to map, and what is kept of all so far."""

    segments: list[Segment]
    wanted: Sequence[bool]  # a segment that is not wanted is read by later ones but not mapped
    memory: Memory  # of the earlier segments; grows by these


Read = Callable[[str], list[KeysValues]]
Seen = tuple[Memory, int]  # a memory, and how many of its segments are seen


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

    @classmethod
    def owner(cls, kind: str) -> str:
        """Whose weights map tokens of this modality: segments of one owner are mapped together. Default: its own."""
        return kind

    def keys_values(self, bundle: Bundle, reader: str) -> list[KeysValues]:
        """Make the keys and values of each of the bundle's segments for ``reader``."""
        raise NotImplementedError

    def map(self, bundle: Bundle, read: Read) -> Tensor:
        """Map the bundle's tokens, (T, d) -> (T, d).

        ``read`` gives what each of its segments reads in the eyes of a reader: its own and all earlier tokens.
        """
        raise NotImplementedError

    def forward(self, strands: Sequence[Strand]) -> list[list[Segment]]:
        """Map the wanted segments of every strand; the others come back as they were.

        A layer's keys and values come from its inputs, so segments need not wait for each other: those of one owner
        go together, whatever their layout. Only what needs no gradient stays apart from what does.
        """
        mapped = [list(strand.segments) for strand in strands]
        groups: dict[tuple[str, bool, bool], list[tuple[list[Segment], int, Seen]]] = {}
        for strand, own in zip(strands, mapped, strict=True):
            has_graph = False
            for place, (segment, is_wanted) in enumerate(zip(own, strand.wanted, strict=True)):
                has_graph |= segment.hidden.requires_grad
                strand.memory.kept.append(Kept(segment))
                if is_wanted:
                    key = (self.owner(segment.kind), segment.with_image, has_graph)
                    groups.setdefault(key, []).append((own, place, (strand.memory, len(strand.memory.kept))))
        for members in groups.values():
            bundle = Bundle([own[place] for own, place, _ in members])
            hidden = self.map(bundle, partial(self._read, bundle, [seen for _, _, seen in members]))
            for (own, place, _), states in zip(members, bundle.split(hidden), strict=True):
                own[place] = replace(own[place], hidden=states)
        return mapped

    def _read(self, bundle: Bundle, seen: list[Seen], reader: str) -> list[KeysValues]:
        own = [memory.kept[segments - 1] for memory, segments in seen]
        if not any(reader in kept.made for kept in own):
            for kept, made in zip(own, self.keys_values(bundle, reader), strict=True):
                kept.made[reader] = made
        return [memory.read(self, reader, segments) for memory, segments in seen]

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
