"""Axes of values: fitted where they are far from chance, and saying so; nothing outside, nothing blown up."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from reports.style import scales

NONE = float("nan")


def rows(*values: float, direction: str = "higher", unit: str = "share right", **levels: float) -> pd.DataFrame:
    known = {"chance": NONE, "ceiling": NONE, "items_low": NONE, "items_high": NONE} | levels
    return pd.DataFrame({"min": values, "max": values}).assign(direction=direction, unit=unit, **known)


def test_shares_near_the_ceiling_can_be_told_apart_and_the_axis_says_where_chance_is():
    summary = rows(0.93, 0.95, 0.98, chance=0.26, ceiling=1.0)
    axis = scales.scale(summary)
    assert 0.9 < axis.low < 0.93 and 1.0 < axis.high < 1.02
    assert scales.on_axis(summary) == {"ceiling": 1.0} and scales.below(summary) == {"chance": 0.26}
    assert not scales.above(summary) and scales.label(summary) == ["share right, not from 0"]


def test_shares_that_lie_far_apart_are_drawn_from_0():
    summary = rows(0.02, 0.998, chance=0.05, ceiling=1.0)
    assert scales.scale(summary).low == 0.0 and scales.label(summary) == ["share right"]
    assert scales.on_axis(summary) == {"chance": 0.05, "ceiling": 1.0}


def test_an_interval_over_items_has_its_place_on_the_axis():
    alone, known = rows(0.6, 0.62, chance=0.1), rows(0.6, 0.62, chance=0.1, items_low=0.5, items_high=0.7)
    assert scales.scale(alone).low > 0.5 > scales.scale(known).low
    assert scales.scale(alone).high < 0.7 < scales.scale(known).high


@pytest.mark.parametrize("value", [0.0, 0.3, 0.998, 1.0])
def test_equal_values_are_not_blown_up(value):
    axis = scales.scale(rows(value, value, chance=0.26, ceiling=1.0))
    assert axis.low <= value < axis.high and axis.high - axis.low >= scales.LEAST * 0.74 / 2


def test_nothing_but_zeros_has_an_axis():
    axis = scales.scale(rows(0.0, 0.0, unit="CIDEr-D", chance=0.8))
    assert axis.low == 0.0 and axis.high > 0.1


@pytest.mark.parametrize(
    ("values", "logarithmic", "low"), [((1.0, 2.0), False, 0.0), ((1.0, 20.0), True, None), ((-0.1, 2.0), False, None)]
)
def test_a_distance_is_drawn_from_0_or_logarithmically(values, logarithmic, low):
    assert scales.scale(rows(*values, direction="lower")) == scales.Scale(logarithmic, low)


def test_what_is_no_number_leaves_the_axis_to_the_drawing():
    for value in (NONE, float("inf")):
        assert scales.scale(rows(value, chance=0.1)) == scales.scale(rows(value)) == scales.Scale()


def test_whatever_is_measured_lies_on_the_axis_and_fills_a_third_of_it():
    random = np.random.default_rng(0)
    for _ in range(300):
        share = bool(random.integers(2))
        values = random.uniform(0, 1, 3) ** random.uniform(0.05, 3) * (1 if share else 100)
        chance, ceiling = sorted(random.uniform(0, 1 if share else 100, 2))
        summary = rows(*values, unit="share" if share else "100 x cosine", chance=chance, ceiling=ceiling)
        axis, spread = scales.scale(summary), values.max() - values.min()
        width = axis.high - axis.low
        assert axis.low <= values.min() and values.max() < axis.high
        assert width <= (3 * max(spread, scales.LEAST * (ceiling - chance))) * (1 + 2 * scales.ROOM) + 1e-9
        placed = [*scales.on_axis(summary), *scales.below(summary), *scales.above(summary)]
        assert sorted(placed) == ["ceiling", "chance"]
        for level in scales.on_axis(summary).values():
            assert axis.low <= level <= axis.high
