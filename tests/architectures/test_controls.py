"""Controls of every architecture that says they have a meaning for it, on a tiny language model."""

from __future__ import annotations

import copy
import subprocess
import sys
from typing import get_args, get_type_hints

import pytest
import torch
from test_architectures import image, text, valid_states, variants
from tiny_fusion import CHANNELS, SIDE, train_on_both_tasks

import architectures
from architectures.base import FusionBlock
from architectures.declarations import CONTROLS
from architectures.decoder import DecoderBlock, OneBlock
from architectures.sequence import Past
from bench.config.load import load
from bench.config.schema import ModelConfig
from bench.config.validate import NoMeaning
from bench.models import build, controls
from bench.models.weights_digest import parameters_digest
from bench.system.errors import UserError

SEED = 3


def controlled(llm, name: str, options: dict, control: str):
    """The model of a control as runs build it; its language model, random where that is the control."""
    settings = [f"seed={SEED}", f"model.architecture={name}", f"model.control={control}"]
    settings += [f"model.options.{option}={str(value).lower()}" for option, value in options.items()]
    if control == "random_language_model":
        llm = controls.random_language_model(llm, SEED)
    return build.build_model(load("smoke", settings), llm, CHANNELS, SIDE), llm


def declared(control: str, frozen: bool = False):
    """Every variant of the architectures that the control has a meaning for; on request, of language-frozen ones."""
    return pytest.mark.parametrize(
        ("name", "options"),
        variants(lambda one, options: control in one.controls and (one.language_frozen(options) or not frozen)),
    )


def named(model, trained: bool) -> dict[str, torch.Tensor]:
    return {name: weight for name, weight in model.named_parameters() if weight.requires_grad == trained}


def moved(model):
    """The model, with everything that is trained somewhere else."""
    torch.manual_seed(1)
    with torch.no_grad():
        for weight in named(model, trained=True).values():
            weight.add_(0.1 * torch.randn_like(weight))
    return model


def test_the_random_language_model_is_a_function_of_the_seed(llm):
    """Other weights at the same shapes and scales; the real one stays as it is."""
    before = parameters_digest(llm.named_parameters())
    one, again, other = (controls.random_language_model(llm, seed) for seed in (0, 0, 1))
    digests = [parameters_digest(drawn.named_parameters()) for drawn in (llm, one, again, other)]
    assert digests[0] == before and digests[1] == digests[2] and len(set(digests)) == 3
    for real, drawn in zip(llm.parameters(), one.parameters(), strict=True):
        if real.ndim > 1:
            assert (real != drawn).float().mean() > 0.99
            assert drawn.std().item() == pytest.approx(real.std().item(), rel=0.2)
            assert drawn.mean().item() == pytest.approx(real.mean().item(), abs=0.2 * real.std().item())


def test_tied_weights_stay_tied(llm):
    tied = copy.deepcopy(llm)
    tied.lm_head.weight = tied.model.embed_tokens.weight
    drawn = controls.random_language_model(tied, 0)
    assert drawn.lm_head.weight is drawn.model.embed_tokens.weight


def test_two_processes_draw_the_same(llm):
    program = (
        "from tiny_fusion import tiny_language_model as made; from bench.models import controls, weights_digest as w\n"
        "print(w.parameters_digest(controls.random_language_model(made(), 5).named_parameters()))"
    )
    told = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True,
                          env={"PYTHONPATH": ":".join(sys.path)})  # fmt: skip
    assert told.stdout.strip() == parameters_digest(controls.random_language_model(llm, 5).named_parameters())


@pytest.mark.parametrize("items", [[text(0, [7, 1, 4]), image(1)], [image(1), text(0, None)]], ids=["draw", "tell"])
def test_on_a_random_language_model_all_start_as_one_function(llm, items):
    """Invariant 1, and so one random language model for all architectures: and none of them the real one's function."""
    outputs = []
    for name, options in (case.values for case in variants(lambda one, _: "random_language_model" in one.controls)):
        for control in ("random_language_model", "none"):
            states, _ = controlled(llm, name, options, control)[0](items)
            outputs.append(torch.cat(valid_states(states, items)))
    for drawn in outputs[::2]:
        assert (outputs[0] - drawn).norm() <= 1e-6 * outputs[0].norm()
        assert (outputs[1] - drawn).norm() > 0.1 * outputs[1].norm()


@pytest.mark.parametrize("control", ["random_language_model", "random_copy"])
@pytest.mark.parametrize(("name", "options"), variants(lambda one, options: one.language_frozen(options)))
def test_language_is_untouched(llm, name, options, control):
    """Invariant 2: text without an image is the language model's, which may be the random one, whatever is trained."""
    model, own = controlled(llm, name, options, control)
    ids = text(5, None).ids
    assert torch.equal(own(ids).logits, llm(ids).logits) == (control == "random_copy")
    for speaker in (model, moved(model)):
        assert torch.equal(speaker.language_logits(ids), own(ids).logits)


@pytest.mark.parametrize(
    ("name", "options", "control"),
    [(*case.values, control) for case in variants() for control in architectures.catalogue()[case.values[0]].controls],
)
def test_frozen_weights_stay_and_trained_ones_move(llm, name, options, control):
    """Invariant 3, over optimizer steps on both tasks."""
    model, _ = controlled(llm, name, options, control)
    frozen, before = parameters_digest(named(model, trained=False).items()), copy.deepcopy(model)
    train_on_both_tasks(model, [text(0, [7, 1, 4]), image(1)], [image(1), text(0, None)])
    assert parameters_digest(named(model, trained=False).items()) == frozen
    start = named(before, trained=True)
    assert not [name for name, weight in named(model, trained=True).items() if torch.equal(weight, start[name])]


@declared("random_copy")
def test_of_a_random_copy_the_frozen_part_is_the_real_one(llm, name, options):
    """What is a copy of the language model is another; what is none, a gate or a projection, is as ever."""
    real, drawn = (controlled(llm, name, options, control)[0] for control in ("none", "random_copy"))
    assert parameters_digest(named(real, False).items()) == parameters_digest(named(drawn, False).items())
    start, other = named(real, trained=True), named(drawn, trained=True)
    assert start.keys() == other.keys()
    originals = [(weight.shape, weight) for weight in llm.parameters()]
    for key, weight in start.items():
        varied = weight.numel() > 1 and weight.std() > 0  # norms are all ones before training, and so at random
        copied = varied and any(shape == weight.shape and weight.equal(one) for shape, one in originals)
        assert copied != torch.equal(weight, other[key]), key


@declared("capacity_only")
def test_capacity_alone_has_no_frozen_block(llm, name, options):
    """As many trained weights, at the same start, and no decoder block that is frozen; a shared part of one may be."""
    real, alone = (controlled(llm, name, options, control)[0] for control in ("none", "capacity_only"))
    blocks = [module for module in alone.blocks.modules() if isinstance(module, DecoderBlock)]
    assert len(blocks) == alone.depth == real.depth
    assert all(any(weight.requires_grad for weight in block.parameters()) for block in blocks)
    starts = [sorted(parameters_digest([("", weight)]) for weight in named(model, trained=True).values())
              for model in (real, alone)]  # fmt: skip
    assert starts[0] == starts[1]
    outside = [{key: weight for key, weight in named(model, trained=False).items() if not key.startswith("blocks.")}
               for model in (real, alone)]  # fmt: skip
    assert outside[0].keys() == {"embed_tokens.weight", "norm.weight", "lm_head.weight"}
    assert parameters_digest(outside[0].items()) == parameters_digest(outside[1].items())


@declared("capacity_only")
def test_capacity_alone_transforms_text_by_trained_weights(llm, name, options):
    """Where it is the copy that is left, its function at step 0 is the language model's; training moves it."""
    model, _ = controlled(llm, name, options, "capacity_only")
    ids = text(5, None).ids
    start = model.language_logits(ids)
    assert torch.equal(start, llm(ids).logits) == isinstance(model.blocks[0], OneBlock)
    if isinstance(model.blocks[0], OneBlock):  # nothing but the copy is left: the single tower
        items, single = [text(0, [7, 1, 4]), image(1)], controlled(llm, "single_tower", {}, "none")[0]
        assert all(map(torch.equal, model(items)[0], single(items)[0]))
    assert not torch.allclose(moved(model).language_logits(ids), start)


@declared("capacity_only")
def test_a_kept_prefix_is_the_full_pass(llm, name, options):
    model = moved(controlled(llm, name, options, "capacity_only")[0])
    prompt, picture = text(0, [7, 1, 4]), image(1)
    with torch.inference_mode():
        (_, expected), _ = model([prompt, picture])
        _, past = model([prompt], Past.empty(("text", "image"), len(model.blocks)))
        (found,), _ = model([picture], past)
    assert (found - expected).norm() <= 1e-6 * expected.norm()


def test_what_an_architecture_says_of_itself_is_true():
    """Without a frozen block there is none to go without, and the method is there where it says so."""
    assert set(controls.CONTROLS) == set(CONTROLS) == set(get_args(get_type_hints(ModelConfig)["control"])) - {"none"}
    for name, one in architectures.catalogue().items():
        defined = architectures.get(name).trained_alone is not FusionBlock.trained_alone
        assert defined == ("capacity_only" in one.controls), name
        for control in set(CONTROLS) - set(one.controls):
            with pytest.raises(NoMeaning, match=f"model.control: {control} has no meaning for {name} "):
                load("smoke", [f"model.architecture={name}", f"model.control={control}"])
    assert architectures.catalogue()["single_tower"].controls == ("random_language_model",)


def test_a_random_copy_of_what_copies_nothing_is_refused(llm, monkeypatch):
    """An architecture that did not say so is found out before anything is trained."""

    class Bias(OneBlock):
        def __init__(self, layer):
            super().__init__(layer.requires_grad_(False))
            self.bias = torch.nn.Parameter(torch.zeros(4))

    monkeypatch.setattr(architectures, "get", lambda name: Bias)
    with pytest.raises(UserError, match="random_copy has no meaning for dual_tower: nothing that it trains is a copy"):
        controlled(llm, "dual_tower", {}, "random_copy")
