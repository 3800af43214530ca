"""The comparison of fingerprints, on made-up ones whose tolerances are worked out by hand, as a user calls it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest

import architectures
from bench.experiment.fingerprints.measure import deviation
from bench.experiment.fingerprints.variations import SHARED, VARIATIONS
from bench.system.command_line import exit_status
from reports.__main__ import main
from reports.regression.fingerprints import baseline

SCOPES = {
    SHARED: {"data: tokens": "digest 0123", "data: noise": [1.0, -2.0], "scores: fid": [10.0]},
    "dual_tower": {
        "loss: text": [2.0], "loss: image": [1.0], "gradient: norm": [4.0, 3.0],
        "sampling: caption": '"a red circle"', "published: all right": {"numbers": [0.5], "slack": 0.125},
    },
}  # fmt: skip
MOVED = {
    SHARED: {"data: tokens": 0.0, "data: noise": 0.0, "scores: fid": 1e-4},
    "dual_tower": {
        "loss: text": 1e-5, "loss: image": 3e-5, "gradient: norm": 1e-6,
        "sampling: caption": None, "published: all right": 0.0,
    },
}  # fmt: skip
MACHINE = {"device": "a processor", "time": "2026-01-01T00:00:00+00:00", "packages": {"torch": "2.14"}}


def written(path: Path, changes: dict[str, Any] | None = None, **more: Any) -> Path:
    """A file of fingerprints; a change to None leaves a quantity out."""
    scopes = {
        scope: {name: value for name, value in (found | (changes or {})).items() if value is not None and name in found}
        for scope, found in SCOPES.items()
    }
    content = {"schema": 2, "environment": MACHINE, "seconds": 9.0, "scopes": scopes} | more
    path.write_text(json.dumps(content), encoding="utf-8")
    return path


@pytest.fixture
def blessed(tmp_path: Path) -> Path:
    """A baseline of them."""
    measured = written(tmp_path / "measured.json", moved=MOVED, variations=["two threads", "AVX2"])
    path = tmp_path / "baselines" / "fingerprints.json"
    assert main(["bless", str(measured), "--baseline", str(path), "--yes"]) == 0
    return path


def test_a_tolerance_is_eight_times_what_the_quantity_moved_or_its_like(blessed):
    """Of a stage's quantities half moved by the median or more; what moved less may move as far as that."""
    found = baseline.read(blessed)
    assert found and found.scopes == SCOPES
    own = found.tolerances["dual_tower"]
    assert own["loss: image"] == pytest.approx(8 * 3e-5)
    assert own["loss: text"] == pytest.approx(8 * 2e-5)  # the median of 1e-5 and 3e-5
    assert own["gradient: norm"] == pytest.approx(8e-6)
    assert own["sampling: caption"] is None
    assert found.tolerances[SHARED] == {"data: tokens": 0.0, "data: noise": 1e-6, "scores: fid": pytest.approx(8e-4)}
    assert found.thresholds["held_out"] == [name for name, it in VARIATIONS.items() if it.held_out] != []


@pytest.mark.parametrize(
    ("changes", "first"),
    [
        ({}, None),
        ({"loss: text": [2.0003], "gradient: norm": [4.00002, 3.0], "scores: fid": [10.007]}, None),
        ({"sampling: caption": '"a blue square"'}, None),  # rounding decides it
        ({"published: all right": {"numbers": [0.625], "slack": 0.125}}, None),  # an item
        ({"published: all right": {"numbers": [0.75], "slack": 0.125}}, "published: all right"),
        ({"loss: text": [2.0004], "gradient: norm": [5.0, 3.0]}, "loss: text"),
        ({"gradient: norm": [4.0, 3.0001]}, "gradient: norm"),
        ({"gradient: norm": [4.0, float("nan")]}, "gradient: norm"),
        ({"loss: image": None}, "loss: image"),
        ({"data: tokens": "digest 4567", "loss: text": [9.0]}, "data: tokens"),
    ],
    ids=str,
)
def test_the_first_quantity_that_differs_is_named(blessed, tmp_path, capsys, changes, first):
    path = written(tmp_path / "now.json", changes)
    assert main(["regress", str(path), "--baseline", str(blessed)]) == (first is not None)
    said = capsys.readouterr().out
    markdown = path.with_suffix(".md").read_text(encoding="utf-8")
    failures = ElementTree.parse(path.with_suffix(".xml")).findall(".//failure")
    assert "8 x the largest move under two threads, AVX2" in said
    if first is None:
        assert said.startswith("Fingerprints: all 8 quantities kept") and not failures
        return
    head = said.splitlines()[0]
    assert head.endswith(first) and ("all architectures" in head) == first.startswith("data")
    assert markdown.splitlines()[0] == f"## {head}"
    assert first in failures[0].get("message", "")
    assert f"| {first} |" in markdown


def test_what_the_baseline_lacks_is_named_and_stops_nothing(blessed, tmp_path, capsys):
    more = SCOPES | {"linear": {"loss: text": [1.0]}}
    assert main(["regress", str(written(tmp_path / "now.json", scopes=more)), "--baseline", str(blessed)]) == 0
    assert "without a baseline yet: 1, the first linear: loss: text" in capsys.readouterr().out


def test_only_bless_moves_the_baseline_and_it_shows_the_difference_first(blessed, tmp_path, capsys):
    new = written(tmp_path / "new.json", {"loss: text": [3.0]}, moved=MOVED, variations=["two threads"])
    before = blessed.read_bytes()
    assert exit_status(lambda: main(["bless", str(new), "--baseline", str(blessed)])) == 2  # nobody to ask
    said = capsys.readouterr().out
    assert "1 of 8 quantities differ, first in dual tower: loss: text" in said and "New tolerances" in said
    assert blessed.read_bytes() == before
    assert main(["bless", str(new), "--baseline", str(blessed), "--yes"]) == 0
    assert main(["regress", str(new), "--baseline", str(blessed)]) == 0


def test_what_cannot_be_compared_is_refused_in_a_line(blessed, tmp_path, capsys):
    plain = written(tmp_path / "plain.json")
    other = tmp_path / "other.json"
    other.write_text('{"schema": 2, "points": []}', encoding="utf-8")
    for arguments, words in (
        (["bless", str(plain), "--baseline", str(blessed), "--yes"], "--measure"),
        (["regress", str(plain), "--baseline", str(tmp_path / "none.json")], "make bless"),
        (["regress", str(plain), "--baseline", str(other)], "no baseline"),
        (["regress", str(other), "--baseline", str(blessed)], "no fingerprints"),
        (["regress", str(tmp_path / "none.json"), "--baseline", str(blessed)], "bench fingerprint"),
    ):
        assert exit_status(lambda arguments=arguments: main(arguments)) == 2
        (line,) = capsys.readouterr().err.splitlines()
        assert words in line


@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [
        ("a", "a", 0), ("a", "b", float("inf")), ("a", [1.0], float("inf")), ([1.0], None, float("inf")),
        ([4.0, 2.0], [4.0, 3.0], 0.25), ([0.0], [0.0], 0), ([0.0], [1e-9], float("inf")),
        ([1.0], [1.0, 2.0], float("inf")), ([1.0], [float("nan")], float("inf")),
        ({"numbers": [1.0], "slack": 0.5}, {"numbers": [1.75], "slack": 0.5}, 0.25),
    ],
    ids=str,
)  # fmt: skip
def test_a_deviation_is_the_largest_move_by_the_largest_number(old, new, expected):
    assert deviation(old, new) == expected


def test_the_committed_baseline_has_every_architecture_and_is_small():
    """Otherwise: `make bless`."""
    known = baseline.read(baseline.PATH)
    assert known is not None
    assert set(known.scopes) == {SHARED, *architectures.catalogue()}
    assert baseline.PATH.stat().st_size < 300_000
    rules = known.thresholds
    assert rules["variations"] and not set(rules["variations"]) & set(rules["held_out"])
