"""Counts of samples and tokens trained on: the axis that tasks of different shares are compared on (Fig. 5)."""

from __future__ import annotations

from collections.abc import Iterable

from bench.data.batches import ImageSegment, Step, TextSegment

Counts = dict[str, int | float]
"""`<task>_pairs` and `<task>_tokens` since the first step, on all devices together, of every task of the training.

A caption's tokens are counted with its beginning and end. `<task>_mean_noise` is the mean noise level of the images
that stand before something else, where the task has such: what became of a cap on it.
"""


def zero_counts(tasks: Iterable[str]) -> Counts:
    """Counts before the first step."""
    return {f"{name}_{what}": 0 for name in tasks for what in ("pairs", "tokens")}


def counts_after(counts: Counts, step: Step, image_tokens: int) -> Counts:
    """Counts with one more step, whose images have ``image_tokens`` tokens each."""
    counts = dict(counts)
    for batch in step.batches:
        before, tokens = counts[f"{batch.task}_pairs"], 0
        counts[f"{batch.task}_pairs"] = after = before + len(batch)
        for segment in batch.segments:
            tokens += int(segment.lengths.sum()) if isinstance(segment, TextSegment) else image_tokens * len(batch)
        counts[f"{batch.task}_tokens"] += tokens
        context = [segment.sigma for segment in batch.segments[:-1] if isinstance(segment, ImageSegment)]
        if context:
            noise = sum(sigma.double().sum().item() for sigma in context) / len(context)
            name = f"{batch.task}_mean_noise"
            counts[name] = (counts.get(name, 0.0) * before + noise) / max(1, after)
    return counts
