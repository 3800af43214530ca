"""Claims: one holder at a time, whoever dies, sleeps or comes at the same moment."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
import time
from dataclasses import replace
from pathlib import Path

import pytest

from bench.runs import lease
from bench.runs.lease import Held, Lost, acquire, lease_state, seems_alive
from bench.runs.watching import Watch, owner_is_gone

PROJECT = Path(__file__).parents[3]
HOLD = """
import sys, time
from pathlib import Path
from bench.runs.lease import acquire
with acquire(Path(sys.argv[1]), float(sys.argv[2])) as claim:
    print("held", flush=True)
    for line in sys.stdin:
        try:
            claim.check()
            print("still mine", flush=True)
        except Exception as error:
            print(type(error).__name__, flush=True)
"""


@pytest.fixture
def folder(tmp_path):
    return tmp_path / "claims"


@pytest.fixture
def other(folder):
    """Starts another process that holds the folder; ends it afterwards."""
    started = []

    def start(lease: float = 60.0) -> subprocess.Popen[str]:
        command = [sys.executable, "-c", HOLD, str(folder), str(lease)]
        pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE}
        started.append(subprocess.Popen(command, text=True, cwd=PROJECT, **pipes))
        assert started[-1].stdout.readline() == "held\n"
        return started[-1]

    yield start
    for process in started:
        process.kill()
        process.wait()


def numbers(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def test_a_claim_is_counted_and_the_last_one_stays_to_keep_the_count(folder):
    for turn in (1, 2, 3):
        with acquire(folder):
            assert numbers(folder) == [f"0000{turn}.json"]
            assert lease_state(folder).owner.pid == os.getpid() and seems_alive(folder)
            with pytest.raises(Held, match=str(os.getpid())), acquire(folder):
                pass
        assert lease_state(folder) is None and not seems_alive(folder)
        assert json.loads((folder / f"0000{turn}.json").read_text(encoding="utf-8"))["ended"]


def test_another_process_is_kept_out_until_it_has_died(folder, other):
    process = other()
    with pytest.raises(Held, match=str(process.pid)), acquire(folder):
        pass
    assert seems_alive(folder)
    process.kill()
    process.wait()
    assert not seems_alive(folder) and not Watch().alive(folder)
    with acquire(folder):
        assert numbers(folder) == ["00002.json"]


def test_a_beating_holder_is_alive_however_long_one_watches(folder, other):
    process = other(lease=0.6)
    watch, until = Watch(), time.monotonic() + 2.0
    while time.monotonic() < until:
        assert watch.alive(folder)
        time.sleep(0.05)
    process.stdin.write("\n")
    process.stdin.flush()
    assert process.stdout.readline() == "still mine\n"


def test_one_that_sleeps_past_its_lease_loses_the_run_and_learns_it(folder, other):
    process = other(lease=0.6)
    process.send_signal(signal.SIGSTOP)
    watch, begin = Watch(), time.monotonic()
    while watch.alive(folder):
        time.sleep(0.02)
    assert 0.5 < time.monotonic() - begin < 5.0
    with acquire(folder) as claim:
        process.send_signal(signal.SIGCONT)
        process.stdin.write("\n")
        process.stdin.flush()
        assert process.stdout.readline() == "Lost\n"
        claim.check()
        process.stdin.close()
        process.wait()
        claim.check()  # the loser's leaving does not free what is not its own
    assert numbers(folder) == ["00003.json"]  # the first, the watcher's mark, and this process's


def test_a_claim_taken_over_can_no_longer_be_used(folder):
    with acquire(folder, lease=60) as claim:
        holder = lease_state(folder).owner
        lease.take(folder, 2, replace(holder, pid=1))
        with pytest.raises(Lost, match="taken over"):
            claim.check()
    assert lease_state(folder).number == 2 and lease_state(folder).owner.ended is None


@pytest.mark.parametrize("jump", [-1e6, -10.0, 10.0, 1e6])
def test_a_clock_that_jumps_takes_no_run_from_a_beating_holder(folder, monkeypatch, jump):
    """Each beat is stamped by a clock that has jumped on: only whether the stamp changes counts."""
    watch = Watch()
    with acquire(folder, lease=3600):
        file = folder / "00001.json"
        for turn in range(5):
            os.utime(file, (1.7e9 + turn * jump, 1.7e9 + turn * jump))
            assert watch.alive(folder)


def test_a_silent_holder_of_another_machine_loses_the_run_only_by_being_watched(folder, monkeypatch):
    with acquire(folder, lease=0.3):
        holder = replace(lease_state(folder).owner, space="elsewhere", host="far", lease=0.3)
    lease.take(folder, 2, holder)
    os.utime(folder / "00002.json", (0, 0))  # by this machine's clock it is very old
    with pytest.raises(Held, match="far"), acquire(folder):
        pass
    watch = Watch()
    assert watch.alive(folder)
    time.sleep(0.35)
    assert not watch.alive(folder)
    with acquire(folder):
        pass


def test_whether_a_holder_has_been_outlived_is_watched_on_other_machines_only(folder, other):
    assert owner_is_gone(folder)  # nobody was ever there
    process, begin = other(lease=60), time.monotonic()
    assert not owner_is_gone(folder)
    assert time.monotonic() - begin < 1.0  # it can be seen to live
    process.kill()
    process.wait()
    assert owner_is_gone(folder)


@pytest.mark.parametrize("beats", [True, False])
def test_a_holder_elsewhere_is_outlived_once_it_has_been_silent_for_its_lease(folder, beats):
    with acquire(folder):
        here = lease_state(folder).owner
    lease.take(folder, 2, replace(here, space="elsewhere", lease=0.8))
    over = threading.Event()

    def beat():
        while not over.wait(0.3):
            os.utime(folder / "00002.json")

    if beats:
        threading.Thread(target=beat, daemon=True).start()
    assert owner_is_gone(folder) is not beats
    over.set()


@pytest.mark.parametrize("content", ["", "{", "[]", '{"host": 1}', "\x00\xff"])
def test_a_claim_that_cannot_be_read_is_watched_as_any_other(folder, content, monkeypatch):
    monkeypatch.setattr(lease, "LEASE", 0.3)
    folder.mkdir()
    (folder / "00004.json").write_text(content, encoding="utf-8")
    (folder / "notes.json").write_text("somebody's own", encoding="utf-8")
    with pytest.raises(Held, match="unknown"), acquire(folder):
        pass
    assert owner_is_gone(folder)
    with acquire(folder):
        assert numbers(folder) == ["00006.json", "notes.json"]


RACE = """
import sys, time
from pathlib import Path
from bench.runs.lease import Held, acquire
folder, log = Path(sys.argv[1]), Path(sys.argv[2])
print("ready", flush=True)
sys.stdin.readline()
won = 0
for turn in range(60):
    try:
        with acquire(folder):
            inside = log / "inside"
            inside.mkdir()  # raises if anybody else is inside
            time.sleep(0.001)
            inside.rmdir()
            won += 1
    except Held:
        time.sleep(0.001)
print(won, flush=True)
"""


def test_of_four_that_come_at_once_one_at_a_time_is_inside(folder, tmp_path):
    log = tmp_path / "log"
    log.mkdir()
    command = [sys.executable, "-c", RACE, str(folder), str(log)]
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
    racers = [subprocess.Popen(command, text=True, cwd=PROJECT, **pipes) for _ in range(4)]
    for racer in racers:
        assert racer.stdout.readline() == "ready\n"
    said = [racer.communicate("go\n") for racer in racers]
    assert [error for _, error in said] == [""] * 4
    assert sum(int(won) for won, _ in said) > 60  # and nobody was shut out for good
    assert len(numbers(folder)) == 1
