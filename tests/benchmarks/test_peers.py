"""Peers do the same work: the same loss, or where the library's own differs, the same tokens and parameters."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch

from benchmarks.speed.models import batch_of, model_of
from benchmarks.speed.peers import llama, transfusion
from benchmarks.speed.shapes import BASE, SHAPES
from benchmarks.speed.steps import loss

SHAPE = replace(SHAPES["mid"], layers=2, width=64, heads=4, key_value_heads=2, mlp_width=96, vocabulary=200, rows=3)


def test_llama_computes_our_loss_and_gradients():
    results = []
    for packed in (False, True):
        model, batch = model_of(SHAPE, BASE), batch_of(SHAPE)
        way = llama.packed_loss(model, llama.around(model, SHAPE), batch) if packed else loss(model, batch)
        way.backward()
        results.append((way.item(), [p.grad for p in model.parameters() if p.grad is not None]))
    (mine, my_gradients), (theirs, their_gradients) = results
    assert mine == pytest.approx(theirs, rel=1e-5)
    apart = [one - other for one, other in zip(my_gradients, their_gradients, strict=True)]
    assert torch.nn.utils.get_total_norm(apart) <= 1e-4 * torch.nn.utils.get_total_norm(their_gradients)


@pytest.fixture
def theirs():
    pytest.importorskip("transfusion_pytorch", reason="the extra `peers` is not installed")
    return transfusion.model_like(SHAPE)


def test_transfusion_maps_as_many_tokens_and_scores_the_same_items(theirs):
    seen = []
    theirs.transformer.register_forward_hook(lambda _, given, __: seen.append(given[0].shape))
    rows, times = transfusion.samples(batch_of(transfusion.shortened(SHAPE)))
    total, parts = theirs(rows, times=times, return_breakdown=True)
    assert seen == [(SHAPE.rows, SHAPE.image_tokens + SHAPE.text_tokens, SHAPE.width)]
    assert parts.text > 0
    flows = []
    for chosen in (slice(SHAPE.t2i_rows), slice(SHAPE.t2i_rows, None)):
        _, parts = theirs(rows[chosen], times=times[chosen], return_breakdown=True)
        flows.append(sum(parts.flow))
    assert flows[0] > 0 and flows[1] == 0


def test_our_tower_is_widened_to_its_parameters(theirs):
    total = transfusion.parameters(theirs)
    shape = transfusion.widened(SHAPE, total)
    assert transfusion.parameters(model_of(shape, BASE)) == pytest.approx(total, rel=0.005)
    assert replace(shape, mlp_width=SHAPE.mlp_width) == SHAPE


def test_what_is_not_installed_is_said(monkeypatch):
    monkeypatch.setattr(transfusion, "find_spec", lambda name: None)
    compared = transfusion.compare(None)
    assert compared.same_width is compared.same_parameters is None and "pip install -e '.[peers]'" in compared.remark
