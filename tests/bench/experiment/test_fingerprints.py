"""Fingerprints: nothing is listed by hand, calls agree to the last digit, and slips are seen where they happen."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from project_copies import EXAMPLES, copied, python

from architectures.patches import Patches
from bench.config.schema import Config, ModelConfig, TrainConfig
from bench.data.mixing import Mixture
from bench.evaluation import scorers
from bench.experiment.fingerprints import collect, model, request
from bench.experiment.fingerprints.values import Values, sketch
from bench.experiment.fingerprints.variations import PLAIN, SHARED, VARIATIONS
from bench.models import sampling
from bench.system.plugins import plugins
from bench.training.ema import MovingAverage
from bench.training.losses.text import TextLoss
from bench.training.module import FusionModule
from reports.regression.fingerprints import baseline
from reports.regression.fingerprints.comparing import compare

ARCHITECTURE = "dual_tower"


def losses(folder: Path) -> dict[str, Any]:
    """Losses and gradients of one architecture."""
    experiment = model.moved(request.config_of(folder, f"model.architecture={ARCHITECTURE}"))
    values = Values()
    model.losses(values, experiment.module, experiment.mixture[0], split=False)
    return values.found


def test_a_sketch_sees_each_element_and_their_order():
    tensor = torch.linspace(-1, 1, 60).view(3, 4, 5)
    first = sketch(tensor)
    assert first == sketch(tensor.numpy()) and first[0] == pytest.approx(tensor.square().mean().sqrt().item())
    for place in range(60):
        moved = tensor.flatten().clone()
        moved[place] += 1e-3
        assert max(abs(np.array(sketch(moved)) - first)) > 1e-6
    assert max(abs(np.array(sketch(tensor.flip(0))) - first)) > 1e-2


def test_everything_in_the_registries_takes_part(tmp_path):
    config = request.config_of(tmp_path)
    assert set(config.train.tasks) == set(plugins("task"))
    assert len(set(config.train.tasks.values())) == len(config.train.tasks)
    assert {name for name, _ in request.data_choices()} == set(plugins("data set"))
    assert {*config.train.losses, "text", "image"} == set(plugins("loss"))


def test_every_other_value_of_a_setting_with_a_few_is_tried(tmp_path):
    config = request.config_of(tmp_path, "model.architecture=gated_layer")
    asked = list(request.choices(config))
    assert "model.image_attention=causal" in asked and "train.denoise_noisy_i2t=true" in asked
    assert "model.options.text_only_bypass=false" in asked and "model.options.gate_scope=global" in asked
    assert all(request.config_of(tmp_path, "model.architecture=gated_layer", override) != config for override in asked)


def test_no_number_of_a_training_has_its_default(tmp_path):
    """A setting that is not read would not be seen otherwise."""
    config = request.config_of(tmp_path)
    given = config.train
    for name in ("lr", "warmup_steps", "lr_schedule", "betas", "weight_decay", "grad_clip", "text_weight",
                 "image_weight", "ema_decay", "i2t_noise", "caption_dropout"):  # fmt: skip
        assert getattr(given, name) != getattr(TrainConfig(), name), name
    assert config.seed != Config().seed and isinstance(config.model, ModelConfig)


def test_calls_agree_to_the_last_digit_and_a_slip_in_a_loss_shows_there(tmp_path, monkeypatch):
    first = losses(tmp_path)
    assert losses(tmp_path) == first
    measure = TextLoss.measure
    monkeypatch.setattr(TextLoss, "measure", lambda *given: replace(mean := measure(*given), sum=1.001 * mean.sum))
    found = losses(tmp_path)
    changed = [name for name in first if found[name] != first[name]]
    assert changed[0] == "loss: text of i2t" and "loss: whole" in changed and "loss: image of t2i" not in changed


@pytest.mark.slow
def test_what_is_dropped_in_is_fingerprinted_without_being_listed(tmp_path):
    files = {path: text for path, text in EXAMPLES.items() if path.startswith(("architectures", "bench"))}
    project = copied(tmp_path, files)
    python(project, "-m", "bench", "fingerprint", "--into", "found.json")
    found = json.loads((project / "found.json").read_text(encoding="utf-8"))["scopes"]
    assert "image_bias" in found
    for scope, name in (
        (SHARED, "data: data set stripes, train, tokens"),
        (SHARED, "scores: data set scenes, t2i, brightness, value"),
        (SHARED, "scores: data set stripes, upscale, fid, value"),
        ("image_bias", "FLOPs: upscale"),
        ("image_bias", "loss: mean_latent of upscale"),
        ("image_bias", "loss: image of upscale"),
        ("image_bias", "training: loss_mean_latent"),
        ("image_bias", "training: update of heads.mean_latent.weight"),
        ("image_bias", "choices: model.options.scale=2.0, losses"),
        ("image_bias", "choices: train.losses.mean_latent.layer=2, losses"),
        ("image_bias", "sampling: upscale, image 1"),
        ("image_bias", "published: upscale_brightness, value"),
    ):
        assert name in found[scope], name


def collected(plant: Callable[[], None] = lambda: None, variation: str = PLAIN) -> baseline.Fingerprints:
    """Fingerprints of one architecture, by a process of their own in which something is planted."""
    reading, writing = os.pipe()
    pid = os.fork()
    if not pid:
        os.close(reading)
        plant()
        found = collect.collect(VARIATIONS[variation], [ARCHITECTURE])
        with os.fdopen(writing, "w", encoding="utf-8") as file:
            json.dump(found, file)
        os._exit(0)
    os.close(writing)
    with os.fdopen(reading, encoding="utf-8") as file:
        text = file.read()
    assert os.waitpid(pid, 0)[1] == 0
    content = json.loads(text)
    del content["schema"]
    return baseline.Fingerprints(**content)


@pytest.fixture(scope="module")
def known() -> baseline.Baseline:
    """What the code gives here, with the committed tolerances."""
    committed = baseline.read(baseline.PATH)
    assert committed
    scopes = collected().scopes
    return replace(committed, scopes={scope: {name: value for name, value in found.items()
                                              if name in committed.tolerances[scope]}
                                      for scope, found in scopes.items()})  # fmt: skip


def always_first_caption() -> None:
    captions = Mixture._captions
    Mixture._captions = lambda self, indices, choice: captions(self, indices, 0 * choice)  # type: ignore[method-assign]


def slower_average() -> None:
    update = MovingAverage.update

    def late(self: MovingAverage) -> None:
        self.updates += 1  # counts one too many at first
        update(self)
        self.updates -= 1

    MovingAverage.update = late  # type: ignore[method-assign]


def no_clipping() -> None:
    FusionModule.configure_gradient_clipping = lambda *given, **named: None  # type: ignore[method-assign, assignment]


def stronger_guidance() -> None:
    guided = sampling.guided_latents
    sampling.guided_latents = lambda *given: guided(*given[:4], 1.001 * given[4], *given[5:])  # type: ignore[assignment]


def references_of_themselves() -> None:
    features = scorers.reference_features
    scorers.reference_features = lambda assets, config, asked, task=None: features(assets, config, 10**6, task)


def later_noise_levels() -> None:
    forward = Patches.forward
    Patches.forward = lambda self, latents, sigma: forward(self, latents, 1.001 * sigma)  # type: ignore[method-assign]


def decaying_norms() -> None:
    configure = FusionModule.configure_optimizers

    def decaying(self: FusionModule) -> Any:
        made = configure(self)
        for group in made["optimizer"].param_groups:  # type: ignore[index, call-overload, typeddict-item]
            group["weight_decay"] = self.train_config.weight_decay
        return made

    FusionModule.configure_optimizers = decaying  # type: ignore[method-assign]




@pytest.mark.slow
@pytest.mark.parametrize(
    ("slip", "scope", "first"),
    [
        (always_first_caption, SHARED, "data: data set coco, step 1, t2i, segment 1, ids"),
        (slower_average, SHARED, "schedules: moving average"),
        (references_of_themselves, SHARED, "scores: data set coco, t2i, fid, value"),
        (decaying_norms, ARCHITECTURE, "weights: "),
        (later_noise_levels, ARCHITECTURE, "states: t2i, image 2, layer 0"),
        (no_clipping, ARCHITECTURE, "training: clipped gradient norms"),
        (stronger_guidance, ARCHITECTURE, "sampling: latents, euler, guidance 3"),
    ],
    ids=lambda value: getattr(value, "__name__", None),
)
def test_a_slip_is_seen_where_it_happens(known, slip, scope, first):
    drifted = compare(collected(slip), known).drifted
    assert drifted and (drifted[0].scope, drifted[0].name[: len(first)]) == (scope, first)


@pytest.mark.slow
def test_a_harmless_variation_is_no_alarm(known):
    again = compare(collected(), known)
    assert all(row.old == row.new for row in again.rows)
    assert compare(collected(variation="split batch"), known).passed
