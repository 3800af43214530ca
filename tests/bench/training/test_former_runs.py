"""Runs of format 1, from before tasks and metrics declared themselves: found under their ids, and gone on with."""

from __future__ import annotations

import json
import re
import shutil
from pathlib import Path

import pytest
from experiments import small_config

from bench.commands.train import run as train
from bench.config.load import load
from bench.data.counts import zero_counts
from bench.experiment import execute
from bench.runs.format_1 import seen
from bench.runs.identity import run_folder, run_id
from bench.training.checkpoints import sampler_state

STORED = Path(__file__).parents[2] / "reports" / "format_1"
CHECKPOINTS = json.loads(Path(__file__).with_name("former_checkpoints.json").read_text(encoding="utf-8"))
"""By architecture: names of what a checkpoint of format 1 holds (layers as *), and where its samples stood."""

AS_STORED = [
    "train.steps=4", "train.precision=bfloat16", "eval.num_images=6", "eval.num_captions=6",
    "runtime.matmul_backend=blas", "train.t2i_fraction=0.6667",
]  # fmt: skip


def test_a_finished_run_is_found_and_not_trained_again(tmp_path, monkeypatch, capsys):
    runs = tmp_path / "runs"
    shutil.copytree(STORED, runs)
    monkeypatch.setattr(execute, "prepare", lambda config: pytest.fail("trained again"))
    config = load("smoke", [*AS_STORED, f"runtime.runs={runs}"])
    assert run_folder(config).path in list(runs.iterdir())
    request = type("Request", (), {"request": ["smoke", *AS_STORED, f"runtime.runs={runs}"]})
    assert train("train", request) == 0
    said = capsys.readouterr().out
    assert run_id(config) in said and "fid" in said and "before" in said  # its numbers, by the names of today


@pytest.mark.parametrize("architecture", CHECKPOINTS)
def test_a_checkpoint_holds_what_is_trained_today_and_its_samples_follow(architecture, tmp_path):
    known = CHECKPOINTS[architecture]
    denoise = architecture == "gated_layer"  # as the run was that left it
    config = small_config(
        tmp_path, "train.precision=float32", "train.i2t_noise=0.5", f"train.denoise_noisy_i2t={str(denoise).lower()}",
        f"model.architecture={architecture}", "runtime.matmul_backend=blas", "train.steps=12", "train.batch_size=8",
        "data.train_size=256", "train.warmup_steps=4",
    )  # fmt: skip
    experiment = execute.prepare(config)
    trained = [f"model.{name}" for name in experiment.module.average.trained]
    assert len(trained) == known["tensors"]
    assert sorted({re.sub(r"blocks\.\d+\.", "blocks.*.", name) for name in trained}) == known["names"]
    assert sampler_state(experiment.mixture, 12) == known["sampler"]


def test_counts_go_by_the_names_of_today():
    stored = {"t2i_pairs": 3, "i2t_pairs": 1, "t2i_tokens": 90, "i2t_tokens": 31, "i2t_noise": 0.25}
    assert seen(stored) == {name: stored[name] for name in list(stored)[:-1]} | {"i2t_mean_noise": 0.25}
    assert zero_counts(["t2i", "i2t"]).keys() == stored.keys() - {"i2t_noise"}
    assert seen(seen(stored)) == seen(stored)
