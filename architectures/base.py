"""Segments and fusion blocks: a sequence is a list of segments; a block transforms each, given keys and values so far.

Shapes: B rows, n tokens of a segment, T tokens of several, S tokens attended to, d width, D head width.
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

from architectures.kv_cache import KeysValues, LayerCache, SegmentKV
from architectures.patches import ImageInput, ImageTokens, Patches

TEXT, IMAGE = "text", "image"
SHARED = "shared"  # the one reader or owner, where modalities are not told apart


@dataclass
class Segment:
    """A run of tokens of one modality, on its way through the layers."""

    kind: str
    hidden: Tensor  # (B, n, d); an architecture's image tokens may have a width of their own
    rope: tuple[Tensor, Tensor]  # cosines and sines, each (B, n, D)
    mask: Tensor | None  # which of the S keys a query may see, (B or 1, 1, n or 1, S); None: all that `causal` leaves
    causal: bool  # the keys are the queries' own tokens, seen from left to right
    with_image: bool  # an image stands in its sequence: earlier, here or still to come
    conditioning: Tensor | None = None  # what the image input gives for blocks to read, (B or 1, ...)


class PackedSegments:
    """Segments that share weights, packed into one flat run of T tokens, so that their matrix products are large."""

    def __init__(self, segments: list[Segment]) -> None:
        self.segments = segments
        self.kind = segments[0].kind  # of all of them, where an architecture tells modalities apart
        self.with_image = segments[0].with_image  # of all of them
        self.hidden = self.flat([segment.hidden for segment in segments])  # T d
        self.normed: dict[nn.Module, Tensor] = {}  # the normalised input of each decoder block that has run, (T, d)

    @cached_property
    def rope(self) -> tuple[Tensor, Tensor]:
        """Cosines and sines of all tokens, each (T, 1, D)."""
        cosines, sines = zip(*(segment.rope for segment in self.segments), strict=True)
        return self.flat(cosines)[:, None], self.flat(sines)[:, None]

    @staticmethod
    def flat(parts: Sequence[Tensor]) -> Tensor:
        """Pack each segment's (B, n, ...) into (T, ...)."""
        runs = [part.flatten(0, 1) for part in parts]
        return runs[0] if len(runs) == 1 else torch.cat(runs)

    def split(self, flat: Tensor) -> list[Tensor]:
        """Unpack (T, ...) into each segment's (B, n, ...)."""
        shapes = [segment.hidden.shape[:2] for segment in self.segments]
        parts = flat.split([rows * tokens for rows, tokens in shapes])
        return [part.unflatten(0, shape) for part, shape in zip(parts, shapes, strict=True)]


@dataclass
class SequenceBatch:
    """A batch of sequences of one layout at the input of a layer: the new segments and the cache of earlier ones."""

    segments: list[Segment]
    needs_output: Sequence[bool]  # per segment; one without is attended to by later ones but not transformed
    cache: LayerCache  # of the earlier segments; the new ones are added


@dataclass(frozen=True)
class _Slot:
    """The place of a segment's output, and the cached segments that it attends to."""

    outputs: list[Segment]  # of its sequence batch
    index: int  # in outputs
    cache: LayerCache
    seen: int  # the first so many segments of the cache, its own being the last of them


Read = Callable[[str], list[KeysValues]]


class FusionBlock(nn.Module):
    """One layer of an architecture: which weights make a token's keys and values, and which transform the token.

    A subclass is built from one pretrained decoder layer, which it may copy and freeze as it likes. At step 0 every
    architecture of the paper computes the pretrained layer's own function.
    """

    architecture: ClassVar[str]
    language_frozen: ClassVar[bool | dict[str, Any]] = False
    """Layouts without an image give exactly the untouched language model's logits, before and after training.

    A dict of options says with which of their values: ``{"text_only_bypass": True}``.
    """
    options: ClassVar[dict[str, Any]] = {}
    """Names to a default value or to a tuple of choices, the default first: literals, as they are read without torch.
    """
    controls: ClassVar[tuple[str, ...]] = ("random_language_model", "random_copy")
    """Controls that have a meaning: ``random_copy`` where what is trained starts as a copy of the language model beside
    the frozen original, ``capacity_only`` where `trained_alone` is defined."""

    @classmethod
    def stack(cls, layers: Iterable[nn.Module], **options: Any) -> nn.ModuleList:
        """Build one block per pretrained decoder layer, from copies: the language model itself is left alone.

        Copies can be trained, whether the model could or not: a block freezes what it wants frozen. An architecture
        may override this to be deeper or shallower than the language model.
        """
        return nn.ModuleList(cls(copy.deepcopy(layer).requires_grad_(True), **options) for layer in layers)

    @classmethod
    def image_input(cls, image: ImageTokens, width: int, norm: nn.Module, **options: Any) -> ImageInput:
        """Build what turns latents into image tokens and back, given the language model's width and final norm."""
        return Patches(image, width, norm)

    @classmethod
    def owner(cls, kind: str) -> str:
        """Name the weights that transform tokens of this modality. Segments of one owner are packed together."""
        return kind

    def keys_values(self, packed: PackedSegments, reader: str) -> list[KeysValues]:
        """Compute the keys and values of each packed segment as ``reader`` sees them."""
        raise NotImplementedError

    def transform(self, packed: PackedSegments, read: Read) -> Tensor:
        """Transform the packed tokens, (T, d) -> (T, d).

        ``read(reader)`` returns the keys and values that each segment attends to: of its own and all earlier tokens.
        """
        raise NotImplementedError

    def forward(self, batches: Sequence[SequenceBatch]) -> list[list[Segment]]:
        """Transform the segments that need an output; the others come back unchanged.

        A layer's keys and values come from its inputs, so segments need not wait for each other: those of one owner
        are packed together, whatever their layout. Only those that need no gradient are kept apart, and stay so.
        """
        outputs = [list(batch.segments) for batch in batches]
        groups: dict[tuple[str, bool, bool], list[_Slot]] = defaultdict(list)  # by owner, with_image, has_graph
        for batch, own in zip(batches, outputs, strict=True):
            has_graph = False
            for index, (segment, needs_output) in enumerate(zip(own, batch.needs_output, strict=True)):
                has_graph |= segment.hidden.requires_grad
                batch.cache.segments.append(SegmentKV(segment))
                if needs_output:
                    slot = _Slot(own, index, batch.cache, len(batch.cache.segments))
                    groups[self.owner(segment.kind), segment.with_image, has_graph].append(slot)
        for slots in groups.values():
            packed = PackedSegments([slot.outputs[slot.index] for slot in slots])
            hidden = self.transform(packed, partial(self._read, packed, slots))  # T d
            for slot, states in zip(slots, packed.split(hidden), strict=True):
                slot.outputs[slot.index] = replace(slot.outputs[slot.index], hidden=states)
        return outputs

    def _read(self, packed: PackedSegments, slots: list[_Slot], reader: str) -> list[KeysValues]:
        own = [slot.cache.segments[slot.seen - 1] for slot in slots]
        if not any(reader in each.by_reader for each in own):
            for each, made in zip(own, self.keys_values(packed, reader), strict=True):
                each.by_reader[reader] = made
        return [
            slot.cache.buffers[reader].concatenated(
                [self._read_segment(each, reader) for each in slot.cache.segments[: slot.seen]]
            )
            for slot in slots
        ]

    def _read_segment(self, cached: SegmentKV, reader: str) -> KeysValues:
        if reader not in cached.by_reader:
            assert cached.segment is not None, f"no keys and values for {reader} were computed before compaction"
            (cached.by_reader[reader],) = self.keys_values(PackedSegments([cached.segment]), reader)
        return cached.by_reader[reader]

    def trained_alone(self) -> FusionBlock:
        """Return the layer in which trained weights alone transform every token; frozen blocks have no part in it."""
        raise NotImplementedError

    def learning_rate_scales(self) -> dict[str, float]:
        """Parameters (by name inside the block) that learn at a multiple of the common rate."""
        return {}

    def diagnostics(self) -> dict[str, float]:
        """Numbers to log with every row of metrics, such as a gate's value."""
        return {}


def register(block: type[FusionBlock]) -> type[FusionBlock]:
    """Make ``block`` the architecture named after its file."""
    block.architecture = block.__module__.rpartition(".")[2]
    return block
