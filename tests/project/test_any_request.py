"""Whatever a user asks is accepted, or refused in one line with exit status 2: no traceback, and nothing written."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from wrong_requests import NAMES, NARROWED, REQUESTS, RESULTS, SWEEP_FILES, SWEEP_JSONS, a_sweep_file, a_sweep_json

from bench.__main__ import main as bench_main
from bench.system.command_line import exit_status
from reports.__main__ import main as reports_main
from sweeps.__main__ import main as sweeps_main

TWO_HUNDRED = settings(
    max_examples=200,
    derandomize=True,
    deadline=None,
    database=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow, HealthCheck.data_too_large],
)


@pytest.fixture(autouse=True)
def elsewhere(tmp_path, monkeypatch):
    """An empty folder to be in, and no hub: what looks like a hub's id gets no answer."""

    def no_answer(hub_id: str, kind: str) -> str:
        raise OSError("no network")

    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("huggingface_hub.try_to_load_from_cache", no_answer)


def everything_here() -> dict[str, bytes]:
    return {str(path): path.read_bytes() if path.is_file() else b"" for path in Path().rglob("*")}


def outcome(main: Any, arguments: list[str], capsys: pytest.CaptureFixture[str]) -> int:
    """The exit status, after checking that it is told as it should be and that nothing was written."""
    before = everything_here()
    capsys.readouterr()
    try:
        status = exit_status(lambda: main(arguments))
    except SystemExit as stopped:  # --help
        status = int(stopped.code or 0)
    out, err = capsys.readouterr()
    assert "Traceback" not in out + err, err
    if status == 2:
        lines = err.splitlines()
        assert len(lines) == 1 and lines[0].startswith("error: ") and len(lines[0]) > len("error: "), err
    else:
        assert status == 0 and err == "", err
    if status == 2 or main is not reports_main:
        assert everything_here() == before
    return status


@TWO_HUNDRED
@given(request_=REQUESTS)
def test_show(request_, capsys):
    outcome(bench_main, ["show", *request_], capsys)


@TWO_HUNDRED
@given(name=NAMES, request_=REQUESTS, narrowed=NARROWED)
def test_plan_of_a_shipped_sweep(name, request_, narrowed, capsys):
    outcome(sweeps_main, ["plan", name, *request_, *narrowed], capsys)


@TWO_HUNDRED
@given(content=SWEEP_FILES, narrowed=NARROWED)
def test_plan_of_a_file_of_ones_own(content, narrowed, capsys):
    Path("mine.yaml").write_bytes(content)
    outcome(sweeps_main, ["plan", "mine.yaml", *narrowed], capsys)


@TWO_HUNDRED
@given(text=SWEEP_JSONS, where=RESULTS)
def test_a_report_of_a_broken_results_folder(text, where, capsys):
    os.makedirs("results/mine", exist_ok=True)
    Path("results/mine/sweep.json").write_text(text, encoding="utf-8")
    outcome(reports_main, ["build", where], capsys)


def test_a_report_of_bytes_that_are_no_text(capsys):
    os.makedirs("results/mine")
    Path("results/mine/sweep.json").write_bytes(b"\xff\xfe{}")
    assert outcome(reports_main, ["build", "results/mine"], capsys) == 2


def test_a_million_points_are_refused_before_they_are_made(capsys):
    values = ", ".join(map(str, range(1000)))
    axes = f"{{seed: [{values}], eval.seed: [{values}]}}"
    Path("mine.yaml").write_text(f"question: q\ngrid: {axes}\nplot: {{x: seed, y: [a]}}", encoding="utf-8")
    assert outcome(sweeps_main, ["plan", "mine.yaml"], capsys) == 2
    assert outcome(sweeps_main, ["plan", "mine.yaml", "seed=[1,2]", "eval.seed=3"], capsys) == 0


def test_the_right_ones_are_accepted(capsys):
    """So that the tests above cannot pass by refusing everything."""
    assert outcome(bench_main, ["show", "smoke", "train.lr=1e-3"], capsys) == 0
    assert outcome(sweeps_main, ["plan", "noise", "smoke", "seed=[0,1]"], capsys) == 0
    Path("mine.yaml").write_text(json.dumps(a_sweep_file()), encoding="utf-8")
    assert outcome(sweeps_main, ["plan", "mine.yaml"], capsys) == 0
    os.makedirs("results/mine")
    Path("results/mine/sweep.json").write_text(json.dumps(a_sweep_json()), encoding="utf-8")
    assert outcome(reports_main, ["build", "results/mine"], capsys) == 0
