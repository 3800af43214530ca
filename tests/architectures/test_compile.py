"""`runtime.compile`: the same losses and gradients, compiled or not."""

from __future__ import annotations

import pytest
import torch
from experiments import small_config

import architectures
from bench.experiment.execute import prepare


@pytest.mark.slow
@pytest.mark.parametrize("architecture", architectures.catalogue())
def test_compiled_blocks_compute_what_they_did(architecture, tmp_path):
    found = {}
    for compiled in (False, True):
        settings = [f"model.architecture={architecture}", "train.precision=float32", f"runtime.compile={compiled}"]
        parts = prepare(small_config(tmp_path, *settings))
        terms = parts.module.terms(parts.mixture[0])
        loss = parts.module.total(terms)["loss"]
        loss.backward()
        gradients = {name: p.grad for name, p in parts.module.model.named_parameters() if p.grad is not None}
        found[compiled] = loss.detach(), gradients
    graphs = torch._dynamo.utils.counters["stats"]["unique_graphs"]
    assert graphs > 0
    torch.testing.assert_close(found[True][0], found[False][0], rtol=1e-5, atol=0)
    assert found[True][1].keys() == found[False][1].keys()
    for name, gradient in found[False][1].items():
        scale = gradient.norm()
        assert (found[True][1][name] - gradient).norm() <= 1e-4 * scale + 1e-7, name
