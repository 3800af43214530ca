"""Several processes share each step of a run: the same data, and the loss and gradients of one process."""

from __future__ import annotations

import math
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
import torch
from batches import batch_of
from experiments import SMALLER, shared_cache, small_config
from project_copies import PROJECT, python

import architectures
from bench.config.load import load
from bench.config.schema import Config
from bench.experiment import execute, own_process
from bench.runs.identity import eval_id, run_folder
from bench.system.errors import UserError
from bench.training import checkpoints

every = pytest.mark.parametrize("name", sorted(architectures.catalogue()))
DDP = ["runtime.devices=2", "runtime.strategy=ddp", "runtime.accelerator=cpu", "train.precision=float32"]


class Ranks:
    """Stands in for the trainer of one of several ranks, whose counts add up to ``together``."""

    def __init__(self, world_size: int, together: torch.Tensor) -> None:
        self.world_size, self.together, self.strategy = world_size, together, self

    def reduce(self, counts: torch.Tensor, reduce_op: str) -> torch.Tensor:
        assert reduce_op == "sum" and counts.shape == self.together.shape
        return self.together


@every
@pytest.mark.parametrize(
    ("fraction", "ranks", "denoise"),
    [("0.6667", 2, "true"), ("0.8334", 2, "false"), ("0.1667", 4, "true"), ("0", 3, "false"), ("1", 3, "false")],
)
def test_average_of_the_ranks_is_the_whole(tmp_path, name, fraction, ranks, denoise):
    """Of losses and gradients, also where a rank has no pair of a task, or nobody has."""
    settings = [f"train.t2i_fraction={fraction}", f"train.denoise_noisy_i2t={denoise}", "train.i2t_noise=0.5"]
    parts = execute.prepare(small_config(tmp_path, f"model.architecture={name}", *settings))
    step, module = parts.mixture[0], parts.module
    with torch.no_grad():  # away from the start, where a closed gate hides what is behind it
        for parameter in module.parameters():
            if parameter.requires_grad:
                parameter += 0.02 * torch.randn(parameter.shape, generator=torch.Generator().manual_seed(1))

    shares = [step.share(rank, ranks) for rank in range(ranks)]
    if fraction in ("0.8334", "0.1667"):
        assert {batch_of(part, task) is None for part in shares for task in ("t2i", "i2t")} == {True, False}
    counts = [[mean.count for mean in module.terms(part).values()] for part in shares]
    together = torch.tensor(counts, dtype=torch.float64).sum(0)
    assert together.tolist() == [mean.count for mean in module.terms(step).values()]
    module.trainer = Ranks(ranks, together)

    def worked(step, whole=False):
        module.zero_grad()
        terms = module.terms(step)
        losses = module.total(terms, None if whole else module._shares(terms))
        losses["loss"].backward()
        gradients = {n: p.grad for n, p in module.named_parameters() if p.grad is not None}
        return torch.stack(list(losses.values())).detach(), gradients

    losses, gradients = worked(step, whole=True)
    of_ranks = [worked(part) for part in shares]
    torch.testing.assert_close(sum(part for part, _ in of_ranks) / ranks, losses)
    assert set().union(*(own for _, own in of_ranks)) == set(gradients)
    for parameter, gradient in gradients.items():
        average = sum(own[parameter] for _, own in of_ranks if parameter in own) / ranks
        torch.testing.assert_close(average, gradient, rtol=1e-4, atol=1e-6, msg=parameter)


def apart(one: dict[str, torch.Tensor], two: dict[str, torch.Tensor], start: dict[str, torch.Tensor]) -> list[float]:
    """How far each tensor is from its twin, as a share of the way that it went, ascending."""
    return sorted(((one[n] - two[n]).norm() / (one[n] - start[n]).norm()).item() for n in start)


def compare(tmp_path: Path, *settings: str, share: float = 1.0) -> None:
    """One run by one process and by two: the same losses and files, and ``share`` of the tensors as good as equal.

    At the paper's learning rate: the preset's is so high that rounding shows in a gated layer's losses (7e-5).
    """
    alone = small_config(tmp_path / "alone", *settings, "train.lr=1e-4", "train.precision=float32")
    together = small_config(tmp_path / "together", *settings, "train.lr=1e-4", *DDP)
    results = [execute.run(alone), own_process.run(together)]
    assert results[0]["eval_id"] == results[1]["eval_id"]
    folders = [run_folder(config) for config in (alone, together)]
    rows = [folder.read_metrics() for folder in folders]
    assert [row["step"] for row in rows[1]] == [row["step"] for row in rows[0]] != []
    for one, two in zip(*rows, strict=True):
        for name in ("loss", "loss_text", "loss_image"):
            assert two[name] == pytest.approx(one[name], rel=1e-5)
    states = [torch.load(checkpoints.newest(folder), weights_only=True) for folder in folders]
    start = {name: tensor.detach() for name, tensor in execute.prepare(alone).module.average.trained.items()}
    trained = [{name: state["state_dict"][f"model.{name}"] for name in start} for state in states]
    for one, two in (trained, [state["average"]["average"] for state in states]):
        assert apart(one, two, start)[math.ceil(share * len(start)) - 1] < 1e-3
    names = [sorted(str(path.relative_to(folder.path)) for path in folder.path.rglob("*")) for folder in folders]
    assert names[0] == names[1]
    assert [len(folder.run_json()["starts"]) for folder in folders] == [1, 1]


def test_two_processes_train_as_one(tmp_path):
    """Steps without captions to learn from on one rank, and with none of one task at all, are among them."""
    compare(tmp_path, "train.steps=12", "train.t2i_fraction=0.9", "eval.every=7")


@every
@pytest.mark.slow
@pytest.mark.parametrize("settings", [["train.i2t_noise=0.5", "train.denoise_noisy_i2t=true"], ["train.batch_size=2"]])
def test_two_processes_train_every_architecture_as_one(tmp_path, name, settings):
    # The gradient of a closed gate may cancel to 1e-8, so that rounding chooses its sign: its block then goes another
    # way, one of the model's four.
    compare(tmp_path, "train.steps=12", f"model.architecture={name}", *settings, share=0.7 if "gate" in name else 1.0)


@pytest.fixture
def long(tmp_path) -> tuple[Config, list[str]]:
    """A run of two processes that takes a while, and its command line."""
    words = ["train.steps=60", "runtime.checkpoint_every=5", f"runtime.cache={shared_cache()}", *DDP]
    settings = [*SMALLER, *words, f"runtime.runs={tmp_path / 'runs'}"]
    return load("smoke", settings), [sys.executable, "-m", "bench", "train", "smoke", *settings]


def children(pid: int) -> list[int]:
    """Processes that the process started and that live."""
    found = []
    for stat in Path("/proc").glob("[0-9]*/stat"):
        try:
            state, parent = stat.read_text(encoding="utf-8").rpartition(")")[2].split()[:2]
        except OSError:
            continue
        if int(parent) == pid and state != "Z":
            found.append(int(stat.parent.name))
    return found


def gone(pid: int) -> bool:
    """Whether a process has ended, within ten seconds."""
    deadline = time.monotonic() + 10
    while time.monotonic() < deadline:
        try:
            if Path(f"/proc/{pid}/stat").read_text(encoding="utf-8").rpartition(")")[2].split()[0] == "Z":
                return True
        except OSError:
            return True
        time.sleep(0.1)
    return False


def wait_for_a_checkpoint(config: Config, process: subprocess.Popen) -> None:
    deadline = time.monotonic() + 120
    while not list(run_folder(config).checkpoints.glob("step-*.ckpt")):
        assert process.poll() is None and time.monotonic() < deadline, "no checkpoint came"
        time.sleep(0.02)


def after_a_checkpoint(config: Config, command: list[str]) -> tuple[subprocess.Popen, int]:
    """The first process, and the id of the second, in the middle of training."""
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
    wait_for_a_checkpoint(config, process)
    (second,) = children(process.pid)
    return process, second


@pytest.mark.slow
@pytest.mark.parametrize("victim", ["first", "second"])
def test_no_process_outlives_another_and_the_run_goes_on(long, tmp_path, victim):
    config, command = long
    process, second = after_a_checkpoint(config, command)
    os.kill(process.pid if victim == "first" else second, signal.SIGKILL)
    _, said = process.communicate(timeout=30)
    assert process.returncode != 0 and gone(second)
    folder = run_folder(config)
    assert folder.status(eval_id(config), 60) == ("partial" if victim == "first" else "failed"), said
    found = own_process.run(config)
    undisturbed = load("smoke", [*command[5:], f"runtime.runs={tmp_path / 'undisturbed'}"])
    assert found["metrics"] == own_process.run(undisturbed)["metrics"]
    rows = [[{k: v for k, v in row.items() if k != "seconds"} for row in run_folder(c).read_metrics()]
            for c in (config, undisturbed)]  # fmt: skip
    assert rows[0] == rows[1]


@pytest.mark.slow
def test_nothing_outlives_who_asked_for_a_run_in_its_own_process(long):
    """However that one ends: here by kill -9."""
    config, command = long
    asks = (
        "from bench.config.load import load; from bench.experiment import own_process; "
        f"own_process.run(load('smoke', {command[5:]}))"
    )
    asking = subprocess.Popen([sys.executable, "-c", asks], stderr=subprocess.DEVNULL)
    wait_for_a_checkpoint(config, asking)
    (first,) = children(asking.pid)
    (second,) = children(first)
    asking.kill()
    asking.wait()
    assert gone(first) and gone(second)


@pytest.mark.slow
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
@pytest.mark.parametrize("whom", ["first", "both"])
def test_stopping_stops_both(long, number, whom):
    config, command = long
    process, second = after_a_checkpoint(config, command)
    for pid in [process.pid, second] if whom == "both" else [process.pid]:
        os.kill(pid, number)
    _, said = process.communicate(timeout=30)
    assert process.returncode == 130 and said.count("interrupted") == 1
    assert gone(second)
    assert run_folder(config).status(eval_id(config), 60) == "partial"


@pytest.mark.slow
def test_a_loss_that_one_process_finds_not_finite_stops_both(tmp_path):
    """Started as a script, which Lightning starts again for the second process."""
    settings = [*SMALLER, *DDP, f"runtime.runs={tmp_path / 'runs'}", f"runtime.cache={shared_cache()}"]
    script = tmp_path / "script.py"
    script.write_text(
        "from bench.config.load import load\n"
        "from bench.experiment import execute\n"
        "from bench.training import distributed\n"
        "normal = execute.FusionModule.total\n"
        "def exploding(module, *terms):\n"
        "    losses = normal(module, *terms)\n"
        "    bad = distributed.rank(2) == 1 and module.global_step == 3\n"
        "    return losses | {'loss': losses['loss'] * float('nan')} if bad else losses\n"
        "execute.FusionModule.total = exploding\n"
        f"execute.run(load('smoke', {settings}))\n",
        encoding="utf-8",
    )
    python(PROJECT, str(script), status=(1,))
    config = load("smoke", settings)
    assert run_folder(config).status(eval_id(config), 6) == "failed"
    said = run_folder(config).error_file.read_text(encoding="utf-8")
    assert "the loss is nan at step 4; last good checkpoint" in said


def test_a_config_is_said_in_settings(tmp_path):
    config = small_config(tmp_path, *DDP, "model.architecture=gated_layer", "model.options.gate_scope=global")
    assert load("small", own_process.overrides(config)) == config


def test_fewer_pairs_than_processes_are_refused(tmp_path):
    with pytest.raises(UserError, match=r"runtime\.devices: 2 devices cannot share the 1 pairs of a step"):
        small_config(tmp_path, *DDP, "train.batch_size=1")
