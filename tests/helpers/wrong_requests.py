"""Hypothesis strategies of what users might ask: requests, sweep files and results, most with something wrong."""

from __future__ import annotations

import json
from itertools import pairwise
from typing import Any

import yaml
from hypothesis import strategies as st

from bench.config.checks import setting_keys
from bench.config.load import presets
from bench.config.schema import Config
from sweeps import grid

KEYS = sorted(setting_keys(Config))
OPTIONS = ["model.options.gate_scope", "model.options.gate_lr_scale", "model.options.text_only_bypass", "model.options"]
LOST = object()
ODD = ["", ".", "=", "[0]", " ", "é", "\n", "\\", "${x}", "-", "\x00", "😀"]


def mostly(right: st.SearchStrategy[Any], wrong: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    """Four times of five what is right."""
    return st.sampled_from([right] * 4 + [wrong]).flatmap(lambda chosen: chosen)


def mangled(names: list[str]) -> st.SearchStrategy[str]:
    """A name with a letter lost or doubled, in other case, or with something odd put in."""
    right, place = st.sampled_from(names), st.integers(0, 30)
    cut = st.builds(lambda name, at, put: name[:at] + put + name[at + 1 :], right, place, st.sampled_from(ODD))
    doubled = st.builds(lambda name, at: name[:at] + name[at : at + 1] * 2 + name[at + 1 :], right, place)
    return st.one_of(right, cut, cut, doubled, right.map(str.upper), st.text(max_size=8))


VALUES = [
    "", "1", "0", "-1", "1e-3", "1e400", ".nan", "-.inf", "017", "0o17", "0x1f", "0x" + "f" * 5000, "9" * 30,
    "9" * 5000, "1_000", "1:30", "2024-01-01", "true", "on", "null", "~", "???", "\\???", "'???'", "${seed}",
    "${oc.env:HOME}", "${", "embedded", "dual_tower", "dual_towr", "all", "[]", "[1]", "[0,1]", "[0, x]",
    "[dual_tower,single_tower]", "{}", "{a: 1}", "{a: {b: {c: 1}}}", "{a: 1, a: 2}", "{1: 2}", "{null: 1}",
    "[1, [2, [3]]]", "[" * 60 + "]" * 60, "[" * 9000, "- " * 3000, "[1", "'x", '"\\x07"', '"\\ud800"', "\x07", "\t",
    "\t1", "a\tb", "a\nb", "a\rb", "a\u2028b", "é", "水", "😀", "\udcff", "a=b", "=", "==", "&a [*a]", "&a 1", "*a",
    "!!python/name:os.system x", "!!python/object/apply:os.getcwd []", "!!python/object/apply:pathlib.Path [a]",
    "!!int ''", "!!bool zz", "!!float x", "!!timestamp 2024-01-01", "!!set {a}", "!!binary aGVsbG8=", "!!binary é",
    "!!omap [a: 1]", "!<!x> 1", "%YAML 2.0\n--- a", "a\n---\nb", "<<: 1", "{<<: [1]}", "? [1]", "~nobody/x",
    "/" + "x" * 300, "a\x00b", "./no/such", "owner/name", "a b/c", "x" * 5000, "{steps: 3}", "0.5", "[0.9,0.95]",
    "[0.9]", "inception", ".", "..", "/dev/null", "#x", "%", "@x", "`", "|", "> x", "'it''s'", "a: b: c",
]  # fmt: skip
RIGHT = {
    "model.architecture": ["dual_tower", "gated_layer"], "seed": ["3"], "train.lr": ["0.1", "1e-5"],
    "train.steps": ["7"], "train.betas": ["[0.1,0.2]"], "data.image_size": ["16"], "eval.sampler": ["heun"],
    "runtime.runs": ["some runs"],
}  # fmt: skip
A_RIGHT_ONE = st.sampled_from([f"{key}={value}" for key, values in RIGHT.items() for value in values])
A_WRONG_ONE = st.one_of(
    st.builds("{}={}".format, st.sampled_from(KEYS + OPTIONS), st.sampled_from(VALUES)),
    st.builds("{}={}".format, st.sampled_from(KEYS + OPTIONS), st.text(max_size=6)),
    mangled([*KEYS, *OPTIONS, "train", "model", "a.b.c", "seed.x", "train.lr.x"]).map("{}=1".format),
    st.text(max_size=4),
)
OVERRIDES = st.builds(list.__add__, st.lists(A_RIGHT_ONE, max_size=3), st.lists(A_WRONG_ONE, max_size=1))
PRESETS = mostly(st.sampled_from([["smoke"], ["small"], ["default"], []]), mangled(presets()).map(lambda name: [name]))
REQUESTS = st.builds(list.__add__, PRESETS, OVERRIDES)
NARROWED = st.sampled_from([[], [], ["seed=[0,1]"], ["train.i2t_noise=0.5", "seed=1"], ["train.lr=[0.1]"]])
NAMES = mostly(
    st.sampled_from(grid.names()), mangled([*grid.names(), "./x.yaml", "/dev/null/x.yaml", "..", "a/" + "x" * 300])
)

SCALARS = st.one_of(
    st.none(), st.booleans(), st.integers(-3, 10), st.integers(), st.floats(), st.text(max_size=5),
    st.sampled_from([*VALUES, "single_tower", 10**25]),
)  # fmt: skip
ANYTHING = st.recursive(
    SCALARS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=4), inner, max_size=3),
    max_leaves=8,
)


def a_sweep_file() -> dict[str, Any]:
    """A right one."""
    return {
        "question": "Why?", "source": "a paper", "cost": "little", "plot": {"x": "lr", "y": ["fid", "cider"]},
        "grid": {"train.lr": [0.1, 1e-3], "model.architecture": "all", "eval.sampler": ["euler", "heun"]},
        "zip": [
            {"train.steps": [5, 6], "train.betas": [[0.5, 0.9], [0, 0]]},
            {"eval.seed": [1, 2], "data.root": [None, None]},
        ],
        "points": [{"seed": 1, "train.t2i_fraction": 0.5}, {"train.t2i_fraction": 1, "seed": 2}],
    }  # fmt: skip


def a_sweep_json() -> dict[str, Any]:
    """A right one."""
    run = {"run_id": "dual_tower-0123456789", "eval_id": "0123456789", "step": 5}
    return {
        "schema": 1, "name": "mine", "preset": "smoke", "question": "q", "source": "s", "runs_root": "../../runs",
        "plot": {"x": "lr", "y": ["fid"]},
        "points": [{**run, "overrides": [f"seed={seed}", "train.lr=0.1", "eval.seed=7"]} for seed in (0, 1)],
    }  # fmt: skip


def places(content: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    """The way to everything inside."""
    inside = content.items() if isinstance(content, dict) else enumerate(content) if isinstance(content, list) else ()
    return [place for key, value in inside for place in [(*path, key), *places(value, (*path, key))]]


def changed(content: dict[str, Any], place: tuple[Any, ...], instead: Any, key: Any = None) -> dict[str, Any]:
    """`content` with something else, or nothing, in one place; under another key, if one is given."""
    *path, last = place
    inner: Any = content
    for step in path:
        inner = inner[step]
    if instead is LOST:
        del inner[last]
    elif key is not None and isinstance(inner, dict):
        inner[key] = inner.pop(last)
    else:
        inner[last] = instead
    return content


TEXTS = [
    "", "\t", "a: b: c", "- 1", "&a {question: *a}", "question: &a q\ngrid: {seed: [0]}\nplot: {x: seed, y: [*a]}",
    "question: q\nquestion: q", "!!python/object/apply:os.system [true]", "question: q\n\tgrid: 1", "[" * 50_000,
    "- " * 9000, "\n".join(" " * depth + "a:" for depth in range(300)),
    "question: 2024-01-01\ngrid: {seed: [017]}\nplot: {x: seed, y: [a]}",
    "\n".join(["a: &a x", *(f"{b}: &{b} [{', '.join([f'*{a}'] * 9)}]" for a, b in pairwise("abcdefghi"))]),
    "question: q\ngrid: {train.lr: 1e-3, seed: !!set {1}}\nplot: {x: lr, y: [fid]}",
    "question: 'it''s = [q]'\ngrid: {train.lr: [1e-3, 1_0.5]}\nplot: {x: train.lr, y: [fid]}", "\ufeffquestion: q",
    "\x00", "question: q\ngrid: {<<: {seed: [1]}}\nplot: {x: seed, y: [fid]}", "question: q\n...\n---\ngrid: 1", "{",
    "? a", "%x",
]  # fmt: skip
LONG = st.integers(0, 1000).map(lambda size: list(range(size)))
A_VALUE = st.one_of(ANYTHING, SCALARS, SCALARS, st.just(LOST), LONG)
A_KEY = mostly(st.none(), mangled(KEYS + OPTIONS + ["runtime.threads", "question", "grid", "zip", "plot"]))
A_SWEEP = st.builds(changed, st.builds(a_sweep_file), st.sampled_from(places(a_sweep_file())), A_VALUE, A_KEY)
SWEEP_FILES = st.one_of(
    A_SWEEP.map(lambda content: yaml.safe_dump(content, allow_unicode=True).encode("utf-8", "replace")),
    A_SWEEP.map(lambda content: json.dumps(content, ensure_ascii=False).encode("utf-8", "replace")),
    A_SWEEP.map(lambda content: json.dumps(content).encode()),
    st.sampled_from(TEXTS).map(str.encode),
    st.binary(max_size=30),
)

TEXTS_THERE = ["../..", "a/b", "x" * 300, "a\x00b", "\ud800", "seed=x", "seed=[1]", "train.lr=x", "train.lr=NaN", "lr"]
TEXTS_THERE += ["train.lr=" + "9" * 5000, "model.architecture=[1]", "train.lr=" + "[" * 9000]
INSTEAD = st.one_of(ANYTHING, st.just(LOST), st.sampled_from(TEXTS_THERE), st.sampled_from([10**400, -1, 1.5, True]))
BROKEN = st.builds(changed, st.builds(a_sweep_json), st.sampled_from(places(a_sweep_json())), INSTEAD)
NO_SWEEP_JSON = ["", "[]", "1", "null", '"schema"', '{"schema": 2}', '{"schema": 3}', "[" * 90_000, "\x00"]
SWEEP_JSONS = mostly(
    BROKEN.map(json.dumps),
    st.builds(lambda end: json.dumps(a_sweep_json())[:end], st.integers(0, 400)) | st.sampled_from(NO_SWEEP_JSON),
)
RESULTS = mostly(
    st.just("results/mine"), st.sampled_from(["results", "", "a\x00b", "x" * 300, "results/mine/sweep.json"])
)
