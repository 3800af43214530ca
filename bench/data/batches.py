"""Samples of a training step: image-caption pairs, and the batch that each task makes of its own."""

from __future__ import annotations

from typing import Any, NamedTuple

import torch
from torch import Tensor

from architectures.base import IMAGE, TEXT


class Pairs(NamedTuple):
    """Image-caption pairs with their random numbers, which are the same for every task.

    A caption's tokens stand between a beginning and an end.
    """

    latents: Tensor  # (B, C, h, w)
    noise: Tensor  # (B, C, h, w)
    sigma: Tensor  # (B,) noise level, 0 to 1, of the training distribution
    uniform: Tensor  # (B,) a number in [0, 1) for the task's own use
    dropout: Tensor  # (B,) another; captions are emptied for guidance where it is small
    ids: Tensor  # (B, n) right-padded
    lengths: Tensor  # (B,)
    empty_caption: list[int]  # tokens of an empty caption: its beginning and end

    def part(self, start: int, end: int) -> Pairs:
        """Pairs from `start` up to `end`."""
        tensors: list[Any] = [field[start:end] for field in self[:-1]]
        return type(self)._make([*tensors, self.empty_caption])

    def emptied(self, where: Tensor) -> tuple[Tensor, Tensor]:
        """Ids (B, n) and lengths (B,) of the captions, empty ones `where` (B,) is true."""
        empty = torch.zeros_like(self.ids[0])
        empty[: len(self.empty_caption)] = torch.tensor(self.empty_caption)
        return torch.where(where[:, None], empty, self.ids), torch.where(where, len(self.empty_caption), self.lengths)


class TextSegment(NamedTuple):
    """Captions in a task's sequence. Scored: the model is to predict each token but the first."""

    ids: Tensor  # (B, n) right-padded
    lengths: Tensor  # (B,)
    scored: bool = False
    modality: str = TEXT


class ImageSegment(NamedTuple):
    """Noisy images in a task's sequence. Scored: the model is to predict their velocity."""

    latents: Tensor  # (B, C, h, w) clean
    noise: Tensor  # (B, C, h, w)
    sigma: Tensor  # (B,) noise level, 0 (clean) to 1
    scored: bool = False
    modality: str = IMAGE


Segment = TextSegment | ImageSegment


class Batch(NamedTuple):
    """Rows of one task, as a sequence of segments."""

    task: str
    segments: tuple[Segment, ...]

    def __len__(self) -> int:
        return len(self.segments[0][0])


class Step(NamedTuple):
    """One training step: a batch of every task that has a row in it, in the order of the tasks."""

    batches: tuple[Batch, ...]

    def share(self, rank: int, world_size: int) -> Step:
        """Rows of one rank: all rows of the step, in their order, go to the ranks in turn."""
        if world_size == 1:
            return self
        dealt, before = [], 0
        for batch in self.batches:
            first = (rank - before) % world_size
            if first < len(batch):
                dealt.append(Batch(batch.task, tuple(_every(segment, first, world_size) for segment in batch.segments)))
            before += len(batch)
        return Step(tuple(dealt))


def trimmed(segment: Segment) -> Segment:
    """A segment without the columns that are padding in all its rows."""
    if isinstance(segment, TextSegment):
        return segment._replace(ids=segment.ids[:, : int(segment.lengths.max())])
    return segment


def _every(segment: Segment, first: int, step: int) -> Segment:
    parts: list[Any] = [part[first::step] if isinstance(part, Tensor) else part for part in segment]
    return trimmed(type(segment)(*parts))
