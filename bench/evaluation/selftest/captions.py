"""What is measured of captions: CIDEr-D, their length and, in the embedded assets, attributes."""

from __future__ import annotations

import math

import numpy as np
from pycocoevalcap.cider.cider import Cider

from bench.config.schema import Config
from bench.data.assets import Assets
from bench.data.captioned_images import CaptionedImages, prompt
from bench.evaluation import scoring
from bench.evaluation.metrics.caption_attributes import caption_attributes
from bench.evaluation.metrics.cider import CiderReferences, cider
from bench.evaluation.metrics.parts.ptb import tokenize
from bench.evaluation.selftest import attributes
from bench.evaluation.selftest.checks import Check, Scores, equals
from bench.evaluation.selftest.corruptions import CAPTIONS
from bench.scenes import captions as told


def caption_checks(assets: Assets, config: Config, asked: int) -> list[Check]:
    """Put references of the first `asked` pictures of the split, as if a model had written them, to every check."""
    pictures = assets.images(config.eval.split)
    truth = [prompt(pictures, index) for index in range(asked)]

    def measure(captions: list[str]) -> Scores:
        return scoring.caption_scores(captions, assets, config)

    clean = measure(truth)
    found = [check for spoilt in CAPTIONS for check in spoilt.checks(truth, config.seed, measure, clean)]
    found += [_by_library(pictures, truth, clean), _single_reference(pictures, asked), _by_hand()]
    words = float(np.mean([len(caption.split()) for caption in truth]))
    found.append(equals("caption_length", "words, counted", clean["caption_length"].value, words, 1e-9))
    if pictures.scenes is not None:
        scenes = pictures.scenes[: attributes.SHOWN]
        found += attributes.checks(
            "caption", scenes, lambda said: caption_attributes([told(scene)[0] for scene in said], scenes)
        )
    return found


def _by_library(pictures: CaptionedImages, truth: list[str], clean: Scores) -> Check:
    """pycocoevalcap's own call on the whole split: it counts words over all images that are given, so all are."""
    references = [pictures.captions(index) for index in range(len(pictures))]
    tokens = iter(tokenize([*truth, *[caption for row in references for caption in row]]))
    said = {index: [next(tokens)] for index in range(len(truth))}
    said |= {index: [""] for index in range(len(truth), len(pictures))}
    theirs = {index: [next(tokens) for _ in row] for index, row in enumerate(references)}
    _, per_item = Cider().compute_score(theirs, said)
    expected = float(np.mean(per_item[: len(truth)]))
    return equals("cider", "pycocoevalcap's own call", clean["cider"].value, expected, 1e-9)


def _single_reference(pictures: CaptionedImages, asked: int) -> Check:
    """A caption that is its image's only reference has the most there is, 10 (the word weights must not be all 0)."""
    names = pictures.ids[:asked]
    captions = {name: pictures.captions(index)[0] for index, name in enumerate(names)}
    references = CiderReferences({name: [caption] for name, caption in captions.items()})
    return equals("cider", "the only reference itself", cider(captions, references).value, 10.0, 1e-6)


def _by_hand() -> Check:
    """Two images, "Red." and "blue"; "A red!" is said of the first and nothing of the second.

    Of one word: the reference's vector is (log 2) for "red"; the caption's adds the unseen "a" with log 2, as if one
    image had held it. Their cosine is 1 / sqrt 2. The caption has one pair of words, the reference none, so it is
    multiplied by exp(-1 / 72). There is no longer phrase in common, and the mean is over phrases of 1 to 4 words.
    """
    references = CiderReferences({"a": ["Red."], "b": ["blue"]})
    found = cider({"a": "A red!", "b": ""}, references).value
    return equals("cider", "by hand", found, 10 / 4 / math.sqrt(2) * math.exp(-1 / 72) / 2, 1e-9)
