"""Growth: one size at a time, attention's share by its closed form, a figure that is the same bytes again."""

from __future__ import annotations

from dataclasses import replace
from xml.etree import ElementTree

import torch

from benchmarks.speed import growth
from benchmarks.speed.figure import draw
from benchmarks.speed.literal import EQUATIONS
from benchmarks.speed.measure import setting_of
from benchmarks.speed.necessary import attention_share
from benchmarks.speed.shapes import SHAPES

TINY = replace(growth.START, width=32, layers=2, heads=2, key_value_heads=2, mlp_width=48, vocabulary=50, image_side=4)


def test_one_size_grows_at_a_time():
    """From 64 to 1,024 image tokens, from 32 to 512 text tokens, and in depth."""
    ends = {name: (shapes[0], shapes[-1]) for name, shapes in growth.SIZES.items()}
    assert [shape.image_tokens for shape in ends["image tokens"]] == [64, 1024]
    assert [shape.text_tokens for shape in ends["text tokens"]] == [32, 512]
    for shapes in growth.SIZES.values():
        assert growth.START in shapes
        grown = {key for shape in shapes for key, value in vars(shape).items() if value != vars(growth.START)[key]}
        assert len(grown) == 1


def test_attention_takes_over():
    """It is nearly all of a very long sequence, and next to nothing of a short one."""
    shape = replace(SHAPES["mid"], layers=64)
    assert attention_share(replace(shape, image_side=1000), "single_tower") > 0.99
    assert attention_share(replace(shape, image_side=1, text_tokens=2), "single_tower") < 0.01


def test_points_and_figure(monkeypatch):
    sizes = {"image tokens": [TINY, replace(TINY, image_side=8)], "layers": [TINY, replace(TINY, layers=3)]}
    monkeypatch.setattr(growth, "SIZES", sizes)
    names = (*EQUATIONS, "one_more")  # without an equation it has no literal step, and no curve
    setting = setting_of(TINY, names, "cpu", torch.get_num_threads(), 0)
    taken = [point for some in growth.points(setting) for point in some]
    assert [(p.grown, p.size) for p in taken[::4]] == [
        ("image tokens", 16), ("image tokens", 64), ("layers", 2), ("layers", 3)
    ]  # fmt: skip
    assert taken[4].work == taken[0].work * (64 + 64) / (16 + 64)
    for point in taken:
        for middle, low, high in (point.ours, point.literal, point.over_literal):
            assert 0 < low <= middle <= high
    files = draw(taken, "what was held fixed")
    assert files["growth.png"].startswith(b"\x89PNG")
    ElementTree.fromstring(files["growth.svg"])
    assert files == draw(taken, "what was held fixed")
