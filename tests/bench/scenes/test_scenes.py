"""The embedded assets: what scenes hold, how they look, and that captions can be read back."""

from __future__ import annotations

import hashlib
from dataclasses import replace

import numpy as np
import pytest

from bench.config.schema import DataConfig
from bench.data.sets.scenes import Scenes, ScenesSplit
from bench.scenes import (
    all_right,
    captions,
    compare,
    parse,
    render,
    render_batch,
    sample_scenes,
    vocabulary,
)
from bench.scenes.grammar import TEMPLATES
from bench.scenes.render import CENTRE, RGB
from bench.scenes.scene import (
    BACKGROUNDS,
    COLOURS,
    PAIRS,
    POSITIONS,
    SCENES_VERSION,
    SHAPES,
    SIZES,
    TEST_PAIRS,
    TRAIN_PAIRS,
    VALIDATION_PAIRS,
    Object,
    Scene,
)
from bench.system.errors import UserError

RED_CIRCLE = Object("red", "circle", "small", "top left")
BLUE_STAR = Object("blue", "star", "large", "bottom right")
TWO = Scene((RED_CIRCLE, BLUE_STAR), "black")

# (assets version, picture digest, caption digest): whoever changes scenes, pictures or captions raises the version
PINNED = (1, "429391a93993", "53ba3eca80ec")


def test_pinned_world():
    scenes = sample_scenes("train", 3, 1) + sample_scenes("test", 3, 2)
    pictures = hashlib.sha256(render_batch(scenes).tobytes()).hexdigest()[:12]
    texts = hashlib.sha256("\n".join(c for s in scenes for c in captions(s)).encode()).hexdigest()[:12]
    assert (SCENES_VERSION, pictures, texts) == PINNED


@pytest.mark.parametrize("objects", [1, 2])
def test_scenes_are_drawn_the_same_every_time(objects):
    longer = sample_scenes("train", 50, objects)
    shorter = sample_scenes("train", 20, objects)
    assert longer[:20] == shorter
    assert [s.jitter for s in longer[:20]] == [s.jitter for s in shorter]
    assert sample_scenes("train", 50, objects, seed=1) != longer
    assert sample_scenes("zoo", 50, objects) != longer


def test_held_out_pairs():
    assert len(TRAIN_PAIRS) == 36
    assert not set(VALIDATION_PAIRS) & set(TEST_PAIRS)
    assert not set(TRAIN_PAIRS) & set(VALIDATION_PAIRS + TEST_PAIRS)
    for held_out in (VALIDATION_PAIRS, TEST_PAIRS):
        assert sorted(shape for _, shape in held_out) == sorted(SHAPES)
    assert {colour for colour, _ in TRAIN_PAIRS} == set(COLOURS)


@pytest.mark.parametrize("objects", [1, 2])
@pytest.mark.parametrize("split", ["train", "validation", "test", "zoo"])
def test_a_split_shows_exactly_its_pairs(split, objects):
    scenes = sample_scenes(split, 1500, objects)
    assert {(o.colour, o.shape) for s in scenes for o in s.objects} == set(PAIRS[split])
    for s in scenes:
        assert len(s.objects) == objects
        assert len({o.position for o in s.objects}) == objects
        assert len({(o.colour, o.shape) for o in s.objects}) == objects
    assert {s.background for s in scenes} == set(BACKGROUNDS)
    assert {(o.position, o.size) for s in scenes for o in s.objects} == {(p, z) for p in POSITIONS for z in SIZES}


def test_attributes_are_drawn_evenly():
    drawn = [s.objects[0].position for s in sample_scenes("train", 4000, 2)]
    for position in POSITIONS:
        assert abs(drawn.count(position) / 4000 - 0.25) < 0.03


def test_wrong_requests_say_what_is_right():
    with pytest.raises(UserError, match="did you mean 'validation'"):
        sample_scenes("validate", 1)
    with pytest.raises(UserError, match="1 or 2"):
        sample_scenes("train", 1, objects=3)


@pytest.mark.parametrize("objects", [1, 2])
def test_every_caption_reads_back(objects):
    for scene in sample_scenes("zoo", 400, objects):
        texts = captions(scene)
        assert len(set(texts)) == 5
        for text in texts:
            assert parse(text) == scene
            assert set(text.split()) <= set(vocabulary())
            low, high = ((8, 18), (15, 31))[objects - 1]
            assert low <= len(text.split()) <= high
            assert text == text.lower() and "a orange" not in text


def test_parser_is_tolerant_and_strict():
    assert parse("two times three is six") is None
    assert parse("") is None
    assert parse("a circle") == Scene((Object(None, "circle", None, None),), None)
    assert parse("A big RED circle, upper left") == Scene(
        (Object("red", "circle", "large", None), Object(None, None, None, "top left")), None
    )
    assert parse("a red blue circle on a black background").objects[0] == Object(None, "circle", None, None)
    assert parse("a black background on a white background").background is None
    assert parse("a red circle at the top left top right").objects[0].position is None
    assert parse("a red red circle").objects[0].colour == "red"
    assert parse("a circle to the left").objects[0].position is None


def caption_attributes(caption: str, scene: Scene) -> dict[str, float]:
    return compare(parse(caption) or Scene((), None), scene)


def test_caption_scores():
    right = dict.fromkeys(("colour", "shape", "size", "position", "background"), 1.0)
    for text in captions(TWO):
        assert caption_attributes(text, TWO) == right
    swapped = Scene((replace(RED_CIRCLE, colour="blue"), replace(BLUE_STAR, colour="red")), "white")
    for text in captions(swapped):  # colours bound to the wrong objects are wrong
        assert caption_attributes(text, TWO) == right | {"colour": 0.0, "background": 0.0}
    assert caption_attributes("a small red circle at the top left", TWO) == dict.fromkeys(right, 0.5) | {
        "background": 0.0
    }
    assert caption_attributes("nothing", TWO) == dict.fromkeys(right, 0.0)
    one = Scene((RED_CIRCLE,), "black")
    assert compare(TWO, one)["colour"] == 0.5  # an invented object costs
    assert not all_right(TWO, one) and all_right(Scene((BLUE_STAR, RED_CIRCLE), "black"), TWO)


@pytest.mark.parametrize("shape", SHAPES)
def test_shapes_lie_where_they_should_in_their_colour(shape):
    for position in POSITIONS:
        areas = {}
        for size in SIZES:
            scene = Scene((Object("green", shape, size, position),), "black")
            picture = render(scene).astype(float)
            cover = (picture[..., 1] - RGB["black"][1]) / (RGB["green"][1] - RGB["black"][1])  # 0 to 1
            y, x = np.mgrid[0.5:32, 0.5:32]
            centre = (cover * x).sum() / cover.sum(), (cover * y).sum() / cover.sum()
            assert np.allclose(centre, CENTRE[position], atol=1.4)  # a triangle is centred by its box
            assert picture.reshape(-1, 3).max(0) == pytest.approx(RGB["green"], abs=12)
            areas[size] = cover.sum()
        assert areas["large"] > 2 * areas["small"]


def test_edges_are_antialiased_to_the_exact_area():
    """A square of half side 0.86 r covers (1.72 r)^2 pixels however it is jittered, and a disc pi (0.95 r)^2."""
    for jitter in np.random.default_rng(0).uniform(-1, 1, (20, 10)):
        jitter[:3], jitter[7:] = 0, 0  # no tint
        for shape, area in (("square", (2 * 0.86) ** 2), ("circle", np.pi * 0.95**2)):
            scene = Scene((Object("white", shape, "large", "top left"),), "black", tuple(jitter))
            cover = (render(scene)[..., 1].astype(float) - 14) / (240 - 14)
            radius = 6.7 + 0.3 * jitter[5]
            assert cover.sum() == pytest.approx(area * radius**2, rel=0.02)
            assert ((cover > 0.1) & (cover < 0.9)).sum() >= 8  # edge pixels in between


def test_jitter_moves_the_picture_but_not_the_scene():
    scenes = sample_scenes("zoo", 200, 2)
    plain = [replace(s, jitter=()) for s in scenes]
    assert plain == scenes
    difference = np.abs(render_batch(scenes).astype(int) - render_batch(plain)).mean((1, 2, 3))
    assert (difference > 0).all() and difference.max() < 30


def test_batches_and_single_pictures_agree_at_any_size():
    scenes = sample_scenes("zoo", 6, 1) + sample_scenes("zoo", 6, 2)
    pictures = render_batch(scenes)
    assert pictures.shape == (12, 32, 32, 3) and pictures.dtype == np.uint8
    assert np.array_equal(pictures, np.stack([render(s) for s in scenes]))
    averaged = render_batch(scenes, 64).reshape(12, 32, 2, 32, 2, 3).mean((2, 4))
    assert np.abs(averaged - pictures).mean() < 1.0


def test_split_keeps_the_protocol():
    split = ScenesSplit("test", 40, objects=2)
    assert len(split) == len(split.ids) == len(set(split.ids)) == len(split.scenes) == 40
    assert split.images([3, 1]).shape == (2, 32, 32, 3)
    assert np.array_equal(split.images([3, 1])[1], render(split.scenes[1]))
    assert split.captions(5) == captions(split.scenes[5]) and len(split.captions(5)) == len(TEMPLATES) == 5


def test_digest_tells_settings_apart():
    names = ("objects", "train_size", "test_size", "image_size")
    settings = [(1, 9, 9, 32), (2, 9, 9, 32), (1, 8, 9, 32), (1, 9, 8, 32), (1, 9, 9, 64)]
    digests = {Scenes.digest(DataConfig(**dict(zip(names, each, strict=True)))) for each in settings}
    assert len(digests) == 5 and all(len(d) == 12 for d in digests)
    assert Scenes.digest(DataConfig(objects=1, train_size=9, test_size=9, image_size=32)) in digests
