"""`python -m benchmarks.reliability.kills`: kill -9 at 100 random moments of a 12-run sweep.

Each kill takes one process of the sweep (the command, a worker, a report) or all of them; the same command is started
again whenever it has gone. A sweep that is done is compared with an undisturbed one, bit by bit, and begun anew.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from bench.runs.published import leftovers, published_files

PROJECT = Path(__file__).parents[2]
SWEEP = ["noise", "smoke", "train.i2t_noise=[0,0.5,1]", "runtime.checkpoint_every=2", "launcher.jobs=2"]
RUNS = 12
PATIENCE = 900.0  # seconds a sweep may take that is no longer killed
QUIET = 12.0  # seconds between kills at most; a worker takes a third of that to start


def main() -> int:
    """Returns 0 if every sweep ended as the undisturbed one."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.reliability.kills", description=__doc__)
    parser.add_argument("--kills", type=int, default=100)
    parser.add_argument("--seed", type=int, default=0)
    asked = parser.parse_args()
    chance, left, sweeps, wrong = random.Random(asked.seed), asked.kills, 0, 0
    with tempfile.TemporaryDirectory() as place:
        cache = Path(place) / "cache"
        whole = Path(place) / "undisturbed"
        begin = time.monotonic()
        completed(whole, cache)
        print(f"undisturbed: {time.monotonic() - begin:.0f} s", flush=True)
        expected = everything(whole)
        assert len(expected) == RUNS
        while left > 0:
            folder = Path(place) / f"sweep-{sweeps}"
            folder.mkdir()
            before, starts = left, 0
            while left > 0 and not done(folder):
                left -= killed(folder, cache, chance)
                starts += 1
            completed(folder, cache)
            differing = [name for name, run in everything(folder).items() if run != expected[name]]
            left_over = [f"{run.name}/{name}" for run in (folder / "runs").iterdir() for name in leftovers(run)]
            twice = [run.name for run in (folder / "runs").iterdir() if last_steps(run) > 1]
            wrong += bool(differing or left_over)
            sweeps += 1
            print(
                f"sweep {sweeps}: {before - left} kills in {starts} starts, {len(differing)} of {RUNS} runs differ,"
                f" {len(left_over)} stray files, {len(twice)} runs took their last step twice",
                flush=True,
            )
            print(*differing, *left_over, sep="\n", end="\n" * bool(differing or left_over))
    print(f"{asked.kills - left} kills, {sweeps} sweeps, {wrong} of them wrong")
    return 1 if wrong else 0


def start(folder: Path, cache: Path) -> subprocess.Popen[bytes]:
    """The sweep's command, started in ``folder``."""
    folder.mkdir(exist_ok=True)
    with (folder / "log").open("ab") as log:
        return subprocess.Popen(
            [sys.executable, "-m", "sweeps", "run", *SWEEP, f"runtime.cache={cache}"],
            cwd=folder,
            stdout=log,
            stderr=log,
            env=os.environ | {"PYTHONPATH": str(PROJECT)},
        )


def completed(folder: Path, cache: Path) -> None:
    """Run the command until it has done everything."""
    deadline = time.monotonic() + PATIENCE
    while start(folder, cache).wait(PATIENCE):
        said = (folder / "log").read_text(encoding="utf-8")[-3000:]
        assert time.monotonic() < deadline, f"the sweep does not complete: {said}"


def killed(folder: Path, cache: Path, chance: random.Random) -> int:
    """Start the command and kill at random moments until it has gone; returns how many kills that took."""
    command, kills = start(folder, cache), 0
    while True:
        try:
            command.wait(chance.uniform(0.0, QUIET))
            break
        except subprocess.TimeoutExpired:
            family = [command.pid, *descendants(command.pid)]
            victims = family if chance.random() < 0.3 else [chance.choice(family)]
            for pid in victims:
                try:
                    os.kill(pid, signal.SIGKILL)
                except ProcessLookupError:
                    continue
            kills += 1
    return kills


def descendants(pid: int) -> list[int]:
    """Every process that stems from ``pid``."""
    try:
        children = Path(f"/proc/{pid}/task/{pid}/children").read_text(encoding="utf-8").split()
        threads = [path for path in Path(f"/proc/{pid}/task").iterdir() if path.name != str(pid)]
        for thread in threads:
            children += (thread / "children").read_text(encoding="utf-8").split()
    except OSError:
        return []
    return [family for child in map(int, children) for family in (child, *descendants(child))]


def done(folder: Path) -> bool:
    return len(list((folder / "runs").glob("*/evals/*/*/result.json"))) == RUNS


def everything(folder: Path) -> dict[str, dict]:
    return {run.name: published_files(run) for run in sorted((folder / "runs").iterdir())}


def last_steps(run: Path) -> int:
    """How often a run took its last step."""
    steps = []
    for line in (run / "metrics.jsonl").read_text(encoding="utf-8").splitlines():
        try:
            steps.append(json.loads(line)["step"])
        except (ValueError, KeyError):
            continue
    return steps.count(max(steps))


if __name__ == "__main__":
    sys.exit(main())
