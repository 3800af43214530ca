"""Where earlier segments' keys and values lie while a sequence goes on: side by side, none copied twice.

Shapes: B rows, K key/value heads, n tokens of a segment, S tokens of all, D head width.
"""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor


class KeysValues(NamedTuple):
    """What a reader attends to."""

    keys: Tensor  # (B, K, S, D)
    values: Tensor  # (B, K, S, D)

    @property
    def tokens(self) -> int:
        return self.keys.shape[2]


class Shelf:
    """One reader's keys and values in one layer, with room for those of tokens to come.

    It remembers whose lie where, and writes only what does not lie there already: so sequences may go on differently
    from one past and share its shelf. It writes in place, which autograd cannot follow: training joins by copying.
    """

    def __init__(self) -> None:
        self.room: KeysValues | None = None  # (B, K, space for more than S, D)
        self.lying: list[KeysValues] = []  # what lies there, in order

    def joined(self, parts: list[KeysValues]) -> KeysValues:
        """Each part's (B or 1, K, n, D) side by side, for as many rows as the last has: (B, K, S, D)."""
        if len(parts) == 1:
            self.room, self.lying = None, []
            return parts[0]
        if torch.is_grad_enabled():
            return KeysValues(*(torch.cat(each, dim=2) for each in zip(*parts, strict=True)))
        return self._laid(parts)

    def settle(self, parts: list[KeysValues], rows: Tensor | None) -> KeysValues:
        """Make the parts one, of ``rows`` alone (None: of all), in this order. Only rows that move are copied."""
        whole = self.joined(parts)
        if rows is not None:
            moved = (rows != torch.arange(len(rows), device=rows.device)).nonzero()[:, 0]
            for states in whole:
                states[moved] = states[rows[moved]]
            whole = _first(whole, len(rows))
            self.room = self.room and _first(self.room, len(rows))
        self.lying = [whole] if self.room else []
        return whole

    def _laid(self, parts: list[KeysValues]) -> KeysValues:
        """Write what does not lie there yet. The room is doubled when it is full."""
        rows, tokens = len(parts[-1].keys), sum(part.tokens for part in parts)
        if self.room is None or len(self.room.keys) != rows or self.room.tokens < tokens:
            space = tokens if self.room is None else max(tokens, 2 * self.room.tokens)
            _, heads, _, width = parts[0].keys.shape
            self.room = KeysValues(*(parts[0].keys.new_empty(rows, heads, space, width) for _ in KeysValues._fields))
            self.lying = []
        end, same = 0, True
        for place, part in enumerate(parts):
            start, end = end, end + part.tokens
            same = same and place < len(self.lying) and self.lying[place] is part
            if not same:
                self.room.keys[:, :, start:end], self.room.values[:, :, start:end] = part
        self.lying = parts
        return _first(self.room, rows, end)


def _first(states: KeysValues, rows: int, tokens: int | None = None) -> KeysValues:
    return KeysValues(*(each[:rows, :, :tokens] for each in states))
