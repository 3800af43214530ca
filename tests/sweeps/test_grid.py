"""A sweep's points: order, crossing, zipping and lists, narrowing, and the folder its results go to."""

from __future__ import annotations

import itertools
import json
from pathlib import Path

import pytest

import architectures
from bench.config.expand import ConfigGrid
from bench.config.load import load
from bench.config.overrides import say
from bench.config.schema import Config
from bench.runs import identity
from bench.system.errors import UserError
from reports.stored.frames import runs_frame, scores_frame
from reports.stored.runs import read_sweep
from sweeps import dimensions, grid, plan
from sweeps.dimensions import folder_name, narrow
from sweeps.grid import read
from sweeps.jobs import jobs

NOISE = ["0", "0.25", "0.5", "0.75", "1"]
PLOT = "plot: {x: seed, y: [fid]}\n"
ADDED = ("runtime.runs=", "train.precision=", "runtime.matmul_backend=")  # to every point, for the process that runs it


@pytest.fixture
def mine(tmp_path, monkeypatch):
    """Writes a sweep file of one's own and returns its path."""
    monkeypatch.chdir(tmp_path)

    def write(axes: str, name: str = "mine") -> str:
        path = tmp_path / f"{name}.yaml"
        path.write_text(f"question: What?\n{axes}\n{PLOT}", encoding="utf-8")
        return str(path)

    return write


def points(name: str, overrides: list[str] | None = None, preset: str = "smoke") -> list[list[str]]:
    """The settings of every run, as texts."""
    made = plan.make(name, preset, overrides or [])
    return [[text for text in point.overrides if not text.startswith(ADDED)] for point in made.points]


def test_the_noise_sweep_is_every_architecture_at_five_caps():
    expected = [
        ["seed=0", f"model.architecture={name}", f"train.i2t_noise={noise}"]
        for name in architectures.catalogue()
        for noise in NOISE
    ]
    assert points("noise") == expected


@pytest.mark.parametrize("name", grid.names())
def test_seeds_are_outermost_so_the_first_picture_is_complete_first(name):
    runs = points(name, ["seed=[3,1]"])
    half = len(runs) // 2
    assert all(run[0] == "seed=3" for run in runs[:half]) and all(run[0] == "seed=1" for run in runs[half:])
    assert [run[1:] for run in runs[:half]] == [run[1:] for run in runs[half:]]


def test_the_published_axes():
    (fractions,) = (found for found in read("ratio").dimensions if found.axes == ("train.t2i_fraction",))
    assert fractions.column("train.t2i_fraction") == [1, 2 / 3, 0.5, 1 / 3, 0]
    assert read("architecture").size == 3 * len(architectures.catalogue())


@pytest.mark.parametrize("name", grid.names())
def test_every_sweep_says_its_question_source_cost_and_plot(name):
    sweep = read(name)
    assert sweep.question.strip() and sweep.source and sweep.cost
    assert sweep.plot["x"] and sweep.plot["y"]


def test_an_override_of_an_axis_replaces_it_and_any_other_holds_for_all():
    asked = ["model.architecture=[dual_tower]", "train.steps=5", "train.i2t_noise=0.5"]
    (only,) = points("noise", asked)
    assert only == ["train.steps=5", "seed=0", "model.architecture=dual_tower", "train.i2t_noise=0.5"]


def test_a_value_given_twice_is_run_once(mine):
    assert len(points("noise", ["seed=[0,0,1]", "model.architecture=dual_tower"])) == 10
    # What the settings' types or the machine make equal is one run too, called as it was first.
    assert points(mine("grid: {train.lr: [1, 1.0, 1e0], train.batch_size: ['8', 8, 9]}")) == [
        ["seed=0", "train.lr=1", "train.batch_size=8"], ["seed=0", "train.lr=1", "train.batch_size=9"]
    ]  # fmt: skip
    resolved = load("smoke").train.precision
    assert len(points(mine(f"grid: {{train.precision: [auto, {resolved}]}}"))) == 1


def test_a_fifth_architecture_joins_without_an_edit(monkeypatch):
    five = architectures.catalogue() | {"new_tower": architectures.catalogue()["dual_tower"]}
    monkeypatch.setattr(architectures, "catalogue", lambda: five)
    assert len(points("noise")) == 25


def test_zipped_and_listed_settings_vary_together_and_are_crossed_with_the_rest(mine):
    axes = """
points: [{eval.seed: 5, train.grad_clip: 1}, {train.grad_clip: 2, eval.seed: 6}]
zip:
  - {train.steps: [10, 20], train.warmup_steps: [1, 2]}
  - {train.lr: [1e-3], train.batch_size: [4]}
grid: {model.architecture: [single_tower, dual_tower], seed: [7, 8]}
"""
    lists = [[{"eval.seed": 5, "train.grad_clip": 1}, {"eval.seed": 6, "train.grad_clip": 2}]]
    zips = [[{"train.steps": 10, "train.warmup_steps": 1}, {"train.steps": 20, "train.warmup_steps": 2}]]
    zips += [[{"train.lr": 0.001, "train.batch_size": 4}]]
    crossed = [[{"model.architecture": name} for name in ("single_tower", "dual_tower")]]
    product = itertools.product([{"seed": 7}, {"seed": 8}], *lists, *zips, *crossed)
    expected = [[f"{key}={value}" for part in parts for key, value in part.items()] for parts in product]
    assert points(mine(axes)) == expected and len(expected) == 16


def test_a_zipped_seed_is_outermost_too(mine):
    axes = "grid: {train.steps: [5, 6]}\nzip: {train.lr: [0.1, 0.2], seed: [1, 2]}"
    expected = [["train.lr=0.1", "seed=1"], ["train.lr=0.2", "seed=2"]]
    assert points(mine(axes)) == [[*row, f"train.steps={steps}"] for row in expected for steps in (5, 6)]


def test_narrowing_selects_among_settings_that_vary_together(mine):
    name = mine("zip: {train.steps: [10, 20, 30], train.warmup_steps: [1, 1, 3]}")
    steps = {"train.warmup_steps=1": [10, 20], "train.steps=[30,10]": [10, 30], "train.steps=20.0": [20]}
    for asked, expected in steps.items():
        assert [point.step for point in plan.make(name, "smoke", [asked]).points] == expected
    for asked, message in {
        "train.steps=15": r"train.steps: no point has '15'.* 10, 20, 30",
        "train.steps=true": r"no point has 'True'",
        "train.warmup_steps=[1,2]": r"train.warmup_steps: no point has '2'.* 1, 3",
    }.items():
        with pytest.raises(UserError, match=message):
            plan.make(name, "smoke", [asked])
    with pytest.raises(UserError, match=r"no point has '3'"):
        plan.make(name, "smoke", ["train.steps=10", "train.warmup_steps=3"])


def test_evaluations_of_one_training_are_one_job(mine):
    axes = "grid: {seed: [0, 1], eval.guidance_scale: [1, 2, 3], eval.sampler_steps: [4, 5]}"
    made = plan.make(mine(axes), "smoke", [])
    assert len({point.folder.run_id for point in made.points}) == 2
    assert len({point.eval_id for point in made.points}) == 6 and len(made.points) == 12
    assert [len(job.points) for job in jobs(made)] == [6, 6]


def test_an_architectures_option_can_be_an_axis(mine):
    name = mine("grid: {model.options.gate_lr_scale: [1, 10]}")
    made = plan.make(name, "smoke", ["model.architecture=gated_layer"])
    assert len({point.folder.run_id for point in made.points}) == 2
    with pytest.raises(UserError, match=r"model\.options\.gate_lr_scale: unknown option of dual_tower"):
        plan.make(name, "smoke", [])


def test_a_label_tells_settings_of_one_name_apart(mine):
    made = plan.make(mine("grid: {train.batch_size: [4], eval.batch_size: [5], eval.split: [test]}"), "smoke", [])
    assert made.results == Path("results/mine-smoke")
    assert made.points[0].label == "seed=0 train.batch_size=4 eval.batch_size=5 split=test"


def test_settings_of_the_same_last_name_have_columns_of_their_own(mine):
    axes = "seed: [0, 1], eval.seed: [2, 3], train.batch_size: [4, 5], eval.batch_size: [6, 7], train.lr: [1]"
    made = plan.make(mine(f"grid: {{{axes}}}"), "smoke", [])
    plan.write(made)
    sweep = read_sweep(made.results)
    runs = runs_frame(sweep, scores_frame(sweep))
    found = runs[["seed", "eval.seed", "train.batch_size", "eval.batch_size", "lr"]].to_records(index=False).tolist()
    assert found == list(itertools.product([0, 1], [2, 3], [4, 5], [6, 7], [1]))


ODD = [" ", "null", "NO", "1e3", "017", "0x1f", "1:30", "2024-01-01", "~", "a b", "a: b", "a=b=c", "[x", "{", "#x", "'",
       '"', "\\", "\\n", "\n", "\t", "\x07", "\x85", "\u2028", "\ufeff", "\uffff", "é", "水", "😀", "!!int x", "- a",
       "&a", "*a", "%", "@", "`", "|", ">", "?", "???x", "$x", "=", "<<", ".nan", "-.inf", "y", "True", "a,b", "/x y",
       "dual_tower", "_", "9"]  # fmt: skip


def test_odd_texts_reach_another_process_as_they_are(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("bench.data.data_digest", lambda data, cache: data.root)
    monkeypatch.setattr("bench.models.pretrained.weights_digest", lambda name, kind: name)
    quoted = ", ".join(json.dumps(text) if max(text) <= "\uffff" else f'"{text}"' for text in ODD)
    Path("odd.yaml").write_text(f"question: q\nzip:\n  data.root: [{quoted}]\n  eval.clip: [{quoted}]\n{PLOT}", "utf-8")
    made = plan.make("./odd.yaml", "smoke", ["data.name=coco"])
    loaded = [load("smoke", json.loads(json.dumps(point.overrides))) for point in made.points]
    assert [(config.data.root, config.eval.clip) for config in loaded] == [(text, text) for text in ODD]
    for point, config in zip(made.points, loaded, strict=True):
        assert (identity.run_id(config), identity.eval_id(config)) == (point.folder.run_id, point.eval_id)


def slow_points(sweep: dimensions.Sweep, preset: str) -> list[tuple[str, str, int]]:
    """Every point's identity the literal way: OmegaConf merges all its overrides."""
    fixed = [f"{key}={text}" for key, text in sweep.fixed.items()]
    rows = [[list(zip(d.axes, row, strict=True)) for row in d.rows] for d in sweep.dimensions]
    found = []
    for parts in itertools.product(*rows):
        config = load(preset, [*fixed, *(say(key, value) for part in parts for key, value in part)])
        found.append((identity.run_id(config), identity.eval_id(config), config.train.steps))
    return list(dict.fromkeys(found))


def fast_points(made: plan.Plan) -> list[tuple[str, str, int]]:
    return [(point.folder.run_id, point.eval_id, point.step) for point in made.points]


@pytest.mark.parametrize("preset", ["smoke", "default"])
@pytest.mark.parametrize("name", grid.names())
def test_a_point_made_fast_is_the_one_that_its_overrides_make(name, preset):
    made = plan.make(name, preset, ["train.weight_decay=0", "eval.seed=3"])
    assert fast_points(made) == slow_points(made.sweep, preset)
    loaded = [load(preset, point.overrides) for point in made.points]
    assert fast_points(made) == [
        (identity.run_id(config), identity.eval_id(config), config.train.steps) for config in loaded
    ]
    assert [(point.architecture, point.seed) for point in made.points] == [
        (config.model.architecture, config.seed) for config in loaded
    ]


def test_values_of_every_type_are_made_fast_and_exactly(mine):
    axes = """
grid:
  train.betas: [[0.9, 0.95], [0, 0.5]]
  train.lr: [1, 1e-3, "2e-3"]
  model.image_delimiters: [true, "no"]
  eval.every: [3]
zip:
  model.architecture: [gated_layer, gated_layer]
  model.options.gate_scope: [global, layer]
  model.options.gate_lr_scale: [2, null]
points:
  - {data.root: null, train.steps: "7", eval.clip: embedded}
  - {data.root: null, train.steps: 8, eval.clip: embedded}
"""
    made = plan.make(mine(axes), "smoke", ["model.options.text_only_bypass=false"])
    assert fast_points(made) == slow_points(made.sweep, "smoke") and len(made.points) == 48


def test_ten_thousand_points_are_what_single_loads_say(mine):
    numbers = ", ".join(str(1e-4 * number) for number in range(1, 101))
    made = plan.make(mine(f"grid: {{train.lr: [{numbers}], train.ema_decay: [{numbers}]}}"), "smoke", [])
    assert len({point.folder.run_id for point in made.points}) == len(made.points) == 10_000
    for point in made.points[::1999]:
        assert identity.run_id(load("smoke", point.overrides)) == point.folder.run_id


def test_results_of_a_part_never_go_where_the_whole_goes():
    noise = read("noise")

    def folder(preset, overrides):
        return folder_name(noise, narrow(noise, overrides), preset)

    assert folder("default", []) == "noise"
    assert folder("smoke", []) == "noise-smoke"
    assert folder("default", ["seed=[0]", "runtime.progress=false"]) == "noise"  # the same runs
    asked = [["seed=[0,1]"], ["seed=[1]"], ["train.steps=5"], ["model.architecture=dual_tower"]]
    asked += [["runtime.threads=2"], ["runtime.compile=true"]]
    asked += [["train.steps=5", "train.steps=6"], ["train.steps=6", "train.lr=1"], ["train.lr=1"]]
    folders = [folder("default", overrides) for overrides in asked]
    assert len(set(folders)) == len(asked)
    assert all(name.startswith("noise-default-") for name in folders)
    both = ["seed=[1]", "train.steps=5"]
    assert folder("smoke", both) == folder("smoke", both[::-1])
    last = folder("smoke", ["train.steps=6", "train.steps=5"])
    assert last == folder("smoke", ["train.steps=5"])


def test_one_folder_never_holds_two_sweeps(mine):
    plan.write(plan.make("noise", "smoke", []))
    with pytest.raises(UserError, match="results/noise-smoke holds the results of the sweep 'noise'"):
        plan.make(mine("grid: {train.lr: [1]}", "noise-smoke"), "default", [])
    with pytest.raises(UserError, match="'noise' is the name of a shipped sweep"):
        plan.make(mine("grid: {train.lr: [1]}", "noise"), "default", [])


@pytest.mark.parametrize(
    ("name", "overrides", "message"),
    [
        ("nowhere.yaml", [], "nowhere.yaml: no such file"),
        ("noise", ["dual_tower"], "write key=value"),
        ("noise", ["train[lr]=1"], "write key=value"),
        ("noise", ["seed=[]"], "seed: no value given"),
        ("noise", ["train.lrr=1"], r"unknown setting 'train.lrr' \(did you mean 'train.lr'\?\)"),
        ("noise", ["model={architecture: dual_tower}"], "model: is a group of settings"),
        ("noise", ["train.steps=${seed}"], "interpolations"),
        ("noise", [f"seed=[{','.join(map(str, range(10_000)))}]"], "10000 x 4 x 5 points are more than the 100,000"),
    ],
)
def test_a_wrong_request_is_refused_with_the_nearest_right_one(name, overrides, message):
    with pytest.raises(UserError, match=message):
        plan.make(name, "smoke", overrides)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (f"question: q\ngrid: {{train.lrr: [1]}}\n{PLOT}", r"unknown axis 'train.lrr' \(did you mean 'train.lr'\?\)"),
        (f"question: q\ngrid: {{lr: [1]}}\n{PLOT}", r"unknown axis 'lr' \(did you mean 'train.lr'\?\)"),
        (f"question: q\ngrid: {{train: [1]}}\n{PLOT}", "train: is a group of settings"),
        (f"question: q\ngrid: {{model.options: [1]}}\n{PLOT}", r"name one, such as model\.options\.NAME"),
        (f"question: q\ngrid: {{runtime.threads: [1, 2]}}\n{PLOT}", "runtime.threads: is no axis"),
        (f"question: q\ngrid: {{train.lr: []}}\n{PLOT}", "train.lr: no value given"),
        (f"question: q\ngrid: {{train.lr: [{{a: 1}}]}}\n{PLOT}", "train.lr: a mapping is no value"),
        (f"question: q\ngrid: {{train.lr: [.nan]}}\n{PLOT}", "train.lr: must be finite"),
        (f"question: q\ngrid: {{train.betas: [[.nan, 0]]}}\n{PLOT}", "train.betas: must be finite"),
        (f"question: q\ngrid: {{train.lr: [x]}}\n{PLOT}", "train.lr: Value 'x'"),
        (f"question: q\ngrid: {{train.lr: [-1]}}\n{PLOT}", "train.lr: must be above 0, not -1"),
        (f"question: q\ngrid: {{}}\n{PLOT}", "grid: must be a mapping of settings"),
        (f"question: q\ngrid: [1]\n{PLOT}", "grid: must be a mapping of settings"),
        (f"question: q\n{PLOT}", "no axis: give grid, zip, points"),
        (f"question: q\nzip: {{train.lr: [1, 2], train.steps: [1]}}\n{PLOT}", "train.lr has 2, train.steps has 1"),
        (f"question: q\nzip: [3]\n{PLOT}", "zip: must be a mapping"),
        (f"question: q\npoints: []\n{PLOT}", "points: must be a list"),
        (f"question: q\npoints: [{{train.lr: 1}}, {{seed: 1}}]\n{PLOT}", r"points\[1\]: names seed, but .* train.lr"),
        (f"question: q\ngrid: {{seed: [1]}}\npoints: [{{seed: 1}}]\n{PLOT}", "seed: is an axis in 2 places"),
        (f"question: q\ngird: {{seed: [1]}}\n{PLOT}", r"unknown key 'gird' \(did you mean 'grid'\?\)"),
        (f"grid: {{seed: [1]}}\n{PLOT}", "question: is missing"),
        (f"question: [q]\ngrid: {{seed: [1]}}\n{PLOT}", "question: must be a text"),
        ("question: q\ngrid: {seed: [1]}\n", "plot: is missing"),
        ("question: q\ngrid: {seed: [1]}\nplot: {x: seed}\n", "plot.y: is missing"),
        ("question: q\ngrid: {seed: [1]}\nplot: {x: sed, y: [fid]}", r"plot.x: 'sed' is no axis .*'seed'"),
        ("question: q\ngrid: {seed: [1]}\nplot: {x: [1], y: [fid]}", "plot.x: "),
        ("question: q\ngrid: {train.batch_size: [1], eval.batch_size: [1]}\nplot: {x: batch_size, y: [fid]}",
         "plot.x: 'batch_size' may be train.batch_size or eval.batch_size"),
        ("question: q\ngrid: {eval.sampler: [euler]}\nplot: {x: sampler, y: [fid]}", "'sampler' has values that"),
        ("question: q\ngrid: {seed: [1]}\nplot: {x: seed, y: fid}", "plot.y: must be a list"),
        ("question: q\ngrid: {seed: [1]}\nplot: {x: seed, y: [exam_after]}",
         r"plot.y: unknown metric 'exam_after' \(did you mean 'exam'\?\)"),
        ("question: q\nquestion: r\n", "line 2: found duplicate key question"),
        ("- a\n- b\n", "is no mapping"),
        ("", "is no mapping"),
        ("just words", "is no mapping"),
        ("a: [1\n", "line 2: "),
        ("1: 2", "a name must be text, not int"),
        ("a: !!python/name:os.system x", "could not determine a constructor"),
        ("a: &a [*a]", "recursive"),
        ("a: " + "[" * 100_000, "nested more than 20 deep"),
    ],
)
def test_a_wrong_sweep_file_is_refused_in_one_line_that_names_it(content, message, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    Path("mine.yaml").write_text(content, encoding="utf-8")
    with pytest.raises(UserError, match=message) as refused:
        plan.make("mine.yaml", "smoke", [])
    assert "\n" not in str(refused.value)
    values_only = ("train.lr: Value", "train.lr: must be above")  # found once the file itself has been read
    assert str(refused.value).startswith("mine.yaml: ") or message.startswith(values_only)


def test_all_settings_are_known_to_the_fast_way():
    """What `ConfigGrid.config` copies must be all there is."""
    made = ConfigGrid("smoke", []).config([])
    assert isinstance(made, Config) and made == load("smoke")


def test_narrowing_leaves_the_sweep_alone():
    sweep = read("noise")
    narrow(sweep, ["seed=[5]", "train.steps=3"])
    assert sweep == read("noise")
