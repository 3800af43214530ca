"""The Lightning module and the training loop: the joint loss, its optimizer, and resuming as if nothing had been."""

from __future__ import annotations

import json
import signal

import batches
import pytest
import torch
from deaths import Killed, killed_in_steps
from experiments import small_config
from lightning.pytorch.strategies import DDPStrategy
from torch.nn import functional as F

import architectures
from architectures.sequence import Image, Text
from bench.config.schema import Config
from bench.experiment import execute
from bench.models.weights_digest import parameters_digest
from bench.runs.identity import eval_id, run_folder
from bench.training.loop import train
from bench.training.module import NonFiniteLoss

every = pytest.mark.parametrize("name", sorted(architectures.catalogue()))
precisions = pytest.mark.parametrize("precision", ["float32", "bfloat16"])


def prepared(tmp_path, name: str, *overrides: str) -> execute.Experiment:
    return execute.prepare(small_config(tmp_path, f"model.architecture={name}", *overrides))


@every
@pytest.mark.parametrize("cap", ["0", "0.5"])
@pytest.mark.parametrize("denoise", ["false", "true"])
def test_joint_loss(tmp_path, name, cap, denoise):
    """L = text_weight L_AR + image_weight L_DM, pair by pair and token by token."""
    overrides = [f"train.i2t_noise={cap}", f"train.denoise_noisy_i2t={denoise}", "train.text_weight=0.3"]
    parts = prepared(tmp_path, name, *overrides)
    model, step = parts.module.model, parts.mixture[3]
    squares, nats = [], []
    with torch.no_grad():
        for task in ("t2i", "i2t"):
            rows = [*batches.image(step, task)[:3], *batches.text(step, task)[:2]]
            for latents, noise, sigma, ids, length in zip(*rows, strict=True):
                image = Image(((1 - sigma) * latents + sigma * noise)[None], sigma[None])
                caption = Text(ids[None, :length])
                if task == "t2i":
                    (_, states), _ = model([caption, image])
                else:
                    (states, told), _ = model([image, caption])
                    nats += (-F.log_softmax(model.logits(told)[0, :-1], -1)[range(length - 1), ids[1:length]]).tolist()
                if task == "t2i" or (denoise == "true" and float(cap) > 0):
                    squares += (model.velocity(states)[0] - (noise - latents)).square().flatten().tolist()
        terms = parts.module.terms(step)
        losses = parts.module.total(terms)
    assert (terms["text"].count, terms["image"].count) == (len(nats), len(squares))
    text, image = torch.tensor(nats).mean(), torch.tensor(squares).mean()
    assert losses.keys() == {"loss", "loss_text", "loss_image"}
    torch.testing.assert_close(losses["loss_text"], text, rtol=1e-4, atol=1e-5)
    torch.testing.assert_close(losses["loss_image"], image, rtol=1e-4, atol=1e-5)
    torch.testing.assert_close(losses["loss"], 0.3 * text + image, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize(("fraction", "missing"), [("0", "t2i"), ("1", "i2t")])
def test_one_task_alone(tmp_path, fraction, missing):
    parts = prepared(tmp_path, "dual_tower", f"train.t2i_fraction={fraction}")
    step = parts.mixture[0]
    assert batches.batch_of(step, missing) is None and len(step.batches) == 1
    losses = parts.module.total(parts.module.terms(step))
    losses["loss"].backward()
    assert losses["loss_image" if missing == "t2i" else "loss_text"] == 0


def test_gate_learns_at_its_own_rate(tmp_path):
    parts = prepared(tmp_path, "gated_layer", "model.options.gate_lr_scale=100", "train.lr=1e-4")
    optimizer = parts.module.configure_optimizers()["optimizer"]
    gates = {id(block.gate) for block in parts.module.model.blocks}
    for group in optimizer.param_groups:
        held = {id(p) for p in group["params"]}
        assert held <= gates or not held & gates
        assert group["initial_lr"] == pytest.approx(1e-2 if held <= gates else 1e-4)
        assert group["weight_decay"] == 0 or all(p.ndim > 1 for p in group["params"])


@pytest.mark.parametrize(("schedule", "last"), [("constant", 1.0), ("linear", 0.25)])
def test_learning_rate(tmp_path, schedule, last):
    parts = prepared(tmp_path, "dual_tower", f"train.lr_schedule={schedule}")
    rates = [parts.module._rate(step) for step in range(6)]  # 6 steps, 2 of them warm-up
    assert rates[0] == pytest.approx(1 / 3) and rates[2] == 1.0 and rates[5] == pytest.approx(last)


@precisions
@pytest.mark.parametrize("clip", [0.01, 0])
def test_gradients_are_clipped(tmp_path, monkeypatch, precision, clip):
    """Their norm is ``grad_clip`` after every step of a model that is far from its goal, and 0 does not clip."""
    parts = prepared(tmp_path, "dual_tower", f"train.grad_clip={clip}", f"train.precision={precision}")
    parts.folder.checkpoints.mkdir(parents=True)
    norms = []

    def stepping(module, *args, normal=execute.FusionModule.optimizer_step, **kwargs):
        normal(module, *args, **kwargs)
        norms.append(torch.nn.utils.get_total_norm(p.grad for p in module.parameters() if p.grad is not None))

    monkeypatch.setattr(execute.FusionModule, "optimizer_step", stepping)
    train(parts.config, parts.module, parts.mixture, parts.folder, lambda *_: None)
    assert len(norms) == parts.config.train.steps
    assert all(norm == pytest.approx(clip, rel=1e-3) if clip else norm > 0.1 for norm in norms)


def rows(config: Config) -> list[dict]:
    return [{k: v for k, v in row.items() if k != "seconds"} for row in run_folder(config).read_metrics()]


@every
@precisions
def test_interrupted_is_uninterrupted(tmp_path, monkeypatch, name, precision):
    """Killed between two checkpoints and run again: the same weights, averages, metrics and files, bit for bit."""
    settings = [f"model.architecture={name}", "train.i2t_noise=0.5", f"train.precision={precision}"]
    whole, broken = (small_config(tmp_path / where, *settings) for where in ("whole", "broken"))
    expected = execute.run(whole)
    taken = killed_in_steps(monkeypatch, 4)
    with pytest.raises(Killed):
        execute.run(broken)
    found = execute.run(broken)
    assert taken == [0, 1, 2, 3, 2, 3, 4, 5]

    assert found["metrics"] == expected["metrics"]
    assert rows(broken) == rows(whole)
    states = [
        torch.load(run_folder(config).checkpoint(6), weights_only=True)
        for config in (whole, broken)
    ]
    for part in ("state_dict", "average"):
        torch.testing.assert_close(states[1][part], states[0][part], rtol=0, atol=0)
    files = [run_folder(c).result_folder(eval_id(c), 6) for c in (whole, broken)]
    for file in sorted(path.relative_to(files[0]) for path in files[0].rglob("*") if path.is_file()):
        if file.name != "result.json":
            assert (files[0] / file).read_bytes() == (files[1] / file).read_bytes(), file


def test_a_finished_run_is_not_done_again_and_another_evaluation_reuses_its_training(tmp_path, monkeypatch):
    config = small_config(tmp_path)
    first = execute.run(config)
    monkeypatch.setattr(execute.FusionModule, "training_step", lambda *_: pytest.fail("trained again"))
    assert execute.run(config) == first  # the seconds that it took, too
    other = small_config(tmp_path, "eval.guidance_scale=3")
    result = execute.run(other)
    assert result["eval_id"] != eval_id(config) and result["run_id"] == run_folder(config).run_id
    assert result["cost"]["train_seconds"] > 0


def test_evaluations_along_a_finished_training_are_made_up_for(tmp_path):
    """It is trained again as far as need be; what had landed stays, and the numbers are those of one that had them.

    So evaluations along training change nothing: what had landed is of a training without them.
    """
    plain, followed = small_config(tmp_path / "a"), small_config(tmp_path / "a", "eval.every=2")
    at_once = small_config(tmp_path / "b", "eval.every=2")
    execute.run(plain)
    folder, last = run_folder(plain), run_folder(plain).result_folder(eval_id(plain), 6) / "result.json"
    before = last.read_bytes()
    assert folder.status(eval_id(plain), 6) == "done" != folder.status(eval_id(plain), 2, 4, 6)
    assert execute.run(followed)["step"] == 6 and last.read_bytes() == before
    assert folder.status(eval_id(plain), 2, 4, 6) == "done" and folder.checkpoint(6).exists()
    execute.run(at_once)
    for step in (2, 4, 6):
        one, two = (run_folder(c).result(eval_id(c), step) for c in (followed, at_once))
        assert one["metrics"] == two["metrics"] and one["seen"] == two["seen"]
        assert one["cost"]["train_flops"] * 6 == step * json.loads(before)["cost"]["train_flops"]
    early, late = (folder.result(eval_id(plain), step)["metrics"] for step in (2, 6))
    assert early != late


@pytest.mark.parametrize("fraction", [1, 0.6667, 0])
def test_what_training_has_seen_is_counted(tmp_path, monkeypatch, fraction):
    """In metrics.jsonl and in the result, over an interruption too: against the samples themselves."""
    asked = [f"train.t2i_fraction={fraction}", "train.i2t_noise=0.5", "model.image_delimiters=true"]
    config, parts = small_config(tmp_path, *asked), prepared(tmp_path, "dual_tower", *asked)
    killed_in_steps(monkeypatch, 4)
    with pytest.raises(Killed):
        execute.run(config)
    seen = execute.run(config)["seen"]
    steps = [parts.mixture[step] for step in range(6)]
    image_tokens = parts.mixture.split.latents[0, 0].size + 2
    for task in ("t2i", "i2t"):
        rows = [batches.text(step, task) for step in steps if batches.batch_of(step, task)]
        assert seen[f"{task}_pairs"] == sum(len(captions.ids) for captions in rows)
        padded = sum(captions.ids.numel() for captions in rows)
        tokens = sum(int(length) + image_tokens for captions in rows for length in captions.lengths)
        assert seen[f"{task}_tokens"] == tokens <= padded + image_tokens * seen[f"{task}_pairs"]
    assert seen["t2i_pairs"] + seen["i2t_pairs"] == 6 * config.train.batch_size
    described = [batches.image(step, "i2t") for step in steps if batches.batch_of(step, "i2t")]
    noises = [level for images in described for level in images.sigma.tolist()]
    assert seen.get("i2t_mean_noise", 0.0) == pytest.approx(sum(noises) / max(1, len(noises)), rel=1e-12)
    assert "t2i_mean_noise" not in seen  # its image conditions nothing
    assert run_folder(config).read_metrics()[-1].items() >= seen.items()


def test_a_non_finite_loss_stops_the_run(tmp_path, monkeypatch):
    """The message names the step and the last good checkpoint; the run is marked failed."""
    config = small_config(tmp_path)
    normal = execute.FusionModule.total

    def exploding(module, *terms):
        losses = normal(module, *terms)
        exploded = losses | {"loss": losses["loss"] * float("nan")}
        return exploded if module.global_step == 3 else losses

    monkeypatch.setattr(execute.FusionModule, "total", exploding)
    with pytest.raises(NonFiniteLoss, match=r"nan at step 4; last good checkpoint: .*step-00000002\.ckpt"):
        execute.run(config)
    folder = run_folder(config)
    assert folder.status(eval_id(config), 6) == "failed"
    assert "NonFiniteLoss" in folder.error_file.read_text(encoding="utf-8")


def test_result_is_complete(tmp_path):
    """Every number says how many, which way, in what unit and whose weights."""
    config = small_config(tmp_path)
    execute.run(config)
    folder = run_folder(config).result_folder(eval_id(config), 6)
    result = json.loads((folder / "result.json").read_text(encoding="utf-8"))
    for name in ("fid", "kid", "clip_score", "cider", "image_attributes", "caption_attributes", "exam"):
        score = result["metrics"][name]
        assert score["n"] > 0 and score["unit"] and score["direction"] in ("lower", "higher")
        if name in ("fid", "kid", "clip_score", "image_attributes"):
            assert score["weights"].startswith("embedded:")
        assert score["title"] and score["meaning"] and score["headline"] is True is score["table"]
    of_task = {name: result["metrics"][name]["task"] for name in ("fid", "clip_score", "cider", "exam", "perplexity")}
    assert of_task == {"fid": "t2i", "clip_score": "t2i", "cider": "i2t", "exam": None, "perplexity": None}
    for name in ("exam", "perplexity"):  # the dual tower keeps its language
        assert result["metrics"][name]["value"] == result["metrics"][name]["before"] > 0
    assert result["metrics"]["fid"]["before"] is None
    assert result["tasks"] == {
        "t2i": {"title": "text-to-image", "noun": "images", "layout": ["text", "image"], "output": "image"}
        | {"share": 2, "samples": 8},
        "i2t": {"title": "image-to-text", "noun": "captions", "layout": ["image", "text"], "output": "text"}
        | {"share": 1, "samples": 8},
    }
    values = {name: axis["value"] for name, axis in result["axes"].items()}
    assert values == {
        "i2t_noise": 0.0, "denoise_noisy_i2t": False, "caption_dropout": 0.1,
        "t2i_fraction": 0.6667, "i2t_fraction": 0.3333,
    }  # fmt: skip
    assert all(axis["key"] == f"train.{name}" for name, axis in result["axes"].items())
    for where in ("samples", "real"):
        assert sorted(path.name for path in (folder / "t2i" / where).iterdir()) == [f"{i:05d}.png" for i in range(8)]
    prompts, captions = (
        [json.loads(line) for line in (folder / name).read_text(encoding="utf-8").splitlines()]
        for name in ("t2i/prompts.jsonl", "i2t/captions.jsonl")
    )
    assert [list(row) for row in prompts] == [["id", "sample", "prompt"]] * 8
    assert [row["sample"] for row in prompts] == [f"{i:05d}.png" for i in range(8)]
    assert [list(row) for row in captions] == [["id", "caption", "references"]] * 8
    assert [row["id"] for row in prompts] == [row["id"] for row in captions]
    items = json.loads((folder / "per_item.json").read_text(encoding="utf-8"))
    assert {"clip_score", "cider", "image_attributes", "caption_attributes"} <= items.keys()


def test_ctrl_c_is_passed_on(tmp_path, monkeypatch):
    """Lightning would end the process; the caller says that the same command resumes."""
    parts = prepared(tmp_path, "dual_tower")
    parts.folder.checkpoints.mkdir(parents=True)

    def interrupted(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr(parts.module, "training_step", interrupted)
    handler = signal.getsignal(signal.SIGINT)
    try:
        with pytest.raises(KeyboardInterrupt):
            train(parts.config, parts.module, parts.mixture, parts.folder, lambda *_: None)
    finally:
        signal.signal(signal.SIGINT, handler)


@pytest.mark.parametrize("strategy", ["auto", "ddp"])
def test_the_strategy_is_the_one_asked_for(tmp_path, strategy):
    """Also of one device, where it changes no number; several are data parallel anyway (`test_data_parallel.py`)."""
    seen, weights = [], []
    for place, settings in (("asked", [f"runtime.strategy={strategy}", "eval.every=4"]), ("plain", [])):
        parts = prepared(tmp_path / place, "dual_tower", "runtime.accelerator=cpu", *settings)
        parts.folder.checkpoints.mkdir(parents=True)
        train(parts.config, parts.module, parts.mixture, parts.folder, lambda m, _: seen.append(m.trainer.strategy))
        weights.append(parameters_digest(parts.module.named_parameters()))
    assert [isinstance(each, DDPStrategy) for each in seen] == [strategy == "ddp"]
    assert weights[0] == weights[1]
