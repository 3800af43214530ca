"""Samples, noise and captions of a training step: a pure function of seed and step.

All architectures see the same; so do runs that differ only in a task's settings or in the shares of the tasks, as far
as the tasks overlap. A run that was interrupted therefore continues as if it had not been.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import lru_cache
from typing import Protocol

import numpy as np
import torch
from torch import Tensor
from torch.utils.data import DataLoader, Dataset, Sampler

from bench.config.schema import TrainConfig
from bench.data.batches import Batch, Pairs, Segment, Step, trimmed
from bench.data.encoded import EncodedSplit
from bench.models.diffusion import training_sigmas

FUZZ = 10**6  # a share counts as reached one part in so many before it is, as fractions are rounded


class BatchMaker(Protocol):
    """The part of a task that makes its training batches."""

    def segments(self, pairs: Pairs) -> Sequence[Segment]:
        """Segments of a batch made of the pairs."""
        ...


class Mixture(Dataset):
    """``mixture[step]`` is the batch of that step.

    The split is walked in a new order each epoch. A step's pairs go to the tasks in their order; the number of each
    follows its share exactly in the long run.
    """

    def __init__(
        self,
        split: EncodedSplit,
        train: TrainConfig,
        seed: int,
        empty_caption: list[int],
        tasks: Mapping[str, BatchMaker],
    ) -> None:
        self.split, self.train, self.seed, self.tasks = split, train, seed, tasks
        self.empty_caption = empty_caption

    def __len__(self) -> int:
        return self.train.steps

    def __getitem__(self, step: int) -> Step:
        pairs, first, batches = self._pairs(step), 0, []
        size = self.train.batch_size
        until = zip(self._rows_until(step * size), self._rows_until((step + 1) * size), strict=True)
        for (name, task), (before, after) in zip(self.tasks.items(), until, strict=True):
            last = first + after - before
            if last > first:
                batches.append(Batch(name, tuple(map(trimmed, task.segments(pairs.part(first, last))))))
            first = last
        return Step(tuple(batches))

    def _pairs(self, step: int) -> Pairs:
        """All pairs of a step, with one sample of noise each, whichever task they go to."""
        size = self.train.batch_size
        random = torch.Generator().manual_seed(_step_seed(self.seed, step))
        indices = self._indices(step)
        latents = torch.from_numpy(np.array(self.split.latents[indices]))  # B C h w
        noise = torch.randn(latents.shape, generator=random)  # B C h w
        sigma = training_sigmas(self.train.timestep_distribution, size, random)  # B
        uniform = torch.rand(size, generator=random)  # B
        choice = torch.rand(size, generator=random)  # B, which caption of each image
        dropout = torch.rand(size, generator=random)  # B
        ids, lengths = self._captions(indices, choice)
        return Pairs(latents, noise, sigma, uniform, dropout, ids, lengths, self.empty_caption)

    def _rows_until(self, pairs: int) -> list[int]:
        """How many of the first ``pairs`` of the training go to each task: the first takes its share, then the next."""
        found, left, total = [], pairs, sum(self.train.tasks.values())
        for share in self.train.tasks.values():
            rows = (left * share * FUZZ + total) // (total * FUZZ) if total else 0
            found.append(rows)
            left, total = left - rows, total - share
        return found

    def _indices(self, step: int) -> np.ndarray:
        places = np.arange(step * self.train.batch_size, (step + 1) * self.train.batch_size)
        epochs, offsets = np.divmod(places, len(self.split))
        return np.array([_order(self.seed, int(e), len(self.split))[o] for e, o in zip(epochs, offsets, strict=True)])

    def _captions(self, indices: np.ndarray, choice: Tensor) -> tuple[Tensor, Tensor]:
        available = (self.split.lengths[indices] > 0).sum(1)  # B
        chosen = (choice.numpy() * available).astype(int)  # B
        ids = torch.from_numpy(self.split.tokens[indices, chosen].astype(np.int64))  # B L
        return ids, torch.from_numpy(self.split.lengths[indices, chosen].astype(np.int64))


class _StepsFrom(Sampler):
    """Steps from where training (re)starts. Its length is the whole run's, as Lightning's loop ends by that."""

    def __init__(self, steps: int, start: Callable[[], int]) -> None:
        self.steps, self.start = steps, start

    def __len__(self) -> int:
        return self.steps

    def __iter__(self) -> Iterator[int]:
        return iter(range(self.start(), self.steps))


def step_loader(mixture: Mixture, start: Callable[[], int], workers: int) -> DataLoader:
    """One batch per step, from the step that ``start()`` gives when iteration begins."""
    return DataLoader(mixture, batch_size=None, sampler=_StepsFrom(len(mixture), start), num_workers=workers)


@lru_cache(maxsize=2)
def _order(seed: int, epoch: int, size: int) -> np.ndarray:
    return np.random.default_rng([seed, epoch]).permutation(size)


def _step_seed(seed: int, step: int) -> int:
    return int(np.random.SeedSequence([seed, step]).generate_state(1, np.uint64)[0] >> np.uint64(1))
