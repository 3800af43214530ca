"""Linear layers multiplied by oneDNN are linear layers: results, gradients, weights, FLOPs, training, compilation."""

from __future__ import annotations

import copy

import pytest
import torch
from experiments import small_config
from torch import nn
from torch.nn import functional as F

import architectures
from bench.evaluation.scoring import language_scores
from bench.experiment.execute import prepare
from bench.models.flops import count_flops
from bench.models.matmul import MATMUL_BACKENDS, MIN_OPERATIONS, set_matmul_backend
from bench.system.errors import UserError

WIDE, NARROW = 384, 128
INPUTS = {
    "flat": lambda: torch.randn(700, NARROW),
    "rows": lambda: torch.randn(3, 50, NARROW),
    "few": lambda: torch.randn(2, NARROW),
    "every other": lambda: torch.randn(8, 100, NARROW)[:, ::2],
    "transposed": lambda: torch.randn(NARROW, 700).T,
    "none": lambda: torch.randn(0, NARROW),
}


def layer(products: str, bias: bool = True) -> nn.Linear:
    torch.manual_seed(0)
    made = nn.Sequential(nn.Linear(NARROW, WIDE, bias=bias))
    set_matmul_backend(made, products)
    return made[0]


def called(work) -> set[str]:
    """The operators that did it."""
    with torch.profiler.profile(activities=[torch.profiler.ProfilerActivity.CPU]) as profile:
        work()
    return {event.key for event in profile.key_averages()}


@pytest.mark.parametrize("bias", [True, False], ids=["bias", "no bias"])
@pytest.mark.parametrize("states", INPUTS.values(), ids=INPUTS)
def test_results_and_gradients_are_those_of_float64(states, bias):
    own, states = layer("onednn", bias), states()
    weight, offset = own.weight.detach().double(), own.bias.detach().double() if bias else None
    exact = [each.requires_grad_() for each in (states.double(), weight, offset) if each is not None]
    mine = [states.requires_grad_(), *own.parameters()]
    towards = torch.randn(*states.shape[:-1], WIDE)
    F.linear(*exact).backward(towards.double())
    result = own(states)
    result.backward(towards)
    torch.testing.assert_close(result.double(), F.linear(*exact), rtol=1e-5, atol=1e-5)
    for one, other in zip(mine, exact, strict=True):
        assert (one.grad - other.grad).norm() <= 1e-6 * other.grad.norm()
    assert all(parameter.grad.is_contiguous() for parameter in own.parameters())


@pytest.mark.parametrize("of_states", [True, False])
@pytest.mark.parametrize("of_weight", [True, False])
def test_only_the_gradients_asked_for_are_made(of_states, of_weight):
    own = layer("onednn", bias=False).requires_grad_(of_weight)
    states = torch.randn(700, NARROW, requires_grad=of_states)
    pass_ = 2 * 700 * NARROW * WIDE
    expected = pass_ * (1 + of_states + of_weight)

    def step():
        result = own(states)
        if result.requires_grad:
            result.sum().backward()

    assert count_flops(step) == expected
    assert ((states.grad is not None), (own.weight.grad is not None)) == (of_states, of_weight)


def test_large_float32_products_are_onednns_and_no_others():
    own = layer("onednn")
    rows = MIN_OPERATIONS // (NARROW * WIDE) + 1
    large, small = torch.randn(rows, NARROW), torch.randn(rows - 1, NARROW)
    name = "mkldnn::_linear_pointwise"
    assert name in called(lambda: own(large))
    assert name not in called(lambda: own(small))
    assert name not in called(lambda: layer("blas")(large))
    with torch.autocast("cpu", torch.bfloat16):
        assert own(large).dtype == torch.bfloat16
        assert name not in called(lambda: own(large))
    assert name not in called(lambda: copy.deepcopy(own).double()(large.double()))


def test_layers_change_hands_and_keep_their_weights():
    own = nn.Sequential(nn.Linear(4, 4), nn.ModuleDict({"inner": nn.Linear(4, 4)}), nn.LayerNorm(4))
    weights = {name: weight.clone() for name, weight in own.state_dict().items()}
    for products in (*MATMUL_BACKENDS, "blas"):
        set_matmul_backend(own, products)
        for one in (own, copy.deepcopy(own)):
            assert {type(one[0]), type(one[1]["inner"])} == {MATMUL_BACKENDS[products]}
        assert own.state_dict().keys() == weights.keys()
        assert all(torch.equal(weight, weights[name]) for name, weight in own.state_dict().items())


@pytest.mark.parametrize("architecture", architectures.catalogue())
def test_a_run_on_either_has_the_same_losses(architecture, tmp_path):
    """To float32's rounding. A language model that is still untouched answers the same to the last bit."""
    losses = {}
    for products in MATMUL_BACKENDS:
        wanted = [f"model.architecture={architecture}", "train.precision=float32", f"runtime.matmul_backend={products}"]
        config = small_config(tmp_path, "train.batch_size=48", *wanted)
        experiment = prepare(config)
        model = experiment.module.model
        assert {type(each) for each in model.modules() if isinstance(each, nn.Linear)} == {MATMUL_BACKENDS[products]}
        terms = experiment.module.terms(experiment.mixture[0])
        total = experiment.module.total(terms)["loss"]
        total.backward()
        gradients = [p.grad.flatten() for p in model.parameters() if p.grad is not None]
        losses[products] = total.detach(), torch.cat(gradients)
        scores = language_scores(model, experiment.assets, config)
        for name in ("exam", "perplexity"):
            assert scores[name].value == scores[name].before
    (mine, mine_gradients), (blas, blas_gradients) = losses["onednn"], losses["blas"]
    assert mine.item() == pytest.approx(blas.item(), rel=1e-6)
    assert 0 < (mine_gradients - blas_gradients).norm() < 1e-5 * blas_gradients.norm()


def test_a_torch_without_onednn_is_told_of(tmp_path, monkeypatch):
    monkeypatch.setattr(torch.backends.mkldnn, "is_available", lambda: False)
    with pytest.raises(UserError, match="runtime.matmul_backend=blas"):
        prepare(small_config(tmp_path, "train.precision=float32", "runtime.matmul_backend=onednn"))


@pytest.mark.slow
def test_compiled_blocks_use_the_onednn_backend(tmp_path):
    wanted = ["train.precision=float32", "runtime.matmul_backend=onednn", "train.batch_size=48"]
    losses = []
    for compiled in ("false", "true"):
        experiment = prepare(small_config(tmp_path, *wanted, f"runtime.compile={compiled}"))
        terms = experiment.module.terms(experiment.mixture[0])
        total = experiment.module.total(terms)["loss"]
        total.backward()
        losses.append(total.item())
    assert losses[0] == pytest.approx(losses[1], rel=1e-5)
