"""Attribute accuracy of pictures and captions: the truth, nonsense, and guesses must score what they should."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from bench.evaluation.metrics.caption_attributes import caption_attributes
from bench.evaluation.metrics.image_attributes import image_attributes
from bench.scenes import ATTRIBUTES, Scene, captions, chance, sample_scenes
from bench.system.errors import UserError

IMAGE = np.zeros((1, 32, 32, 3), np.uint8)


class Claims:
    """A feature net that reads the given scenes, whatever it is shown."""

    def __init__(self, scenes):
        self.scenes = scenes

    def read(self, images):
        return self.scenes[: len(images)]


@pytest.mark.parametrize("objects", [1, 2])
def test_the_truth_is_all_right_and_nonsense_all_wrong(objects):
    scenes = sample_scenes("test", 50, objects)
    names = {f"caption_{name}" for name in (*ATTRIBUTES, "attributes", "all_right")}
    for wording in range(5):
        scores = caption_attributes([captions(scene)[wording] for scene in scenes], scenes)
        assert set(scores) == names
        assert all((s.value, s.n, s.ceiling, s.weights) == (1, 50, 1, None) for s in scores.values())
    for text in ("", "\n", "one plus one is two"):
        assert all(s.value == 0 for s in caption_attributes([text] * 50, scenes).values())


def test_one_wrong_attribute_costs_that_attribute_alone():
    scene = sample_scenes("test", 1)[0]
    thing = scene.objects[0]
    other = replace(thing, size="small" if thing.size == "large" else "large")
    scores = image_attributes(IMAGE, [scene], Claims([Scene((other,), scene.background)]), "embedded:features:0")
    assert scores["image_size"].value == 0
    assert [scores[f"image_{name}"].value for name in ("colour", "shape", "position", "background")] == [1] * 4
    assert scores["image_attributes"].value == pytest.approx(0.8)
    assert scores["image_all_right"].value == 0
    assert scores["image_size"].weights == "embedded:features:0"


def test_two_objects_with_swapped_colours_are_bound_to_the_wrong_ones():
    scene = next(s for s in sample_scenes("zoo", 20, 2) if s.objects[0].colour != s.objects[1].colour)
    one, two = scene.objects
    swapped = Scene((replace(one, colour=two.colour), replace(two, colour=one.colour)), scene.background)
    scores = image_attributes(IMAGE, [scene], Claims([swapped]), None)
    assert scores["image_colour"].value == 0
    assert scores["image_attributes"].value == pytest.approx(0.8)


@pytest.mark.parametrize("objects", [1, 2])
def test_chance_is_what_guessing_scores(objects):
    scenes, guesses = (sample_scenes("zoo", 4000, objects, seed) for seed in (11, 12))
    scores = caption_attributes([captions(guess)[0] for guess in guesses], scenes)
    for name, score in scores.items():
        assert score.value == pytest.approx(score.chance, abs=0.03), name
    assert chance(1)["all_right"] == pytest.approx(1 / (8 * 6 * 2 * 4 * 4))
    assert scores["caption_attributes"].per_item == pytest.approx(
        np.mean([scores[f"caption_{name}"].per_item for name in ATTRIBUTES], axis=0).tolist()
    )


def test_nothing_to_score_is_refused():
    scenes = sample_scenes("test", 2)
    with pytest.raises(UserError, match="a caption for every scene"):
        caption_attributes([], [])
    with pytest.raises(UserError, match="an image for every scene"):
        image_attributes(IMAGE, scenes, Claims(scenes), None)
