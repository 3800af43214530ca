"""The catalogue of planted faults: each moves something, and none moves what was asked for."""

from __future__ import annotations

from collections import Counter
from functools import cache
from pathlib import Path

import pytest

from architectures.kv_cache import LayerCache
from benchmarks.reliability import faults
from benchmarks.reliability.faults import FAULTS, SCORING, TRAINING
from benchmarks.reliability.faults.planting import slip
from benchmarks.reliability.faults.shown import HARMLESS, architecture_of, moved, observed, shown

TABLE = Path(faults.__file__).parents[2] / "results" / "faults.txt"
QUICK = {  # one of each group
    "long captions cut", "padding attended to", "text loss x 0.9", "weight decay on norms and biases",
    "guidance stronger by 1", "perplexity averaged over texts", "the image head's norm frozen",
}  # fmt: skip


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    """Tiny runs by architecture and settings, done once, and a folder for those with a fault."""
    place = tmp_path_factory.mktemp("runs")

    @cache
    def normal(architecture, *settings):
        return observed(place, architecture, None, *settings)

    normal.place = place
    return normal


@pytest.mark.parametrize(
    "name", [name if name in QUICK else pytest.param(name, marks=pytest.mark.slow) for name in FAULTS]
)
def test_a_planted_fault_changes_what_comes_out_and_not_what_was_asked_for(name, run):
    fault = FAULTS[name]
    architecture = architecture_of(fault)
    normal, faulty = run(architecture), observed(run.place, architecture, fault)
    assert (faulty.run_id, faulty.eval_id) == (normal.run_id, normal.eval_id)
    moves = moved(normal, faulty)
    assert shown(moves, moved(normal, run(architecture, HARMLESS))), moves
    if fault.touches == SCORING:
        assert not moves.keys() & {"data", "rates", "losses", "weights"}


def test_a_run_without_a_fault_moves_nothing_and_rounding_is_not_shown(run):
    assert not moved(run("dual_tower"), observed(run.place, "dual_tower"))
    harmless = moved(run("dual_tower"), run("dual_tower", HARMLESS))
    assert harmless and not shown(harmless, harmless)


def test_every_group_has_faults_and_each_says_what_it_breaks():
    assert sum(len(group.FAULTS) for group in faults.GROUPS) == len(FAULTS) >= 24
    assert min(Counter(fault.group for fault in FAULTS.values()).values()) >= 3
    assert {fault.group for fault in FAULTS.values()} >= {"data", "frozen"}
    assert {fault.touches for fault in FAULTS.values()} > {TRAINING, SCORING}
    said = [fault.breaks for fault in FAULTS.values()]
    assert len({*said}) == len(said)
    assert all(sentence.endswith(".") and "\n" not in sentence for sentence in said)


def test_the_committed_table_shows_every_fault():
    """Otherwise: `python -m benchmarks.reliability.faults --table`."""
    lines = TABLE.read_text(encoding="utf-8").splitlines()
    of_faults = [line for line in lines if line[:36].strip() in FAULTS]
    assert [line[:36].strip() for line in of_faults] == list(FAULTS)
    assert not [line for line in of_faults if line.endswith("nothing beyond rounding")]


class Early:
    def rows(self):
        return 4


class Late(Early):
    def rows(self):
        return super().rows() + 1


def test_a_slip_changes_the_code_for_whoever_holds_the_function():
    held = Late().rows
    slip(Late.rows, "super().rows() + 1", "super().rows() + 2")
    assert held() == Late().rows() == 6
    with pytest.raises(AssertionError, match="does not hold"):
        slip(LayerCache.fork, "what stands nowhere", "")
