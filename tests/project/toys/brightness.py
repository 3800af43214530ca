"""Brightness of generated images."""

from __future__ import annotations

from bench.evaluation.metrics.base import IMAGE, Metric, MetricFile

BRIGHTNESS = Metric(
    "brightness",
    "brightness",
    "neither",
    "of 255",
    "how bright generated images are on the whole",
    headline=True,
    untouched=("blur", "noise", "colours swapped"),
)


class Brightness(MetricFile):
    """Mean brightness of generated images."""

    of = IMAGE
    metrics = (BRIGHTNESS,)

    def measure(self, subject):
        means = subject.images.mean((1, 2, 3))
        return {"brightness": BRIGHTNESS.score(float(means.mean()), len(means), per_item=means.tolist())}
