"""Attributes of generated captions, as the grammar's parser reads them."""

from __future__ import annotations

from collections.abc import Sequence

from bench.evaluation.metrics.base import TEXT, Captions, MetricFile, Score
from bench.evaluation.metrics.parts.attributes import attribute_scores, check_counts, declared
from bench.scenes import Scene, parse

METRICS = declared(
    "caption", "captions", "attributes of the image that its caption names rightly",
    "captions with every attribute right",
)  # fmt: skip


def caption_attributes(captions: Sequence[str], scenes: Sequence[Scene]) -> dict[str, Score]:
    """Score captions of `scenes`, as the grammar's parser reads them: names as in `image_attributes`, ceiling 1."""
    check_counts(len(captions), len(scenes), "a caption")
    claims = [parse(caption) or Scene((), None) for caption in captions]
    return attribute_scores(METRICS, claims, scenes, ceiling=1.0)


class CaptionAttributes(MetricFile):
    """Attributes of the scene that a generated caption names rightly."""

    of = TEXT
    place = 20
    metrics = METRICS

    def measure(self, subject: Captions) -> dict[str, Score]:
        if subject.split.scenes is None:
            return {}
        return caption_attributes(subject.captions, subject.split.scenes[: len(subject.captions)])
