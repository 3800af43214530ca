"""Whatever a user asks is accepted, or refused in one line with exit status 2: no traceback, and nothing written."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from bench.__main__ import main as bench_main
from bench.command_line import exit_status
from bench.config import Config, presets
from bench.config_checks import setting_keys
from reports.__main__ import main as reports_main
from sweeps import grid
from sweeps.__main__ import main as sweeps_main

REQUESTS = settings(
    max_examples=200,
    derandomize=True,
    deadline=None,
    database=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow, HealthCheck.data_too_large],
)
KEYS = sorted(setting_keys(Config))


@pytest.fixture(autouse=True)
def elsewhere(tmp_path, monkeypatch):
    """An empty folder to be in, and no hub: what looks like a hub's id gets no answer."""

    def no_answer(hub_id: str, kind: str) -> str:
        raise OSError("no network")

    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("huggingface_hub.try_to_load_from_cache", no_answer)


def mangled(names: list[str]) -> st.SearchStrategy[str]:
    """A right name, or one with a letter lost or doubled, in other case, or with something odd put in."""
    right = st.sampled_from(names)
    place, odd = st.integers(0, 30), st.sampled_from(["", ".", "=", "[0]", " ", "é", "\n", "\\", "${x}", "-", "\x00", "😀"])
    cut = st.builds(lambda name, at, put: name[:at] + put + name[at + 1 :], right, place, odd)
    doubled = st.builds(lambda name, at: name[:at] + name[at : at + 1] * 2 + name[at + 1 :], right, place)
    return st.one_of(right, right, right, cut, doubled, right.map(str.upper), st.text(max_size=8))


VALUES = [
    "", "1", "0", "-1", "1e-3", "1e400", ".nan", "-.inf", "017", "0o17", "0x1f", "0x" + "f" * 5000, "9" * 30, "9" * 5000,
    "1_000", "1:30", "2024-01-01", "true", "on", "null", "~", "???", "\\???", "'???'", "${seed}", "${oc.env:HOME}", "${",
    "embedded", "dual_tower", "dual_towr", "all", "[]", "[1]", "[0,1]", "[0, x]", "[dual_tower,single_tower]", "{}",
    "{a: 1}", "{a: {b: {c: 1}}}", "{a: 1, a: 2}", "{1: 2}", "{null: 1}", "[1, [2, [3]]]", "[" * 60 + "]" * 60, "[" * 9000,
    "- " * 3000, "[1", "'x", '"\\x07"', '"\\ud800"', "\x07", "\t", "\t1", "a\tb", "a\nb", "a\rb", "a\u2028b", "é", "水", "😀",
    "\udcff", "a=b", "=", "==", "&a [*a]", "&a 1", "*a", "!!python/name:os.system x", "!!python/object/apply:os.getcwd []",
    "!!python/object/apply:pathlib.Path [a]", "!!int ''", "!!bool zz", "!!float x", "!!timestamp 2024-01-01", "!!set {a}",
    "!!binary aGVsbG8=", "!!binary é", "!!omap [a: 1]", "!<!x> 1", "%YAML 2.0\n--- a", "a\n---\nb", "<<: 1", "{<<: [1]}",
    "? [1]", "~nobody/x", "/" + "x" * 300, "a\x00b", "./no/such", "owner/name", "a b/c", "x" * 5000, "{steps: 3}", "0.5",
    "[0.9,0.95]", "[0.9]", "inception", ".", "..", "/dev/null", "#x", "%", "@x", "`", "|", "> x", "'it''s'", "a: b: c",
]  # fmt: skip
KNOWN = {
    "model.architecture": ["dual_tower", "gated_layer", "[single_tower,gated_layer]"], "data.name": ["coco", "scenes"],
    "seed": ["3", "[0,1,2]", "[3,3]"], "train.lr": ["0.1", "1e-5"], "train.betas": ["[0.1,0.2]"],
    "train.steps": ["7", "100"], "data.image_size": ["16", "33"],
}  # fmt: skip
KEY = mangled([*KEYS, "model.options.gate_scope", "model.options.gate", "model.options", "train", "model", "a.b.c"])
AN_OVERRIDE = st.builds("{}={}".format, KEY, st.one_of(st.sampled_from(VALUES), st.text(max_size=6)))
A_RIGHT_ONE = st.sampled_from([f"{key}={value}" for key, values in KNOWN.items() for value in values])
WORDS = st.tuples(
    st.one_of(st.just([]), mangled(presets()).map(lambda name: [name])),
    st.lists(st.one_of(A_RIGHT_ONE, AN_OVERRIDE), max_size=4),
    st.one_of(st.just([]), st.just([]), st.lists(st.text(max_size=4), max_size=1)),
).map(lambda parts: [word for part in parts for word in part])


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
    assert status == 2 or everything_here().keys() >= before.keys()
    if main is not reports_main or status == 2:
        assert everything_here() == before
    return status


@REQUESTS
@given(words=WORDS)
def test_show(words, capsys):
    outcome(bench_main, ["show", *words], capsys)


@REQUESTS
@given(name=mangled([*grid.names(), "./x.yaml", "x.yml", "/dev/null/x.yaml", "..", "a/" + "x" * 300]), words=WORDS)
def test_plan_of_a_shipped_sweep(name, words, capsys):
    outcome(sweeps_main, ["plan", name, *words], capsys)


SCALARS = st.one_of(
    st.none(), st.booleans(), st.integers(-3, 10), st.integers(), st.floats(), st.text(max_size=5),
    st.sampled_from([*VALUES[:40], "dual_tower", "single_tower", 10**25]),
)  # fmt: skip
ANYTHING = st.recursive(
    SCALARS, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=4), inner, max_size=3), max_leaves=8
)
AXIS_VALUES = {
    "seed": [0, 1, 2], "model.architecture": ["dual_tower", "gated_layer"], "train.lr": [0.1, 1e-3, 1], "train.steps": [5, 6],
    "train.betas": [[0.5, 0.9], [0, 0]], "eval.sampler": ["euler", "heun"], "model.image_delimiters": [True, False],
    "data.root": [None], "train.i2t_noise": [0, 0.5, 1], "model.options.gate_scope": ["layer", "global"],
}  # fmt: skip
A_RIGHT_AXIS = st.sampled_from(sorted(AXIS_VALUES)).flatmap(
    lambda key: st.tuples(st.just(key), st.lists(st.sampled_from(AXIS_VALUES[key]), min_size=1, max_size=3))
)
AN_AXIS = st.one_of(
    A_RIGHT_AXIS,
    A_RIGHT_AXIS,
    A_RIGHT_AXIS,
    st.tuples(KEY, st.one_of(SCALARS, ANYTHING, st.just("all"))),
    st.integers(1, 1000).map(lambda size: ("seed", list(range(size)))),
    st.integers(1, 1000).map(lambda size: ("eval.seed", list(range(size)))),
)
AXES = st.lists(AN_AXIS, min_size=1, max_size=3).map(dict)
POINTS = st.lists(st.fixed_dictionaries({key: st.sampled_from(AXIS_VALUES[key]) for key in ("train.lr", "train.steps")}))
A_FILE = st.fixed_dictionaries(
    {
        mostly: value
        for mostly, value in {
            "question": st.one_of(st.just("Why?"), st.just("Why?"), st.just("Why?"), SCALARS),
            "grid": st.one_of(AXES, AXES, AXES, ANYTHING),
            "plot": st.one_of(st.just({"x": "architecture", "y": ["fid"]}), st.just({"x": "seed", "y": ["fid"]}), ANYTHING),
        }.items()
    },
    optional={
        "zip": st.one_of(AXES, st.lists(AXES, max_size=2), ANYTHING),
        "points": st.one_of(POINTS, ANYTHING),
        "source": st.one_of(st.just("a paper"), SCALARS),
        "girds": ANYTHING,
    },
)
RAW = [
    "", "\t", "a: b: c", "- 1", "&a {question: *a}", "question: &a q\ngrid: {seed: [0]}\nplot: {x: seed, y: [*a]}",
    "question: q\nquestion: q", "!!python/object/apply:os.system [true]", "question: q\n\tgrid: 1", "[" * 50_000, "- " * 9000,
    "\n".join(" " * depth + "a:" for depth in range(300)), "question: 2024-01-01\ngrid: {seed: [017]}\nplot: {x: seed, y: [a]}",
    "a: &a [x,x,x,x,x,x,x,x,x]\n" + "".join(f"{c}: &{c} [{','.join(['*' + chr(ord(c) - 1)] * 9)}]\n" for c in "bcdefghi"),
    "question: q\ngrid: {seed: [" + ",".join(map(str, range(3000))) + "], eval.seed: [" + ",".join(map(str, range(900))) + "]}\n"
    "plot: {x: seed, y: [fid]}", "question: q\ngrid: {train.lr: 1e-3, seed: !!set {1}}\nplot: {x: lr, y: [fid]}",
    "question: 'it''s = [q]'\ngrid: {train.lr: [1e-3, 1_0.5]}\nplot: {x: train.lr, y: [fid]}", "\ufeffquestion: q", "\x00",
    "question: q\ngrid: {<<: {seed: [1]}}\nplot: {x: seed, y: [fid]}", "question: q\n...\n---\ngrid: 1", "{", "? a", "%x",
]  # fmt: skip


@REQUESTS
@given(
    content=st.one_of(
        A_FILE.map(lambda content: yaml.safe_dump(content, allow_unicode=True, sort_keys=False).encode("utf-8", "replace")),
        A_FILE.map(lambda content: json.dumps(content, ensure_ascii=False).encode("utf-8", "replace")),
        st.sampled_from(RAW).map(str.encode),
        st.binary(max_size=30),
    ),
    words=st.one_of(st.just([]), st.just([]), WORDS),
)
def test_plan_of_a_file_of_ones_own(content, words, capsys):
    Path("mine.yaml").write_bytes(content)
    outcome(sweeps_main, ["plan", "mine.yaml", *words], capsys)


def a_sweep_json() -> dict[str, Any]:
    run = {"run_id": "dual_tower-0123456789", "eval_id": "0123456789", "step": 5, "overrides": ["seed=0", "train.lr=0.1"]}
    return {
        "schema": 1, "name": "mine", "preset": "smoke", "question": "q", "source": "s", "plot": {"x": "lr", "y": ["fid"]},
        "runs_root": "../../runs", "points": [run, {**run, "overrides": ["seed=1", "train.lr=0.2"]}],
    }  # fmt: skip


PLACES = [
    ("schema",), ("name",), ("preset",), ("question",), ("source",), ("plot",), ("plot", "x"), ("plot", "y"), ("plot", "y", 0),
    ("runs_root",), ("points",), ("points", 0), ("points", 0, "run_id"), ("points", 1, "eval_id"), ("points", 0, "step"),
    ("points", 1, "overrides"), ("points", 0, "overrides", 0), ("points", 0, "overrides", 1),
]  # fmt: skip
LOST = object()
INSTEAD = st.one_of(
    ANYTHING,
    st.just(LOST),
    st.sampled_from(["../..", "a/b", "x" * 300, "a\x00b", "\ud800", "seed=x", "seed=[1]", "train.lr=x", "train.lr=NaN", "lr"]),
    st.sampled_from(["train.lr=" + "9" * 5000, "model.architecture=[1]", "train.lr=" + "[" * 9000, 10**400, -1, 1.5, True]),
)


def broken(place: tuple[Any, ...], instead: Any) -> str:
    """The text of a sweep.json with something else in one place."""
    content = a_sweep_json()
    *path, last = place
    inner: Any = content
    for step in path:
        inner = inner[step]
    if instead is LOST:
        del inner[last]
    else:
        inner[last] = instead
    return json.dumps(content)


@REQUESTS
@given(
    text=st.one_of(
        st.builds(broken, st.sampled_from(PLACES), INSTEAD),
        st.builds(broken, st.sampled_from(PLACES), INSTEAD),
        st.builds(lambda end: json.dumps(a_sweep_json())[:end], st.integers(0, 400)),
        st.sampled_from(["", "[]", "1", "null", '"schema"', '{"schema": 2}', '{"schema": 1}', "[" * 90_000, "\x00"]),
    ),
    where=st.sampled_from(["results/mine"] * 8 + ["results", "", "a\x00b", "x" * 300, "results/mine/sweep.json"]),
)
def test_a_report_of_a_broken_results_folder(text, where, capsys):
    os.makedirs("results/mine", exist_ok=True)
    Path("results/mine/sweep.json").write_text(text)
    outcome(reports_main, ["build", where], capsys)


def test_a_report_of_bytes_that_are_no_text(capsys):
    os.makedirs("results/mine")
    Path("results/mine/sweep.json").write_bytes(b"\xff\xfe{}")
    assert outcome(reports_main, ["build", "results/mine"], capsys) == 2


def test_the_right_ones_are_accepted(capsys):
    """So that the tests above cannot pass by refusing everything."""
    assert outcome(bench_main, ["show", "smoke", "train.lr=1e-3"], capsys) == 0
    assert outcome(sweeps_main, ["plan", "noise", "smoke", "seed=[0,1]"], capsys) == 0
    Path("mine.yaml").write_text("question: q\ngrid: {train.lr: [1e-3]}\nplot: {x: lr, y: [fid]}")
    assert outcome(sweeps_main, ["plan", "mine.yaml"], capsys) == 0
    os.makedirs("results/mine")
    Path("results/mine/sweep.json").write_text(json.dumps(a_sweep_json()))
    assert outcome(reports_main, ["build", "results/mine"], capsys) == 0
