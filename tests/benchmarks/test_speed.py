"""What the benchmark times are the same results by different ways, and it runs at every size and device it names."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch

from bench.models.sampling import sample_captions
from benchmarks.speed import captioning, image_generation, peers, training
from benchmarks.speed.floor import Floor, Products
from benchmarks.speed.literal import EQUATIONS
from benchmarks.speed.measure import setting_of
from benchmarks.speed.models import batch_of, model_of
from benchmarks.speed.necessary import necessary_flops
from benchmarks.speed.paired import Paired
from benchmarks.speed.peers import llama
from benchmarks.speed.rows import Setting, small
from benchmarks.speed.shapes import BASE, SHAPES
from benchmarks.speed.steps import literal_loss, loss
from benchmarks.speed.table import table

TINY = replace(SHAPES["embedded"], layers=2, width=32, heads=4, mlp_width=48, vocabulary=100, rows=3, images=2)
TINY_LLAMA = replace(SHAPES["llama-1b"], layers=2, width=64, mlp_width=96, heads=4, key_value_heads=2, vocabulary=100,
                     image_side=4, text_tokens=8, rows=3, images=2)  # fmt: skip
every = pytest.mark.parametrize("architecture", sorted(EQUATIONS))


def setting(shape, *names: str) -> Setting:
    return setting_of(shape, names, "cpu", torch.get_num_threads(), 0)


@every
def test_drawing_literally_is_drawing(architecture):
    """Float32, after 20 steps with guidance: 1e-4 of the reference's norm."""
    model = model_of(TINY, architecture)
    request = image_generation.captions_and_noise(setting(TINY, architecture))
    ways = (image_generation.generate, image_generation.generate_literally)
    mine, theirs = (way(model, *request, image_generation.STEPS) for way in ways)
    assert (mine - theirs).norm() <= 1e-4 * theirs.norm()
    assert not torch.equal(theirs, request[2])


@every
def test_describing_literally_is_describing(architecture):
    model = model_of(TINY, architecture).double()
    latents = torch.randn(2, TINY.channels, TINY.image_side, TINY.image_side, dtype=torch.float64)
    ids = torch.full((2, 1), captioning.BEGIN)
    for _ in range(5):
        ids = torch.cat([ids, captioning.next_literally(model, latents, ids)], 1)
    assert sample_captions(model, latents, captioning.BEGIN, captioning.NEVER, 5) == ids[:, 1:].tolist()


@pytest.mark.parametrize("shape", [TINY, TINY_LLAMA], ids=["float32", "bfloat16"])
def test_every_table_is_filled(shape):
    names = (BASE, "dual_tower")
    for rows in (training.rows(setting(shape, *names)), image_generation.rows(setting(shape, *names)),
                 captioning.rows(setting(shape, *names))):  # fmt: skip
        assert [row.architecture for row in rows] == [*names]
        for row in rows:
            assert row.value > 0 and row.turns in (2, 3) and row.remarks == ()
            assert all(ratio is not None and 0 < ratio[1] <= ratio[0] <= ratio[2] for ratio in row.over.values())
        assert "dual_tower" in table(rows)


def test_an_unknown_architecture_leaves_cells_empty(monkeypatch):
    """A fifth one dropped in is measured; what is not written down of it is said."""
    monkeypatch.delitem(training.LAYERS, "dual_tower")
    monkeypatch.delitem(EQUATIONS, "dual_tower")
    for rows in (training.rows, image_generation.rows, captioning.rows):
        (row,) = rows(setting(TINY, "dual_tower"))
        assert row.over["literal"] is None and row.over.get("floor") is None and row.value > 0
        assert all(remark in table([row]) for remark in row.remarks) and row.remarks


@pytest.mark.parametrize(("name", "published"), [("llama-1b", 1_235_814_400), ("llama-3b", 3_212_749_824)])
def test_llama_shapes_are_the_real_ones(name, published):
    """Parameters of Llama-3.2 as published; its language head is its embedding."""
    model = model_of(SHAPES[name], BASE, "meta")
    of_language = [*model.blocks.parameters(), *model.embed_tokens.parameters(), *model.norm.parameters()]
    assert sum(parameter.numel() for parameter in of_language) == published
    assert {parameter.dtype for parameter in model.parameters()} == {torch.bfloat16}


@every
@pytest.mark.parametrize("way", [loss, literal_loss])
def test_steps_run_where_the_model_is(architecture, way):
    """Nothing made on the way stays on the CPU: a meta tensor would refuse to meet it."""
    shape = small(SHAPES["llama-1b"])
    result = way(model_of(shape, architecture, "meta"), batch_of(shape, "meta"))
    result.backward()
    assert result.device.type == "meta"


def test_the_packed_llama_runs_where_the_model_is():
    shape = small(SHAPES["llama-1b"])
    model = model_of(shape, BASE, "meta")
    assert llama.packed_loss(model, llama.around(model, shape), batch_of(shape, "meta")).device.type == "meta"


def test_products_are_a_layers():
    """As many as a layer's weights have, forward and for both gradients."""
    shape = SHAPES["embedded"]
    weights = sum(p.numel() for p in model_of(shape, BASE).blocks[0].parameters() if p.ndim == 2)
    tokens = shape.rows * (shape.image_tokens + shape.text_tokens)
    assert Products(shape).flops == 3 * 2 * tokens * weights


def test_the_floor_moves_with_the_machine():
    """A turn in which everything takes twice as long changes no ratio."""
    floor = Floor(TINY)
    seconds = {"products before": [0.5, 0.5, 1.0], "products after": [1.5, 1.5, 3.0]}
    seconds |= {"copy before": [0.4, 0.4, 0.8], "copy after": [0.6, 0.6, 1.2]}
    times = Paired({f"{BASE} {way}": taken for way, taken in seconds.items()} | {"step": [3.0, 3.0, 6.0]})
    needed = necessary_flops(TINY, BASE)
    least = needed / floor.products.flops + 7 * 4 * 1000 * 0.5 / floor.copy.bytes
    assert floor.under(BASE, 1000, times, "step") == pytest.approx((3 / least,) * 3)
    assert floor.utilisation(BASE, times, "step") == pytest.approx((needed / floor.products.flops / 3,) * 3)


@pytest.mark.parametrize("shape", [TINY, TINY_LLAMA], ids=["float32", "bfloat16"])
def test_peers_are_measured(shape):
    """A peer that is not installed, or that has no bfloat16, leaves its cell empty and says so."""
    (row,) = peers.rows(setting(shape, BASE))
    assert row.over["LlamaForCausalLM"] is not None
    excuses = [word for word in ("not installed", "float32") if word in row.remarks[0]]
    assert (row.over["transfusion-pytorch"] is None) == bool(excuses)
    assert excuses or shape is TINY
