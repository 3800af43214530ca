"""Attributes of generated images, as the feature net reads them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from bench.evaluation.metrics.base import IMAGE, Images, MetricFile, Score
from bench.evaluation.metrics.parts.attributes import attribute_scores, check_counts, declared
from bench.scenes import Scene

if TYPE_CHECKING:
    from bench.models.feature_net import FeatureNet

METRICS = declared(
    "image", "images", "attributes of the prompt (colour, shape, size, position, background) seen in an image",
    "images with every attribute right",
)  # fmt: skip


def image_attributes(
    images: np.ndarray, scenes: Sequence[Scene], feature_net: FeatureNet, weights_label: str | None
) -> dict[str, Score]:
    """Score images (n, H, W, 3) uint8 of `scenes`, as the feature net reads them.

    Returns `image_attributes` (mean of the five), `image_all_right`, and `image_colour`, `image_shape`, `image_size`,
    `image_position`, `image_background`. Raises UserError for no images or another number.
    """
    check_counts(len(images), len(scenes), "an image")
    return attribute_scores(METRICS, feature_net.read(images), scenes, weights_label)


class ImageAttributes(MetricFile):
    """Attributes of the prompt (colour, shape, size, position, background) that a generated image shows."""

    of = IMAGE
    place = 30
    metrics = METRICS

    def measure(self, subject: Images) -> dict[str, Score]:
        from bench.evaluation.scorers import feature_net, weights_label

        if subject.split.scenes is None:
            return {}
        net = feature_net(subject.assets, subject.config)
        label = weights_label(subject.config.eval.features, "features")
        return image_attributes(subject.images, subject.split.scenes[: len(subject.images)], net, label)
