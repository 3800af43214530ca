"""Checkpoints that can be trusted: damage is found and passed over, nothing goes before the next is proven."""

from __future__ import annotations

import os
import resource
import shutil

import pytest
import torch
from deaths import Killed
from experiments import small_config

from bench.data import mixing
from bench.experiment import execute
from bench.runs.folder import RunFolder
from bench.runs.identity import eval_id, run_folder
from bench.system.errors import UserError
from bench.training import checkpoints, checksummed
from bench.training.loop import train
from bench.training.module import FusionModule


def small_state(step: int = 1) -> dict:
    """Every part of a checkpoint, small enough to try each of its bytes."""
    parts = dict.fromkeys(checkpoints.NEEDED, 0)
    return parts | {"global_step": step, "state_dict": {"w": torch.arange(9.0)}, "average": torch.ones(3)}


def files_of(folder: RunFolder) -> list[str]:
    return sorted(path.name for path in folder.checkpoints.iterdir())


def steps_of(folder: RunFolder) -> list[int]:
    return [int(name.removeprefix("step-").removesuffix(".ckpt")) for name in files_of(folder)]


def trained(folder, *overrides: str) -> execute.Experiment:
    parts = execute.prepare(small_config(folder, *overrides))
    parts.folder.checkpoints.mkdir(parents=True, exist_ok=True)
    train(parts.config, parts.module, parts.mixture, parts.folder, lambda *_: None)
    return parts


@pytest.fixture(scope="module")
def run(tmp_path_factory) -> execute.Experiment:
    """A trained run, with checkpoints after 4 and 6 steps."""
    return trained(tmp_path_factory.mktemp("run"))


@pytest.fixture
def folder(run, tmp_path) -> RunFolder:
    """A copy of its folder, to be damaged."""
    return RunFolder(shutil.copytree(run.folder.path, tmp_path / run.folder.run_id))


def put(path, state: dict) -> None:
    checkpoints.CheckpointFiles(keep=9).save_checkpoint(state, path)


def test_a_flipped_byte_is_found_wherever_it_is(tmp_path):
    path = tmp_path / "step-00000001.ckpt"
    put(path, small_state())
    assert checkpoints.damage(path) is None
    whole = path.read_bytes()
    for place in range(len(whole)):
        for bits in (0xFF, 0x01):
            path.write_bytes(whole[:place] + bytes([whole[place] ^ bits]) + whole[place + 1 :])
            assert checkpoints.damage(path), f"byte {place} of {len(whole)}"


def test_a_truncated_file_is_found_at_every_length(tmp_path):
    path = tmp_path / "step-00000001.ckpt"
    put(path, small_state())
    for length in reversed(range(path.stat().st_size)):
        os.truncate(path, length)
        assert checkpoints.damage(path), f"cut to {length} bytes"


DAMAGES = {
    "cut": lambda whole: whole[: len(whole) // 2],
    "flipped": lambda whole: whole[:70_000] + bytes([whole[70_000] ^ 4]) + whole[70_001:],
    "empty": lambda whole: b"",
    "zeros": lambda whole: bytes(len(whole)),
    "garbage": lambda whole: b"once upon a time" * 99,
}


@pytest.mark.parametrize("damage", DAMAGES.values(), ids=DAMAGES.keys())
def test_a_damaged_one_is_said_on_one_line_and_the_one_before_is_used(folder, damage, capsys):
    last = folder.checkpoint(6)
    last.write_bytes(damage(last.read_bytes()))
    assert checkpoints.newest(folder) == folder.checkpoint(4)
    said = capsys.readouterr().out
    assert said.count("\n") == 1 and f"{last} is damaged (" in said and "trying step-00000004.ckpt" in said


def test_a_sound_file_that_is_no_checkpoint_is_passed_over(folder, capsys):
    put(folder.checkpoint(5), [1, 2])
    put(folder.checkpoint(6), {"state_dict": {}})
    torch.save(small_state(), folder.checkpoint(7))  # not written as a run writes
    assert checkpoints.newest(folder) == folder.checkpoint(4)
    said = capsys.readouterr().out
    assert "it has no average" in said and "not those that were written" in said


def test_with_none_left_training_starts_anew_and_ends_the_same(folder, run, capsys):
    for step in (4, 6):
        folder.checkpoint(step).write_bytes(b"")
    parts = execute.prepare(run.config)
    train(parts.config, parts.module, parts.mixture, folder, lambda *_: None)
    said = capsys.readouterr().out
    assert "trying step-00000004.ckpt\n" in said and "no other is left, training starts anew\n" in said
    states = [torch.load(where.checkpoint(6), weights_only=True) for where in (run.folder, folder)]
    torch.testing.assert_close(states[1]["average"], states[0]["average"], rtol=0, atol=0)


def test_it_holds_what_going_on_needs_and_nothing_else(run):
    path = run.folder.checkpoint(6)
    state = torch.load(path, weights_only=True)
    trained = {f"model.{name}": p for name, p in run.module.model.named_parameters() if p.requires_grad}
    numbers = sum(p.numel() for p in trained.values())
    assert state["state_dict"].keys() == trained.keys()
    assert state["sampler"] | {"next_captions": ""} == {"seed": 0, "step": 6, "pairs_seen": 36, "next_captions": ""}
    assert state.keys() <= checkpoints.NEEDED | {"epoch", "pytorch-lightning_version", "callbacks"}
    # weights, their average and AdamW's two moments, in float32; the rest is small
    assert 16 * numbers < path.stat().st_size < 16.5 * numbers


@pytest.mark.parametrize(("keep", "left"), [(1, [6]), (3, [4, 5, 6]), (9, [1, 2, 3, 4, 5, 6])])
def test_the_newest_are_kept(tmp_path, keep, left):
    parts = trained(tmp_path, "runtime.checkpoint_every=1", f"runtime.keep_checkpoints={keep}")
    assert steps_of(parts.folder) == left


def test_the_one_before_stays_until_the_next_is_proven_readable(tmp_path, monkeypatch, capsys):
    """A disk that loses what was written at steps 2 and 3; the policy is to keep one checkpoint."""
    files = checkpoints.CheckpointFiles(keep=1)
    folder = RunFolder(tmp_path)
    folder.checkpoints.mkdir()
    save, kept = checksummed.save, []

    def losing(state, path):
        save(state, path)
        if state["global_step"] in (2, 3):
            os.truncate(path, 100)

    monkeypatch.setattr(checksummed, "save", losing)
    for step in range(1, 5):
        files.save_checkpoint(small_state(step), folder.checkpoint(step))
        kept.append(steps_of(folder))
    assert kept == [[1], [1, 2], [1, 2, 3], [4]]
    said = capsys.readouterr().out.splitlines()
    assert len(said) == 2 and all("does not read back" in line for line in said)


def test_a_later_one_that_was_passed_over_does_not_outlive_the_next(tmp_path):
    """Nor does it push out what training went on from: it is no candidate for being kept."""
    files, folder = checkpoints.CheckpointFiles(keep=2), RunFolder(tmp_path)
    folder.checkpoints.mkdir()
    for step in (2, 4):
        files.save_checkpoint(small_state(step), folder.checkpoint(step))
    folder.checkpoint(9).write_bytes(b"damaged")
    files.save_checkpoint(small_state(5), folder.checkpoint(5))
    assert steps_of(folder) == [4, 5]


def test_who_wakes_up_behind_those_who_took_over_drops_nothing_of_theirs(tmp_path):
    """Stopped between a checkpoint and the dropping of older ones, while another process has trained on."""
    files = [tmp_path / f"step-{step:08d}.ckpt" for step in (2, 4, 398, 400)]
    for path in files:
        put(path, small_state())
    checkpoints.CheckpointFiles(keep=1).save_checkpoint(small_state(), files[1])
    assert sorted(tmp_path.iterdir()) == files[1:]


def test_a_write_that_fails_says_so_and_leaves_what_was_there(tmp_path):
    """The system refuses to write more than 1000 bytes, as it would on a full disk."""
    files, folder = checkpoints.CheckpointFiles(keep=1), RunFolder(tmp_path)
    folder.checkpoints.mkdir()
    files.save_checkpoint(small_state(), folder.checkpoint(1))
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (1000, limits[1]))
    try:
        with pytest.raises(UserError, match="cannot write to .*step-00000002.ckpt: file too large") as caught:
            files.save_checkpoint(small_state(2), folder.checkpoint(2))
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    assert "\n" not in str(caught.value)
    assert files_of(folder) == ["step-00000001.ckpt"]
    assert checkpoints.newest(folder) == folder.checkpoint(1)


def test_other_frozen_weights_are_refused(folder, run):
    module = FusionModule(run.module.model, run.config.train)
    checkpoints.restore(module, folder.checkpoint(4))
    module.frozen_digest = "f" * 64
    for refused in (checkpoints.restore, lambda *_: checkpoints.check(folder.checkpoint(4), module, run.mixture)):
        with pytest.raises(UserError, match="other frozen weights .digest .*, here ffffffffffff") as caught:
            refused(module, folder.checkpoint(4))
        assert "\n" not in str(caught.value)


def test_a_frozen_weight_that_changed_is_another_digest(run):
    module = FusionModule(run.module.model, run.config.train)
    frozen = next(p for p in module.model.parameters() if not p.requires_grad)
    kept = frozen.flatten()[0].clone()
    frozen.flatten()[0] += 1
    assert module.frozen_digest != run.module.frozen_digest
    frozen.flatten()[0] = kept
    assert FusionModule(run.module.model, run.config.train).frozen_digest == run.module.frozen_digest


def test_other_samples_are_refused(folder, run, monkeypatch):
    path = folder.checkpoint(4)
    checkpoints.check(path, run.module, run.mixture)
    mixture = run.mixture
    mixture.seed = 1
    with pytest.raises(UserError, match="samples would be others .seed 0, here 1"):
        checkpoints.check(path, run.module, mixture)
    order = mixing._order
    monkeypatch.setattr(mixing, "_order", lambda *known: order(*known)[::-1])  # a library that shuffles otherwise
    with pytest.raises(UserError, match="samples would be others .next_captions"):
        checkpoints.check(path, run.module, run.mixture)


def test_killed_between_a_checkpoint_and_its_scores(tmp_path, monkeypatch):
    """They are made up for on resuming, and nothing else changes."""
    whole, broken = (small_config(tmp_path / where, "eval.every=2") for where in ("whole", "broken"))
    expected = execute.run(whole)

    def dying(*_):
        raise Killed

    with monkeypatch.context() as patch:
        patch.setattr(execute.evaluate, "evaluate", dying)
        with pytest.raises(Killed):
            execute.run(broken)
    assert steps_of(run_folder(broken)) == [2]
    assert execute.run(broken)["metrics"] == expected["metrics"]
    results = [run_folder(config).results(eval_id(config)) for config in (whole, broken)]
    assert [result["step"] for result in results[1]] == [2, 4, 6]
    assert [result["metrics"] for result in results[1]] == [result["metrics"] for result in results[0]]


def test_drawing_from_a_damaged_checkpoint_is_refused(tmp_path):
    config = small_config(tmp_path)
    folder = run_folder(config)
    folder.checkpoints.mkdir(parents=True)
    folder.checkpoint(6).write_bytes(b"")
    with pytest.raises(UserError, match="is damaged .* train again"):
        execute.finished_model(config)
