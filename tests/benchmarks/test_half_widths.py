"""Half-widths of simultaneous intervals: every metric is held against its own differences."""

from __future__ import annotations

import re

import numpy as np
import pytest
from scipy import stats

from benchmarks import fake_results
from benchmarks.fake_results import score
from benchmarks.reliability import half_widths
from reports.stored.runs import read_sweep

ARMS = ("dual_tower", "gated_layer", "single_tower")


@pytest.fixture
def values() -> dict[str, np.ndarray]:
    """Metric to values (arms, seeds), of spreads a hundred times apart."""
    random = np.random.default_rng(3)
    return {"fid": random.normal(40, 10, (3, 4)), "cider": random.normal(1, 0.1, (3, 4))}


def test_a_metric_is_compared_by_itself(tmp_path, values):
    points = [
        fake_results.land(
            tmp_path / "runs" / f"{arm}-{seed}", arm, seed, 100,
            {"fid": score(values["fid"][row, seed], "lower"), "cider": score(values["cider"][row, seed])},
        )
        for row, arm in enumerate(ARMS) for seed in range(4)
    ]  # fmt: skip
    folder = fake_results.ask(tmp_path / "results" / "architecture", points, "architecture", ["fid", "cider"])
    lines = half_widths.lines(read_sweep(folder), comparisons=11)
    assert len(lines) == 2
    for line, of in zip(lines, values.values(), strict=True):
        before, now, ratio, shared = map(float, re.findall(r"(?:before|now|ratio|\() *([\d.]+)", line))
        pairs = [of[a] - of[b] for a, b in ((0, 1), (0, 2), (1, 2))]
        separate = [stats.t.isf(0.025 / 11, 3) * stats.sem(one) for one in pairs]
        assert before == pytest.approx(np.mean(separate), rel=1e-3)
        assert ratio == pytest.approx(now / before, abs=0.01)
        assert ratio < shared < 4 * ratio  # two metrics share the level: wider, by no more than the quantiles are
