"""The run folder: whatever moment a process dies at, what landed stays and nothing half-written counts."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys

import pytest

from bench.runs import results
from bench.runs.failures import Failure
from bench.runs.folder import RunFolder
from bench.runs.format import FORMAT
from bench.runs.lease import Held
from bench.system import files
from bench.system.errors import UserError
from bench.system.files import append_line, publish, write_atomically


@pytest.fixture
def run(tmp_path):
    folder = RunFolder(tmp_path / "dual_tower-0123456789")
    folder.create("seed: 0\n", {"architecture": "dual_tower"}, {"host": "here"})
    return folder


def test_creating_again_adds_a_start_and_keeps_the_config(run):
    run.create("seed: 1\n", {"architecture": "other"}, {"host": "there"})
    known = run.run_json()
    assert (known["schema"], known["run_id"], known["architecture"]) == (FORMAT, run.run_id, "dual_tower")
    assert [start["host"] for start in known["starts"]] == ["here", "there"]
    assert (run.path / "config.yaml").read_text(encoding="utf-8") == "seed: 0\n"


def test_metrics_keep_the_last_row_of_a_step_and_skip_torn_lines(run):
    for step, loss in ((1, 5.0), (2, 4.0), (3, 3.0), (2, 4.5)):
        run.append_metrics({"step": step, "loss": loss})
    with run.metrics_file.open("a", encoding="utf-8") as file:
        file.write('{"step": 4, "lo')  # a kill in the middle of a line
    assert [(row["step"], row["loss"]) for row in run.read_metrics()] == [(1, 5.0), (2, 4.5), (3, 3.0)]
    run.append_metrics({"step": 4, "loss": 2.0})  # the resumed run's line is not glued to the torn one
    assert run.read_metrics()[-1] == {"step": 4, "loss": 2.0}


def land(run, value, step=3):
    with run.attempt() as attempt:
        (attempt / "samples").mkdir()
        (attempt / "samples" / "00000.png").write_text(f"{value}", encoding="utf-8")
        (attempt / "captions.jsonl").write_text(f"{value}", encoding="utf-8")
        return run.publish_result("e" * 10, step, attempt, {"value": value})


def test_a_result_lands_once_and_is_never_replaced(run):
    assert land(run, 1) is True
    assert land(run, 2) is False
    folder = run.result_folder("e" * 10, 3)
    landed = run.result("e" * 10, 3)
    assert (landed["schema"], landed["value"]) == (FORMAT, 1)
    for name in ("samples/00000.png", "captions.jsonl"):
        assert (folder / name).read_text(encoding="utf-8") == "1"
    assert sorted(path.name for path in folder.iterdir()) == ["captions.jsonl", "result.json", "samples"]
    assert not (run.path / "attempts").exists()


def test_what_a_dead_attempt_left_half_landed_is_replaced(run):
    folder = run.result_folder("e" * 10, 3)
    (folder / "samples").mkdir(parents=True)
    (folder / "samples" / "00099.png").write_text("left over", encoding="utf-8")
    assert run.result("e" * 10, 3) is None
    assert land(run, 2) is True
    assert [path.name for path in (folder / "samples").iterdir()] == ["00000.png"]


def test_status_follows_the_files(tmp_path):
    run = RunFolder(tmp_path / "run")
    assert run.status("e" * 10, 3) == "pending"
    run.create("", {}, {})
    assert run.status("e" * 10, 3) == "pending"
    run.append_metrics({"step": 1})
    assert run.status("e" * 10, 3) == "partial"
    run.fail(Failure("bug", "ValueError: no"))
    assert run.status("e" * 10, 3) == "failed"
    with run.acquire():
        assert run.status("e" * 10, 3) == "running"
        assert not run.error_file.exists()  # the earlier failure is being mended
    assert run.status("e" * 10, 3) == "partial"
    land(run, 1)
    assert run.status("e" * 10, 3) == "done"
    assert run.status("e" * 10, 4) == run.status("f" * 10, 3) == "partial"


def test_a_claim_clears_the_attempts_of_the_dead(run):
    (run.path / "attempts" / "dead").mkdir(parents=True)
    with run.acquire():
        assert not (run.path / "attempts").exists()


@pytest.mark.parametrize("content", ['{"schema": 99}', "no json", "[]", "{}"])
def test_a_folder_of_another_schema_is_refused(tmp_path, content):
    (tmp_path / "run.json").write_text(content, encoding="utf-8")
    with pytest.raises(UserError, match="run.json"):
        RunFolder(tmp_path)
    assert (tmp_path / "run.json").read_text(encoding="utf-8") == content


def test_any_byte_changed_by_hand_is_seen(run):
    """Every byte of result.json in turn: it can no longer be read, or is seen to be changed."""
    land(run, 1.25)
    folder = run.result_folder("e" * 10, 3)
    path = folder / "result.json"
    whole = path.read_bytes()
    assert results.change(folder, run.result("e" * 10, 3)) == ""
    path.write_text(json.dumps(json.loads(whole), indent=4), encoding="utf-8")  # laid out anew, nothing is changed
    assert results.change(folder, run.result("e" * 10, 3)) == ""
    for place in range(len(whole)):
        if whole[place : place + 1].isspace():
            continue
        path.write_bytes(whole[:place] + bytes([whole[place] ^ 1]) + whole[place + 1 :])
        try:
            changed = results.change(folder, run.result("e" * 10, 3))
        except UserError:
            continue
        assert changed, whole[place - 20 : place + 20]
    path.write_bytes(whole)
    (folder / "captions.jsonl").write_text("2", encoding="utf-8")
    assert results.change(folder, run.result("e" * 10, 3)) == "captions.jsonl was changed after it was published"
    picture = folder / "samples" / "00000.png"
    assert results.image_is_unchanged(folder, picture, run.result("e" * 10, 3))
    picture.write_text("2", encoding="utf-8")
    assert not results.image_is_unchanged(folder, picture, run.result("e" * 10, 3))


def test_a_result_of_another_schema_is_refused(run):
    land(run, 1)
    path = run.result_folder("e" * 10, 3) / "result.json"
    path.write_text(json.dumps({"schema": FORMAT + 1}), encoding="utf-8")
    with pytest.raises(UserError, match=f"format {FORMAT + 1}"):
        run.result("e" * 10, 3)


def test_a_place_that_cannot_be_written_is_the_users_error(tmp_path):
    (tmp_path / "file").write_text("somebody's", encoding="utf-8")
    run = RunFolder(tmp_path / "file" / "run")
    with pytest.raises(UserError, match="cannot write to"):
        run.create("", {}, {})
    with pytest.raises(UserError, match="cannot write to"), run.acquire():
        pass
    assert (tmp_path / "file").read_text(encoding="utf-8") == "somebody's"


def test_files_are_whole_or_absent(tmp_path):
    path = tmp_path / "a.json"
    assert publish(path, "first") and not publish(path, "second")
    assert path.read_text(encoding="utf-8") == "first"
    write_atomically(path, "third")
    assert path.read_text(encoding="utf-8") == "third"
    append_line(tmp_path / "b", "x")
    assert (tmp_path / "b").read_text(encoding="utf-8") == "x\n"
    assert sorted(item.name for item in tmp_path.iterdir()) == ["a.json", "b"]  # no drafts left


def test_a_tree_is_on_the_disk_before_its_folder_and_a_refusal_is_heard(tmp_path, monkeypatch):
    for n in range(30):
        (tmp_path / f"{n % 3}").mkdir(exist_ok=True)
        (tmp_path / f"{n % 3}" / f"{n}").write_text("", encoding="utf-8")
    flushed = []
    monkeypatch.setattr(files, "flush", flushed.append)
    files.flush_tree(tmp_path)
    assert sorted(flushed) == sorted([tmp_path, *tmp_path.rglob("*")]) and flushed[-1] == tmp_path

    def full(path):
        if path.name == "29":
            raise OSError("no space left on device")

    monkeypatch.setattr(files, "flush", full)
    with pytest.raises(OSError, match="no space"):
        files.flush_tree(tmp_path)
