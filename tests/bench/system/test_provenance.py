"""Where a number came from: what each start of a run records, and that recording it never stops a run."""

from __future__ import annotations

import os
import subprocess
import sys
from datetime import datetime, timedelta
from pathlib import Path

import pytest
from experiments import small_config

from bench.experiment import execute
from bench.models.pretrained import weights_digest
from bench.runs.folder import RunFolder
from bench.runs.identity import run_folder
from bench.system import git as revision
from bench.system import provenance

IDENTITY = {f"GIT_{who}_{what}": "x@y" for who in ("AUTHOR", "COMMITTER") for what in ("NAME", "EMAIL")}


def git(folder: Path, *arguments: str) -> str:
    command = ["git", "-C", folder, *arguments]
    return subprocess.run(command, check=True, capture_output=True, text=True, env=os.environ | IDENTITY).stdout.strip()


@pytest.fixture
def asked_anew():
    """The revision is asked for once a process; here once a test."""
    answers = (revision.commit, revision.changes)
    for answer in answers:
        answer.cache_clear()
    yield
    for answer in answers:
        answer.cache_clear()


@pytest.fixture
def repository(tmp_path, monkeypatch, asked_anew) -> Path:
    """A clean checkout of something that looks like this project."""
    folder = tmp_path / "a project"
    (folder / "bench" / "system").mkdir(parents=True)
    (folder / "architectures").mkdir()
    (folder / "bench" / "system" / "git.py").write_text("one\n", encoding="utf-8")
    (folder / "README.md").write_bytes(b"caf\xe9\r\n")
    (folder / ".gitignore").write_text("*.pyc\n", encoding="utf-8")
    git(folder, "init", "-q")
    git(folder, "add", ".")
    git(folder, "commit", "-qm", "first")
    monkeypatch.setattr(revision, "PROJECT", folder)
    return folder


def change(folder: Path) -> None:
    """Every kind of change: edited, binary, not UTF-8, new, staged, deleted; and a new file that does not count."""
    (folder / "bench" / "system" / "git.py").write_text("two\n", encoding="utf-8")
    (folder / "README.md").write_bytes(b"caf\xe9\r\n\xff\xfe\n")
    (folder / "architectures" / "mine \u00e9.py").write_text("new\n", encoding="utf-8")
    (folder / "architectures" / "mine.pyc").write_text("ignored\n", encoding="utf-8")
    (folder / "bench" / "weights.bin").write_bytes(bytes(range(256)) * 9)
    git(folder, "add", "bench/weights.bin")
    git(folder, "rm", "-q", ".gitignore", "--cached")
    (folder / ".gitignore").rename(folder / ".git" / "info" / "exclude")
    (folder / "notes.txt").write_text("lies about\n", encoding="utf-8")


def tree(folder: Path) -> dict[str, bytes]:
    files = [path for path in folder.rglob("*") if path.is_file() and ".git" not in path.relative_to(folder).parts]
    left_out = ("notes.txt", "mine.pyc")
    return {str(path.relative_to(folder)): path.read_bytes() for path in files if path.name not in left_out}


@pytest.mark.parametrize("configured", [[], ["diff.noprefix true", "color.diff always", "diff.external false"]])
def test_the_changes_make_of_the_commit_what_lies_there(repository, tmp_path, configured):
    for setting in configured:
        git(repository, "config", *setting.split())
    git(repository, "checkout", "-q", "--detach")
    assert revision.commit() == git(repository, "rev-parse", "HEAD") and revision.changes() is None
    revision.changes.cache_clear()
    change(repository)
    status = git(repository, "status", "--porcelain")
    changes = revision.changes()
    assert git(repository, "status", "--porcelain") == status  # the index is as it was
    assert changes.size == len(changes.patch) and changes.file == f"dirty-{changes.digest}.patch"
    clean = tmp_path / "clean"
    git(tmp_path, "clone", "-q", str(repository), str(clean))
    (tmp_path / changes.file).write_bytes(changes.patch)
    git(clean, "apply", str(tmp_path / changes.file))
    assert tree(clean) == tree(repository)


def test_it_is_asked_once_a_process(repository):
    change(repository)
    before = revision.changes()
    (repository / "README.md").write_text("edited during a run, which has its code already", encoding="utf-8")
    assert revision.changes() is before


def test_large_changes_are_cut_and_said_to_be(repository, monkeypatch):
    change(repository)
    whole = revision.changes()
    revision.changes.cache_clear()
    monkeypatch.setattr(revision, "LARGEST", 100)
    cut = revision.changes()
    assert (cut.digest, cut.size, cut.patch) == (whole.digest, whole.size, whole.patch[:100])
    said = provenance.start_facts("dual_tower", 1)["patch"]
    assert said["bytes"] == whole.size and "the first 100 bytes" in said["note"]


def test_without_git_or_a_repository_nothing_is_known_and_nothing_fails(repository, monkeypatch, tmp_path):
    change(repository)
    with monkeypatch.context() as patch:
        patch.setenv("PATH", str(tmp_path))
        facts = provenance.start_facts("dual_tower", 1)
    assert facts["git"] is facts["dirty"] is facts["patch"] is None
    revision.commit.cache_clear()
    revision.changes.cache_clear()
    git(repository, "rm", "-q", "--cached", "bench/system/git.py")  # as if installed in somebody else's
    assert revision.commit() is revision.changes() is None


def test_a_fact_that_cannot_be_found_stops_nothing(monkeypatch):
    def refused(*_):
        raise PermissionError("not yours")

    for name in ("os.getcwd", "socket.gethostname", "bench.system.provenance.cpu", "bench.system.provenance.gpu"):
        monkeypatch.setattr(name, refused)
    facts = provenance.start_facts("dual_tower", 3)
    assert facts["directory"] == facts["host"] == facts["device"] == "unknown (PermissionError: not yours)"
    assert facts["threads"] == 3 and facts["packages"]["torch"]


def test_machine_and_job(monkeypatch):
    monkeypatch.setenv("SLURM_JOB_ID", "17")
    monkeypatch.setenv("SLURM_ARRAY_TASK_ID", "3")
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    monkeypatch.setenv("A_SECRET_TOKEN", "s3cret")
    facts = provenance.start_facts("dual_tower", 1)
    assert facts["job"] == {"SLURM_JOB_ID": "17", "SLURM_ARRAY_TASK_ID": "3"}
    assert facts["environment"]["OMP_NUM_THREADS"] == "1"
    assert facts["pid"] == os.getpid() and facts["directory"] == os.getcwd()
    assert "s3cret" not in str(facts)
    assert abs(datetime.fromisoformat(facts["time"]).timestamp() - datetime.now().timestamp()) < 60
    assert datetime.fromisoformat(facts["time"]).utcoffset() == timedelta(0)


ENDS = {
    "done": (None, {"exit": "done"}),
    "interrupted": (KeyboardInterrupt, {"exit": "interrupted"}),
    "failed": (MemoryError, {"exit": "failed", "error": "MemoryError"}),
}


@pytest.mark.parametrize("end", ENDS)
def test_a_start_records_how_it_ended(tmp_path, end):
    raised, expected = ENDS[end]
    run = RunFolder(tmp_path / "run")
    run.create("", {}, {"id": "killed", "time": provenance.now()})
    try:
        with run.start("", {}, {"id": "mine", "time": provenance.now()}):
            RunFolder(run.path).create("", {}, {"id": "another", "time": provenance.now()})
            if raised:
                raise raised
    except (KeyboardInterrupt, MemoryError):
        assert raised
    killed, mine, another = run.run_json()["starts"]
    assert "ended" not in killed and "ended" not in another
    assert {name: mine[name] for name in ("exit", "error") if name in mine} == expected
    assert mine["seconds"] >= 0 and datetime.fromisoformat(mine["ended"]).utcoffset() == timedelta(0)


def test_an_end_that_cannot_be_written_hides_no_error(tmp_path, monkeypatch):
    run = RunFolder(tmp_path / "run")

    def full(*_):
        raise OSError(28, "No space left on device")

    with pytest.raises(ZeroDivisionError), run.start("", {}, {"id": "mine"}):
        monkeypatch.setattr("bench.runs.folder.write_atomically", full)
        _ = 1 // 0
    assert "ended" not in run.run_json()["starts"][0]


def test_a_run_records_code_data_and_weights(tmp_path, monkeypatch, asked_anew):
    """The patch lies beside run.json; digests of data and weights stand in the identity, seeds and settings too."""
    changes = revision.Changes("0123456789ab", 4, b"\xff\xfe\x00\n")
    monkeypatch.setattr(revision, "changes", lambda: changes)
    config = small_config(tmp_path, "eval.seed=5", "seed=4")
    folder = run_folder(config)
    execute.run(config)
    known = folder.run_json()
    (start,) = known["starts"]
    assert start["dirty"] == "0123456789ab" and start["patch"] == {"file": "dirty-0123456789ab.patch", "bytes": 4}
    assert (folder.path / start["patch"]["file"]).read_bytes() == changes.patch
    assert start["exit"] == "done" and start["threads"] == 1 and start["command"][1:] == sys.argv[1:]
    trained, scored = known["identity"]["train"], known["identity"]["eval"]
    assert (trained["seed"], scored["eval"]["seed"]) == (4, 5)
    assert trained["model"]["llm"] == weights_digest("embedded", "llm")
    assert scored["eval"]["clip"] == weights_digest("embedded", "clip")
    assert trained["data"]["digest"] and known["frozen_digest"]
