"""kill -9 at every boundary of a run, and what else can go wrong beneath it.

Nothing finished is lost, and the same call completes, bit-identical to the undisturbed run.
"""

from __future__ import annotations

import errno
import os
import shutil
import signal
import subprocess
import tempfile
from pathlib import Path

import lightning
import pytest
from deaths import HELD, child, dying, end, start
from experiments import small_config

from bench.config.schema import Config
from bench.evaluation import evaluate
from bench.evaluation.metrics import clip_score
from bench.experiment import execute
from bench.models import generation
from bench.runs import folder as store
from bench.runs import lease
from bench.runs.failures import DISK_FULL, Failure, classify
from bench.runs.identity import eval_id, run_folder
from bench.runs.published import leftovers, published_files
from bench.system.errors import UserError
from bench.system.files import append_line
from bench.training import checkpoints, loop

BOUNDARIES = {  # name -> the object and attribute that is called there, and which call is the last thing done or begun
    "after the claim": (execute, "prepare", 1),
    "before the first step": (loop, "step_loader", 1),
    "in training": (execute.FusionModule, "training_step", 4),
    "as a checkpoint is written": (checkpoints.checksummed, "save", 2),
    "before a checkpoint has its name": (checkpoints.checksummed, "save", -2),
    "before a checkpoint is proven": (checkpoints, "damage", 2),
    "between training and evaluation": (evaluate, "evaluate", 1),
    "in sampling": (generation, "decode_latents", 1),
    "in scoring": (clip_score, "clip_score", 1),
    "while samples are written": (evaluate, "_write_lines", 1),
    "before the last rename": (store.os, "rename", 1),
    "after the last rename": (store, "flush", 1),
}


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory) -> dict:
    config = small_config(tmp_path_factory.mktemp("undisturbed"))
    execute.run(config)
    return published_files(run_folder(config).path)


@pytest.mark.parametrize("boundary", BOUNDARIES)
def test_killed_at(boundary, tmp_path, undisturbed):
    config = small_config(tmp_path)
    folder = run_folder(config)

    def killed():
        dying(*BOUNDARIES[boundary])
        execute.run(config)

    assert child(killed) == -signal.SIGKILL
    assert folder.status(eval_id(config), config.train.steps) in ("pending", "partial", "done")
    assert child(lambda: execute.run(config)) == 0
    assert published_files(folder.path) == undisturbed
    assert leftovers(folder.path) == []


def test_two_that_start_at_once_train_once(tmp_path, undisturbed):
    """Whoever comes second is told, and finds the result afterwards."""
    config = small_config(tmp_path)
    pids = [start(lambda: execute.run(config)) for _ in range(2)]
    assert sorted(end(pid) for pid in pids) == [0, HELD]
    assert len(run_folder(config).run_json()["starts"]) == 1
    assert published_files(run_folder(config).path) == undisturbed


def test_a_run_that_is_taken_over_in_training_writes_nothing_more(tmp_path, monkeypatch):
    config = small_config(tmp_path)
    folder = run_folder(config)
    step, steps, written = execute.FusionModule.training_step, [], {}

    def slept(*args):
        steps.append(1)
        if len(steps) == 4:  # meanwhile another process has come
            lease.take(folder.lease_files, 2, lease.lease_state(folder.lease_files).owner)
            written.update(files())
        return step(*args)

    def files():
        return {path: path.stat().st_mtime_ns for path in folder.path.rglob("*") if path.suffix in (".ckpt", ".jsonl")}

    monkeypatch.setattr(execute.FusionModule, "training_step", slept)
    with pytest.raises(lease.Lost):
        execute.run(config)
    assert len(steps) == 4 and files() == written
    assert folder.failure() is None and folder.result(eval_id(config), config.train.steps) is None


def full_after(monkeypatch, owner: object, name: str, call: int) -> None:
    """The disk is full from the ``call``-th call on."""
    real, calls = getattr(owner, name), []

    def refusing(*args, **kwargs):
        calls.append(1)
        if len(calls) >= call:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        return real(*args, **kwargs)

    monkeypatch.setattr(owner, name, refusing)


@pytest.mark.parametrize(
    ("owner", "name", "call"),
    [(lightning.Trainer, "save_checkpoint", 2), (store, "append_line", 1), (evaluate, "_write_lines", 1)],
    ids=["checkpoint", "metrics", "samples"],
)
def test_a_full_disk_is_named_and_the_run_goes_on_once_there_is_room(
    owner, name, call, tmp_path, monkeypatch, undisturbed
):
    config = small_config(tmp_path)
    folder = run_folder(config)
    with monkeypatch.context() as patched:
        full_after(patched, owner, name, call)
        with pytest.raises(OSError, match="No space left") as raised:
            execute.run(config)
    assert classify(raised.value) == DISK_FULL
    failure = folder.failure()
    assert failure is None or failure.kind == DISK_FULL  # a full disk may have had no room for it
    execute.run(config)
    assert published_files(folder.path) == undisturbed
    assert leftovers(folder.path) == []


@pytest.fixture
def small_disk(tmp_path):
    """A file system of 3 MB, as long as the test; skipped where none may be mounted."""
    place = tmp_path / "disk"
    place.mkdir()
    mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=3m", "none", place], capture_output=True, text=True)
    if mounted.returncode:
        pytest.skip(f"no file system can be mounted here: {mounted.stderr.strip()}")
    yield place
    subprocess.run(["umount", place], check=True)


def test_a_disk_that_is_really_full(small_disk, undisturbed):
    config = small_config(small_disk)
    with pytest.raises(UserError, match="no space left on device") as raised:
        execute.run(config)
    assert classify(raised.value) == DISK_FULL
    subprocess.run(["mount", "-o", "remount,size=100m", small_disk], check=True)
    execute.run(config)
    assert published_files(run_folder(config).path) == undisturbed
    assert leftovers(run_folder(config).path) == []


def trained(config: Config, steps: int = 4) -> None:
    """Die in training after so many steps."""

    def killed():
        dying(execute.FusionModule, "training_step", steps + 1)
        execute.run(config)

    assert child(killed) == -signal.SIGKILL


def test_a_corrupt_line_of_metrics_costs_that_line_only(tmp_path, undisturbed):
    config = small_config(tmp_path)
    folder = run_folder(config)
    trained(config)
    with folder.metrics_file.open("ab") as file:
        file.write(b'\xff\xfe{"step": 3, "loss": nan}\x00garbage')
    append_line(folder.metrics_file, '["no row"]')
    execute.run(config)
    assert [row["step"] for row in folder.read_metrics()] == sorted(undisturbed["metrics.jsonl"])
    result = f"evals/{eval_id(config)}/step-{config.train.steps}/result.json"
    assert published_files(folder.path)[result] == undisturbed[result]


def test_a_run_folder_copied_to_another_place_goes_on_there(tmp_path, undisturbed):
    here, there = small_config(tmp_path / "here"), small_config(tmp_path / "there")
    trained(here)
    shutil.copytree(run_folder(here).path, run_folder(there).path)
    execute.run(there)
    assert published_files(run_folder(there).path) == undisturbed
    assert run_folder(here).result(eval_id(here), here.train.steps) is None


def test_a_clock_that_jumps_back_changes_nothing(tmp_path, monkeypatch, undisturbed):
    """Files from the future: of a claim, of checkpoints and of results."""
    config = small_config(tmp_path)
    trained(config)
    for path in run_folder(config).path.rglob("*"):
        os.utime(path, (4e9, 4e9))
    execute.run(config)
    assert published_files(run_folder(config).path) == undisturbed


def test_failures_have_classes():
    from bench.training.module import NonFiniteLoss

    said = {
        "out of memory": [
            MemoryError(),
            RuntimeError("CUDA out of memory. Tried to"),
            RuntimeError("can't allocate memory: x"),
        ],
        "non-finite loss": [NonFiniteLoss("the loss is nan at step 3")],
        "disk full": [OSError(errno.ENOSPC, "x"), OSError(errno.EDQUOT, "x")],
        "wrong request": [UserError("no")],
        "bug": [ValueError("x"), OSError(errno.EACCES, "x")],
    }
    for kind, errors in said.items():
        assert [classify(error) for error in errors] == [kind] * len(errors)
    failure = Failure.of(ValueError("two\nlines"))
    assert Failure.parse(str(failure)) == Failure("bug", "ValueError: two lines", failure.details.strip())
    assert Failure.parse("Traceback\nKeyError: 'x'\n").message == "KeyError: 'x'"
    assert Failure.parse("").kind == "bug"


def test_a_read_only_folder_is_the_users_error():
    place = Path(tempfile.mkdtemp())
    (place / "runs").mkdir()
    (place / "runs").chmod(0o555)
    place.chmod(0o755)
    config = small_config(place)

    def refused():
        if os.geteuid() == 0:
            os.setuid(65534)  # root may write anywhere
        with pytest.raises(UserError, match=f"cannot write to {run_folder(config).path}: permission denied"):
            execute.run(config)

    assert child(refused) == 0
    assert list((place / "runs").iterdir()) == []
    shutil.rmtree(place)
