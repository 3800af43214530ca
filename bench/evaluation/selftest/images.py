"""Checks of image metrics: FID, KID, CLIP score and, on synthetic scenes, attributes."""

from __future__ import annotations

import numpy as np

from bench.config.schema import Config
from bench.data.assets import Assets
from bench.data.captioned_images import prompt
from bench.evaluation import scorers, scoring
from bench.evaluation.metrics.image_attributes import image_attributes
from bench.evaluation.selftest import attributes, distances, sample_size, similarity
from bench.evaluation.selftest.checks import Check, Scores
from bench.evaluation.selftest.corruptions import IMAGES
from bench.evaluation.selftest.distances import Features
from bench.scenes import render_batch


def image_checks(assets: Assets, config: Config, asked: int) -> tuple[list[Check], list[sample_size.Row]]:
    """Check metrics on the first `asked` real images of the split, as if a model had generated them."""
    split = assets.images(config.eval.split)
    truth, prompts = split.images(range(asked)), [prompt(split, index) for index in range(asked)]

    def measure(images: np.ndarray) -> Scores:
        return scoring.image_scores(images, prompts, assets, config)

    clean = measure(truth)
    found = [check for spoilt in IMAGES for check in spoilt.checks(truth, config.seed, measure, clean)]
    features = Features.of(split, scorers.feature_net(assets, config), asked)
    found += distances.checks(clean, features, config.seed)
    rows = sample_size.rows(features.all, config.seed)
    found += sample_size.checks(rows)
    found += similarity.checks(truth, prompts, clean, *scorers.image_text_model(assets, config))
    if split.scenes is not None:
        found += attributes.reads_real_images(clean)
        net, scenes = scorers.feature_net(assets, config), split.scenes[: attributes.SHOWN]
        found += attributes.checks(
            "image",
            scenes,
            lambda shown: image_attributes(render_batch(shown, split.image_size), scenes, net, None),
        )
    return found, rows
