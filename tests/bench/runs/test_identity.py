"""A run is named by what it computes: what can change a number changes the name, and nothing else does."""

from __future__ import annotations

import shutil
from dataclasses import fields, is_dataclass

import pytest
from experiments import leave_weights, weights_in

from bench.config.load import load
from bench.config.schema import Config
from bench.runs import identity
from bench.runs.identity import eval_id, run_folder, run_id, train_id
from bench.system.plugins import plugins
from bench.training.losses.base import Loss


@pytest.fixture
def weights(tmp_path):
    """Overrides that name four folders of stand-in weights, and a precision that every machine has."""
    leave_weights(tmp_path)
    return [*weights_in(tmp_path), "train.precision=float32"]


TRAINING = [
    "seed=1", "data.objects=2", "data.train_size=300", "data.test_size=300", "model.architecture=gated_layer",
    "model.patch_size=2", "model.image_positions=shared", "model.image_delimiters=true", "model.image_attention=causal",
    "model.time_conditioning=none", "train.steps=13", "train.batch_size=9", "train.lr=3e-3", "train.warmup_steps=5",
    "train.betas=[0.9,0.99]", "train.weight_decay=0.1", "train.grad_clip=2", "train.text_weight=0.5",
    "train.image_weight=2", "train.t2i_fraction=0.5", "train.i2t_fraction=0.5", "train.tasks.t2i=5",
    "train.i2t_noise=0.5", "train.denoise_noisy_i2t=true",
    "train.timestep_distribution=uniform", "train.caption_dropout=0.2", "train.ema_decay=0.5",
    "train.precision=bfloat16", "train.lr_schedule=constant", "runtime.threads=2",
    "runtime.compile=true", "runtime.devices=2",
]  # fmt: skip
EVALUATION = [
    "eval.split=validation", "eval.num_images=31", "eval.num_captions=31", "eval.guidance_scale=3", "eval.sampler=heun",
    "eval.sampler_steps=5", "eval.batch_size=16", "eval.max_caption_tokens=9", "eval.seed=1",
]  # fmt: skip
NEITHER = [
    "data.max_broken=3", "eval.every=4", "runtime.runs=elsewhere", "runtime.cache=elsewhere", "runtime.accelerator=cpu",
    "runtime.strategy=ddp", "runtime.workers=2", "runtime.checkpoint_every=5", "runtime.lease=5",
    "runtime.progress=false", "runtime.keep_checkpoints=3", "runtime.loggers=[csv]",
]  # fmt: skip


@pytest.mark.parametrize("override", TRAINING)
def test_what_changes_training_changes_train_id(weights, override):
    assert train_id(load("smoke", weights)) != train_id(load("smoke", [*weights, override]))


@pytest.mark.parametrize("override", EVALUATION)
def test_what_changes_the_scoring_changes_eval_id_alone(weights, override):
    plain, other = load("smoke", weights), load("smoke", [*weights, override])
    assert eval_id(plain) != eval_id(other)
    assert train_id(plain) == train_id(other)


@pytest.mark.parametrize("override", NEITHER)
def test_what_changes_no_number_changes_no_name(weights, override):
    plain, other = load("smoke", weights), load("smoke", [*weights, override])
    assert (train_id(plain), eval_id(plain)) == (train_id(other), eval_id(other))


@pytest.mark.parametrize(
    ("asked", "trained", "scored"),
    [
        (["train.t2i_fraction=0.6667"], "16a48421ad", "a754e1b3e4"),  # the presets' of then
        (
            ["train.t2i_fraction=0.5", "train.i2t_noise=0.25", "model.architecture=gated_layer"],
            "0a1185ff01",
            "a754e1b3e4",
        ),
        (["train.t2i_fraction=1", "data.objects=2"], "bdb6c214ff", "8f8885a080"),
    ],
)
def test_runs_of_format_1_keep_their_names(weights, asked, trained, scored):
    """As they were before tasks, losses and data sets had files of their own. (A changed preset may change them.)"""
    config = load("smoke", [*weights, "runtime.matmul_backend=blas", *asked])
    assert (train_id(config), eval_id(config)) == (trained, scored)


def test_shares_count_however_they_are_said(weights):
    one, other = "train.t2i_fraction=0.6667", "train.i2t_fraction=0.3333"
    shares = ["train.tasks={t2i: 6667, i2t: 3333}"], ["train.tasks={i2t: 6666, t2i: 13334}"]
    assert len({train_id(load("smoke", [*weights, *said])) for said in (*shares, [one], [other], [one, other])}) == 1
    assert "tasks" not in identity.train_identity(load("smoke", weights))["train"]


def test_a_further_loss_counts_with_its_weight(weights, monkeypatch):
    class Further(Loss):
        name, title = "further", "a further loss"

    monkeypatch.setitem(plugins("loss"), "further", Further)
    settings = [[], ["train.losses.further.weight=1"], ["train.losses.further.weight=2"]]
    assert len({train_id(load("smoke", [*weights, *more])) for more in settings}) == 3
    plain = identity.train_identity(load("smoke", weights))
    assert "losses" not in plain["train"] and "plugins" not in plain
    monkeypatch.setattr(Further, "distribution", "further 1.0")
    first = load("smoke", [*weights, *settings[1]])
    assert identity.train_identity(first)["plugins"] == {"loss further": "further 1.0"}
    before = train_id(first)
    monkeypatch.setattr(Further, "distribution", "further 1.1")
    assert train_id(first) != before


def test_every_setting_stands_in_one_of_the_lists_above(weights):
    def keys(config, prefix=""):
        for item in fields(config):
            value = getattr(config, item.name)
            yield from keys(value, f"{prefix}{item.name}.") if is_dataclass(value) else [f"{prefix}{item.name}"]

    said = {text.partition("=")[0] for text in [*TRAINING, *EVALUATION, *NEITHER, *weights]}
    said = {key if not key.startswith("train.tasks.") else "train.tasks" for key in said}
    others = {"data.name", "data.root", "data.image_size", "model.options"}  # see the tests below
    others |= {"runtime.matmul_backend", "train.losses"}
    assert set(keys(Config())) == said | others


def test_architectures_share_an_evaluation_and_options_make_another_run(weights):
    gated = [*weights, "model.architecture=gated_layer"]
    assert eval_id(load("smoke", weights)) == eval_id(load("smoke", gated))
    assert train_id(load("smoke", gated)) == train_id(load("smoke", [*gated, "model.options.gate_scope=layer"]))
    assert train_id(load("smoke", gated)) != train_id(load("smoke", [*gated, "model.options.gate_scope=global"]))


@pytest.mark.parametrize("kind", ["llm", "vae", "clip", "features"])
def test_moved_weights_keep_the_name_and_changed_ones_do_not(weights, tmp_path, kind):
    key = {"llm": "model.llm", "vae": "model.vae", "clip": "eval.clip", "features": "eval.features"}[kind]
    plain = load("smoke", weights)
    shutil.copytree(tmp_path / kind, tmp_path / "moved")
    moved = load("smoke", [*weights, f"{key}={tmp_path}/moved"])
    assert (train_id(plain), eval_id(plain)) == (train_id(moved), eval_id(moved))
    (tmp_path / "changed").mkdir()
    (tmp_path / "changed" / "model.safetensors").write_text("other numbers", encoding="utf-8")
    changed = load("smoke", [*weights, f"{key}={tmp_path}/changed"])
    assert (train_id(plain), eval_id(plain)) != (train_id(changed), eval_id(changed))
    assert (train_id(plain) == train_id(changed)) == (kind in ("clip", "features"))


def test_pictures_count_by_what_they_hold(weights, monkeypatch):
    monkeypatch.setattr("bench.data.data_digest", lambda data, cache: {"a": "1", "copy": "1", "b": "2"}[data.root])
    identity._data_digest.cache_clear()
    a, copy, b = (load("smoke", [*weights, "data.name=coco", f"data.root={root}"]) for root in ("a", "copy", "b"))
    assert train_id(a) == train_id(copy) != train_id(b)
    assert eval_id(a) == eval_id(copy) != eval_id(b)
    identity._data_digest.cache_clear()


def test_a_run_is_named_by_the_precision_that_auto_means_here(weights, monkeypatch):
    monkeypatch.setattr("bench.config.auto.gpu", lambda: None)
    for flags, precision in (("amx_bf16", "bfloat16"), ("avx2", "float32")):
        monkeypatch.setattr("bench.config.auto.cpu_facts", lambda flags=flags: {"vendor_id": "x", "flags": flags})
        named, auto = (train_id(load("smoke", [*weights, f"train.precision={p}"])) for p in (precision, "auto"))
        assert named == auto


def test_products_count_where_torchs_own_do_not_make_them(weights):
    blas, onednn = (
        load("smoke", [*weights, "train.precision=float32", f"runtime.matmul_backend={products}"])
        for products in ("blas", "onednn")
    )
    assert train_id(blas) != train_id(onednn) and eval_id(blas) != eval_id(onednn)
    assert "products" not in identity.train_identity(blas)  # so that runs before there was a choice keep their names


def test_the_folder_is_named_by_architecture_and_training(weights):
    config = load("smoke", [*weights, "runtime.runs=here"])
    assert run_id(config) == f"dual_tower-{train_id(config)}"
    assert str(run_folder(config).path) == f"here/{run_id(config)}"
    assert len(train_id(config)) == 10 and int(train_id(config), 16) >= 0
