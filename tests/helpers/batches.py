"""Readers of a training step's batches."""

from __future__ import annotations

from bench.data.batches import Batch, ImageSegment, Step, TextSegment


def batch_of(step: Step, task: str) -> Batch | None:
    """The task's batch, None where it has no row in the step."""
    found = [batch for batch in step.batches if batch.task == task]
    assert len(found) < 2 and all(len(batch) > 0 for batch in found)
    return found[0] if found else None


def image_of(batch: Batch) -> ImageSegment:
    """The one image segment."""
    (found,) = [segment for segment in batch.segments if isinstance(segment, ImageSegment)]
    return found


def text_of(batch: Batch) -> TextSegment:
    """The one text segment."""
    (found,) = [segment for segment in batch.segments if isinstance(segment, TextSegment)]
    return found


def image(step: Step, task: str) -> ImageSegment:
    """The image segment of a task that has rows in the step."""
    batch = batch_of(step, task)
    assert batch is not None
    return image_of(batch)


def text(step: Step, task: str) -> TextSegment:
    """The text segment of a task that has rows in the step."""
    batch = batch_of(step, task)
    assert batch is not None
    return text_of(batch)
