"""Peak memory, in processes of their own: at least what a step must hold."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch

from benchmarks.speed import peak
from benchmarks.speed.measure import setting_of
from benchmarks.speed.models import model_of
from benchmarks.speed.shapes import BASE, SHAPES


@pytest.mark.slow
def test_a_step_holds_weights_gradients_and_moments():
    shape = replace(SHAPES["mid"], layers=4, rows=3)
    rows = peak.rows(setting_of(shape, (BASE, "dual_tower"), "cpu", torch.get_num_threads(), 0))
    for row in rows:
        weights = list(model_of(shape, row.architecture).parameters())
        held = sum(4 * p.numel() * (4 if p.requires_grad else 1) for p in weights) / 2**20
        assert held < row.value < 10 * held
        assert row.over["literal"] is not None and row.over["literal"][0] < 1.1
