"""Inputs of the model (text and image items), the past of a sequence with its key/value caches, attention masks."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import NamedTuple

import torch
from torch import Tensor

from architectures.base import IMAGE, TEXT
from architectures.kv_cache import LayerCache


@dataclass(frozen=True)
class Text:
    """Token ids of B rows, right-padded; ``lengths`` counts each row's valid tokens (None: all)."""

    ids: Tensor  # (B, n)
    lengths: Tensor | None = None  # (B,)
    kind = TEXT


@dataclass(frozen=True)
class Image:
    """Latents of B images with their noise level: 0 is clean, 1 is pure noise."""

    latents: Tensor  # (B, C, h, w)
    sigma: Tensor  # (B,), or (1,) for all
    kind = IMAGE


class Placement(NamedTuple):
    """Rotary embedding and attention mask of a segment after a past; they depend on its size, not its content."""

    rope: tuple[Tensor, Tensor]  # cosines and sines, each (B, n, D)
    mask: Tensor | None  # as in Segment
    causal: bool


@dataclass
class Past:
    """Segments so far: their keys and values in every layer, and the position of the next token.

    ``layout`` names the modalities of the whole sequence, also of segments still to come.
    """

    layout: tuple[str, ...]
    caches: list[LayerCache]  # per layer
    lengths: list[int] = field(default_factory=list)  # tokens of each segment, padding included
    valid: list[Tensor | None] = field(default_factory=list)  # (B, n) per segment, None where nothing is padding
    position: Tensor | int = 0  # of the next token, counting valid tokens only; (B, 1)
    placements: dict[tuple[str, int, int], Placement] = field(default_factory=dict)  # of a next segment, by its size

    @classmethod
    def empty(cls, layout: tuple[str, ...], layers: int) -> Past:
        """Create a past without segments."""
        return cls(layout, [LayerCache() for _ in range(layers)])

    def fork(self) -> Past:
        """Create a past that can grow without changing this one; cached keys and values are shared."""
        caches = [cache.fork() for cache in self.caches]
        return Past(self.layout, caches, list(self.lengths), list(self.valid), self.position, self.placements)

    def grow(self, tokens: int, valid: Tensor | None, count: Tensor | int) -> None:
        """Add a segment of so many tokens, which advances the position by ``count``."""
        self.lengths.append(tokens)
        self.valid.append(valid)
        self.position = self.position + count
        self.placements = {}

    def compact(self, rows: Tensor | None = None) -> None:
        """Merge all segments into one, of these rows only (None: all), in this order.

        It invalidates pasts that share the caches. No token may be padding.
        """
        assert all(valid is None for valid in self.valid) and isinstance(self.position, int)
        for cache in self.caches:
            cache.compact(rows)
        self.lengths, self.valid, self.placements = [sum(self.lengths)], [None], {}


def valid_tokens(item: Text | Image) -> Tensor | None:
    """Mask of the tokens that are no padding, (B, n); None if none is padding."""
    if isinstance(item, Image) or item.lengths is None:
        return None
    return torch.arange(item.ids.shape[1], device=item.ids.device) < item.lengths[:, None]


def attention_mask(
    past: Past, tokens: int, causal: bool, rows: int, device: torch.device
) -> tuple[Tensor | None, bool]:
    """Build the mask of the next segment's queries: (mask, is_causal) for fused attention.

    They see all earlier tokens but padding; inside the segment all tokens (``causal`` False) or those so far. The mask
    is (B or 1, 1, n or 1, S), and None where a flag says the same: padding to the right of a causal query needs none,
    and is_causal is aligned at the top left, so it fits only where nothing stands before.
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
        visible = [
            valid if valid is not None else torch.ones(rows, length, dtype=torch.bool, device=device)
            for valid, length in zip(past.valid, past.lengths, strict=True)
        ]
        own = torch.ones(rows, tokens, dtype=torch.bool, device=device)
        mask = torch.cat([*visible, own], dim=1)[:, None, None]  # B 1 1 S
    if causal:
        lower = torch.ones(tokens, earlier + tokens, dtype=torch.bool, device=device).tril(earlier)
        mask = mask & lower  # B 1 n S
    return mask, False
