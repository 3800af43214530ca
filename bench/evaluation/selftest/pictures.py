"""What is measured of pictures: FID, KID, CLIP score and, in the embedded world, attributes."""

from __future__ import annotations

import numpy as np

from bench.config.schema import Config
from bench.data.assets import World
from bench.evaluation import scoring
from bench.evaluation.evaluate import prompt
from bench.evaluation.selftest import attributes, distances, sample_size, similarity
from bench.evaluation.selftest.checks import Check, Scores
from bench.evaluation.selftest.corruptions import PICTURES
from bench.evaluation.selftest.distances import Features
from bench.scenes import render_batch


def picture_checks(world: World, config: Config, asked: int) -> tuple[list[Check], list[sample_size.Row]]:
    """Put the first `asked` real pictures of the split, as if a model had drawn them, to every check."""
    pictures = world.pictures(config.eval.split)
    truth, prompts = pictures.images(range(asked)), [prompt(pictures, index) for index in range(asked)]

    def measure(images: np.ndarray) -> Scores:
        return scoring.image_measures(images, prompts, world, config)

    clean = measure(truth)
    found = [check for spoilt in PICTURES for check in spoilt.checks(truth, config.seed, measure, clean)]
    features = Features.of(pictures, scoring.feature_net(world, config), asked)
    found += distances.checks(clean, features, config.seed)
    rows = sample_size.rows(features.all, config.seed)
    found += sample_size.checks(rows)
    found += similarity.checks(truth, prompts, clean, *scoring.image_text_model(world, config))
    if pictures.scenes is not None:
        found += attributes.reads_real_pictures(clean)
        net, scenes = scoring.feature_net(world, config), pictures.scenes[: attributes.SHOWN]
        found += attributes.checks(
            "image",
            scenes,
            lambda shown: scoring.image_attributes(render_batch(shown, pictures.image_size), scenes, net, None),
        )
    return found, rows
