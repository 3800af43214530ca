"""The benchmark's own machinery: turns are turns, ratios are paired, refusals come without torch."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from benchmarks.speed.paired import Paired, in_turns, quartiles

ROOT = Path(__file__).parents[2]


def test_ways_take_turns():
    calls: list[str] = []
    ways = {name: lambda name=name: calls.append(name) for name in "ab"}
    times = in_turns(ways, turns=5, seconds=10)
    assert calls == ["a", "b"] * 6  # the first of each is a warm-up
    assert [len(taken) for taken in times.seconds.values()] == [5, 5]
    assert len(in_turns(ways, turns=50, seconds=0).seconds["a"]) == 3


def test_warm_ups_stand_for_the_ways_and_the_device_settles_around_each():
    calls: list[str] = []
    ways = {name: lambda name=name: calls.append(name) for name in "ab"}
    in_turns(ways, 3, 0, {"a": lambda: calls.append("warm")}, lambda: calls.append("."))
    assert "".join(calls) == "warm" + ".a..b." * 3


def test_ratios_are_of_one_turn():
    """A machine that slows down in the middle changes both ways and no ratio."""
    times = Paired({"fast": [1.0, 1.0, 5.0, 5.0], "slow": [2.0, 2.0, 10.0, 10.0]})
    assert times.ratio("slow", to="fast") == (2.0, 2.0, 2.0)
    assert times.ratio("slow", to="fast", times=10) == (20.0, 20.0, 20.0)
    assert times.median("fast") == 3.0
    assert quartiles([4.0, 2.0]) == (3.0, 2.0, 4.0)
    assert quartiles([5.0, 1.0, 3.0]) == (3.0, 1.0, 5.0)


@pytest.mark.parametrize(
    ("asked", "said"),
    [
        (["midd"], "unknown shape 'midd' (did you mean 'mid'?)"),
        (["--json", "README.md"], "README.md exists, and is not overwritten: name another file"),
        (["mid", "--growth", "x"], "--growth has sizes and a file of its own: leave out the shapes and --json"),
    ],
)
def test_refusals(asked, said):
    code = "import sys; from bench.system.command_line import exit_status; from benchmarks.__main__ import main"
    code += f"; status = exit_status(lambda: main({asked!r}))"
    code += "; print('torch' in sys.modules); sys.exit(status)"
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=ROOT)
    assert (ran.returncode, ran.stdout.strip()) == (2, "False")
    assert ran.stderr == f"error: {said}\n"
