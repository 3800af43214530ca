"""What goes in, and what stays: text and image items, the past of a sequence, and who may see whom."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

import torch
from torch import Tensor

from architectures.base import IMAGE, TEXT, Memory


@dataclass(frozen=True)
class Text:
    """Token ids of B rows, right-padded; ``lengths`` counts each row's valid tokens (None: all).

    Text whose ``states`` are given, as `FusionTransformer.text_states` finds them, is read but not mapped again.
    """

    ids: Tensor  # (B, n)
    lengths: Tensor | None = None  # (B,)
    states: Sequence[Tensor] | None = None  # what each layer but the first gets of it, (B, n, d)
    kind = TEXT


@dataclass(frozen=True)
class Image:
    """Latents of B images with their noise level: 0 is clean, 1 is noise alone."""

    latents: Tensor  # (B, C, h, w)
    sigma: Tensor  # (B,)
    states = None  # never given
    kind = IMAGE


@dataclass(frozen=True)
class ImageTokens:
    """How latents become tokens. All but the first three fill gaps of the paper."""

    channels: int
    size: int  # latent height and width
    patch_size: int = 1
    positions: str = "sequential"  # rotary positions count on through an image, or are "shared" by all its tokens
    delimiters: bool = False  # a learnt token before and after the image's
    attention: str = "bidirectional"  # or "causal", inside one image
    time_conditioning: str = "add"  # the noise level's embedding is added to every image token, or "none"


class Place(NamedTuple):
    """Where a segment stands after a past, whatever it holds."""

    rope: tuple[Tensor, Tensor]  # cosines and sines, each (B, n, D)
    mask: Tensor | None
    causal: bool


@dataclass
class Past:
    """The segments so far: their keys and values in every layer, and where the next token stands.

    ``layout`` names the modalities of the whole sequence, also of segments still to come.
    """

    layout: tuple[str, ...]
    memories: list[Memory]  # per layer
    lengths: list[int] = field(default_factory=list)  # tokens of each segment, padding included
    valid: list[Tensor | None] = field(default_factory=list)  # (B, n) per segment, None where nothing is padding
    position: Tensor | int = 0  # of the next token, counting valid tokens only; (B, 1)
    places: dict[tuple[str, int, int], Place] = field(default_factory=dict)  # found for a next segment, by its sizes

    @classmethod
    def empty(cls, layout: tuple[str, ...], layers: int) -> Past:
        return cls(layout, [Memory() for _ in range(layers)])

    def fork(self) -> Past:
        """A past that can grow without changing this one; what is kept is shared."""
        memories = [memory.fork() for memory in self.memories]
        return Past(self.layout, memories, list(self.lengths), list(self.valid), self.position, self.places)

    def grow(self, tokens: int, valid: Tensor | None, count: Tensor | int) -> None:
        """Count a segment in that ends ``count`` positions on."""
        self.lengths.append(tokens)
        self.valid.append(valid)
        self.position = self.position + count
        self.places = {}

    def settle(self, rows: Tensor | None = None) -> None:
        """Keep as one what has been read, and go on with these rows alone (None: all), in this order.

        Pasts that share what is kept are lost. Nothing may be padding.
        """
        assert all(valid is None for valid in self.valid) and isinstance(self.position, int)
        for memory in self.memories:
            memory.settle(rows)
        self.lengths, self.valid, self.places = [sum(self.lengths)], [None], {}


def valid_tokens(item: Text | Image) -> Tensor | None:
    """True where a token is no padding, (B, n); None if nothing is padding."""
    if isinstance(item, Image) or item.lengths is None:
        return None
    return torch.arange(item.ids.shape[1], device=item.ids.device) < item.lengths[:, None]


def visibility(past: Past, tokens: int, causal: bool, rows: int, device: torch.device) -> tuple[Tensor | None, bool]:
    """Which keys the next segment's queries see: (mask, is_causal) for fused attention.

    Everything earlier that is no padding; inside the segment all (``causal`` False) or the tokens so far. The mask is
    (B or 1, 1, n or 1, S) and only made where no flag says the same: padding that stands to the right of a causal
    query needs none, and is_causal means aligned at the top left, so it fits only where nothing stands before.
    """
    earlier = sum(past.lengths)
    causal = causal and tokens > 1
    if earlier == 0:
        return None, causal
    padded = any(valid is not None for valid in past.valid)
    if not padded and not causal:
        return None, False
    mask = torch.ones(1, 1, 1, earlier + tokens, dtype=torch.bool, device=device)
    if padded:
        seen = [
            valid if valid is not None else torch.ones(rows, length, dtype=torch.bool, device=device)
            for valid, length in zip(past.valid, past.lengths, strict=True)
        ]
        own = torch.ones(rows, tokens, dtype=torch.bool, device=device)
        mask = torch.cat([*seen, own], dim=1)[:, None, None]  # B 1 1 S
    if causal:
        lower = torch.ones(tokens, earlier + tokens, dtype=torch.bool, device=device).tril(earlier)
        mask = mask & lower  # B 1 n S
    return mask, False
