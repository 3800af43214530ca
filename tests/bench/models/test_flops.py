"""What a step computes is what its equations need: counted on the code that runs, and from the layout alone."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch
from torch.nn import functional as F

import architectures
from bench.models.flops import count_flops
from benchmarks.speed.models import batch_of, model_of
from benchmarks.speed.necessary import LAYERS, necessary_flops
from benchmarks.speed.shapes import SHAPES, USUAL
from benchmarks.speed.steps import literal_loss, loss

SMALL = {name: replace(SHAPES[name], layers=2, width=128, mlp_width=192) for name in USUAL["cpu"]}
every_shape = pytest.mark.parametrize("shape", SMALL.values(), ids=SMALL)
every = pytest.mark.parametrize("architecture", sorted(LAYERS))


def test_the_floor_knows_what_exists():
    assert set(LAYERS) <= set(architectures.catalogue())


def test_attention_counts():
    query, keys = torch.randn(3, 4, 5, 8, requires_grad=True), torch.randn(3, 4, 7, 8, requires_grad=True)
    pairs = 2 * 3 * 4 * 5 * 7 * 8  # one product of queries and keys
    assert count_flops(lambda: F.scaled_dot_product_attention(query, keys, keys)) == 2 * pairs
    assert count_flops(lambda: F.scaled_dot_product_attention(query, keys, keys).sum().backward()) == 7 * pairs


@every_shape
@every
def test_a_step_computes_what_is_necessary(shape, architecture):
    """Counted FLOPs agree with the layout's to 2 % (0.2 % are measured)."""
    model, batch = model_of(shape, architecture), batch_of(shape)
    counted = count_flops(lambda: loss(model, batch).backward())
    assert counted == pytest.approx(necessary_flops(shape, architecture), rel=0.02)


@every_shape
@every
def test_the_literal_step_is_the_same_step(shape, architecture):
    """The benchmark's yardstick computes the product's loss and gradients, with more work."""
    results = []
    for way in (loss, literal_loss):
        model, batch = model_of(shape, architecture), batch_of(shape)
        flops = count_flops(lambda way=way, model=model, batch=batch: results.append([way(model, batch)]))
        results[-1][0].backward()
        results[-1] += [flops, [p.grad for p in model.parameters() if p.grad is not None]]
    (mine, my_flops, my_gradients), (theirs, their_flops, their_gradients) = results
    assert mine.item() == pytest.approx(theirs.item(), rel=1e-5)
    assert my_flops < their_flops
    norm = torch.nn.utils.get_total_norm
    apart = [one - other for one, other in zip(my_gradients, their_gradients, strict=True)]
    assert norm(apart) <= 1e-4 * norm(their_gradients)
