"""Key/value cache of one layer, by segment and by reader; storage is shared by sequences with a common past.

Shapes: B rows, K key/value heads, n tokens of a segment, S tokens of all, D head width.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from typing import TYPE_CHECKING, NamedTuple

import torch
from torch import Tensor

if TYPE_CHECKING:
    from architectures.base import Segment


class KeysValues(NamedTuple):
    """Keys and values that a reader attends to."""

    keys: Tensor  # (B, K, S, D)
    values: Tensor  # (B, K, S, D)

    @property
    def tokens(self) -> int:
        return self.keys.shape[2]


class KVBuffer:
    """Preallocated storage of one reader's keys and values in one layer, with room for tokens to come.

    It remembers which segments it holds and writes only those it does not, so sequences may continue differently from
    one past and share it. It writes in place, which autograd cannot follow: training concatenates by copying.
    """

    def __init__(self) -> None:
        self.storage: KeysValues | None = None  # (B, K, space for more than S, D)
        self.stored: list[KeysValues] = []  # the segments in it, in order

    def concatenated(self, parts: list[KeysValues]) -> KeysValues:
        """Concatenate parts, each (B or 1, K, n, D), for as many rows as the last has: (B, K, S, D)."""
        if len(parts) == 1:
            self.storage, self.stored = None, []
            return parts[0]
        if torch.is_grad_enabled():
            return KeysValues(*(torch.cat(each, dim=2) for each in zip(*parts, strict=True)))
        return self._store(parts)

    def compact(self, parts: list[KeysValues], rows: Tensor | None) -> KeysValues:
        """Merge the parts into one, of ``rows`` only (None: all), in this order. Only rows that move are copied."""
        whole = self.concatenated(parts)
        if rows is not None:
            moved = (rows != torch.arange(len(rows), device=rows.device)).nonzero()[:, 0]
            for states in whole:
                states[moved] = states[rows[moved]]
            whole = _first(whole, len(rows))
            self.storage = self.storage and _first(self.storage, len(rows))
        self.stored = [whole] if self.storage else []
        return whole

    def _store(self, parts: list[KeysValues]) -> KeysValues:
        """Write the parts that are not stored yet. Full storage is doubled."""
        rows, tokens = len(parts[-1].keys), sum(part.tokens for part in parts)
        if self.storage is None or len(self.storage.keys) != rows or self.storage.tokens < tokens:
            space = tokens if self.storage is None else max(tokens, 2 * self.storage.tokens)
            _, heads, _, width = parts[0].keys.shape
            new = parts[0].keys.new_empty
            self.storage = KeysValues(new(rows, heads, space, width), new(rows, heads, space, width))
            self.stored = []
        end, same = 0, True
        for index, part in enumerate(parts):
            start, end = end, end + part.tokens
            same = same and index < len(self.stored) and self.stored[index] is part
            if not same:
                self.storage.keys[:, :, start:end], self.storage.values[:, :, start:end] = part
        self.stored = parts
        return _first(self.storage, rows, end)


class SegmentKV:
    """Keys and values of one segment in one layer, by reader; each is computed when that reader first reads."""

    def __init__(self, segment: Segment | None, by_reader: dict[str, KeysValues] | None = None) -> None:
        self.segment = segment  # None after compaction: no further reader can be served
        self.by_reader = {} if by_reader is None else by_reader


class LayerCache:
    """Cache of one layer for a batch of sequences: every segment so far, and a buffer for each reader."""

    def __init__(self, segments: Iterable[SegmentKV] = (), buffers: dict[str, KVBuffer] | None = None) -> None:
        self.segments = list(segments)
        self.buffers = defaultdict(KVBuffer) if buffers is None else buffers

    def fork(self) -> LayerCache:
        """Copy the list of segments; keys, values and buffers are shared."""
        return LayerCache(self.segments, self.buffers)

    def compact(self, rows: Tensor | None) -> None:
        """Merge all segments into one, of ``rows`` only, for the readers that have read every segment."""
        merged = {
            reader: buffer.compact([each.by_reader[reader] for each in self.segments], rows)
            for reader, buffer in self.buffers.items()
            if all(reader in each.by_reader for each in self.segments)
        }
        self.segments = [SegmentKV(None, merged)]


def _first(states: KeysValues, rows: int, tokens: int | None = None) -> KeysValues:
    return KeysValues(*(each[:rows, :, :tokens] for each in states))
