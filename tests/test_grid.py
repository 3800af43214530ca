"""A sweep's grid: order, narrowing, and the folder its results go to."""

from __future__ import annotations

import pytest

import architectures
from bench.errors import UserError
from sweeps import grid
from sweeps.grid import folder_name, narrow, points, read

NOISE = ["0", "0.25", "0.5", "0.75", "1"]


def test_the_noise_sweep_is_every_architecture_at_five_caps():
    expected = [
        ["seed=0", f"model.architecture={name}", f"train.i2t_noise={noise}"]
        for name in architectures.catalogue()
        for noise in NOISE
    ]
    assert points(read("noise")) == expected


def test_seeds_are_outermost_so_the_first_picture_is_complete_first():
    for name in grid.names():
        runs = points(narrow(read(name), ["seed=[3,1]"]))
        half = len(runs) // 2
        assert all(run[0] == "seed=3" for run in runs[:half]) and all(run[0] == "seed=1" for run in runs[half:])
        assert [run[1:] for run in runs[:half]] == [run[1:] for run in runs[half:]]


def test_the_published_axes():
    assert read("ratio").grid["train.t2i_fraction"] == [1, 0.6667, 0.5, 0.3333, 0]
    assert len(points(read("architecture"))) == 3 * len(architectures.catalogue())


@pytest.mark.parametrize("name", grid.names())
def test_every_sweep_says_its_question_source_cost_and_plot(name):
    sweep = read(name)
    assert sweep.question.strip() and sweep.source and sweep.cost
    assert sweep.plot["x"] and sweep.plot["y"]


def test_an_override_of_an_axis_replaces_it_and_any_other_holds_for_all():
    sweep = narrow(read("noise"), ["model.architecture=[dual_tower]", "train.steps=5", "train.i2t_noise=0.5"])
    assert points(sweep) == [["train.steps=5", "seed=0", "model.architecture=dual_tower", "train.i2t_noise=0.5"]]


def test_a_value_given_twice_is_run_once():
    assert len(points(narrow(read("noise"), ["seed=[0,0,1]", "model.architecture=dual_tower"]))) == 10


def test_a_fifth_architecture_joins_without_an_edit(monkeypatch):
    five = architectures.catalogue() | {"new_tower": architectures.catalogue()["dual_tower"]}
    monkeypatch.setattr(architectures, "catalogue", lambda: five)
    assert len(points(read("noise"))) == 25


def test_results_of_a_part_never_go_where_the_whole_goes():
    assert folder_name("noise", "default", []) == "noise"
    assert folder_name("noise", "smoke", []) == "noise-smoke"
    assert folder_name("noise", "default", ["seed=[0]", "runtime.progress=false"]) == "noise"  # the same runs
    asked = [["seed=[0,1]"], ["seed=[1]"], ["train.steps=5"], ["model.architecture=dual_tower"]]
    asked += [["runtime.threads=2"], ["runtime.compile=true"]]
    folders = [folder_name("noise", "default", overrides) for overrides in asked]
    assert len(set(folders)) == len(asked)
    assert all(name.startswith("noise-default-") for name in folders)
    both = ["seed=[1]", "train.steps=5"]
    assert folder_name("noise", "smoke", both) == folder_name("noise", "smoke", both[::-1])


def test_unknown_names_and_axes_are_refused_with_the_nearest(monkeypatch, tmp_path):
    with pytest.raises(UserError, match=r"unknown sweep 'nois' \(did you mean 'noise'\?\)"):
        read("nois")
    with pytest.raises(UserError, match="write key=value"):
        narrow(read("noise"), ["dual_tower"])
    with pytest.raises(UserError, match="seed: no value given"):
        narrow(read("noise"), ["seed=[]"])
    (tmp_path / "mine.yaml").write_text("{question: q, source: s, cost: c, grid: {train.lrr: [1]}, plot: {x: a, y: b}}")
    monkeypatch.setattr(grid, "SWEEPS", tmp_path)
    with pytest.raises(UserError, match=r"unknown axis 'train.lrr' \(did you mean 'train.lr'\?\)"):
        read("mine")
