"""`tune`: successive halving as a literal loop has it, equal budgets, a planted rate that is found, and its file."""

from __future__ import annotations

import json
import os
import random
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from experiments import leave_weights, weights_in
from project_copies import PROJECT

from bench.config import user_yaml
from bench.config.expand import ConfigGrid
from bench.system.errors import UserError
from sweeps import plan as plans
from sweeps import runner
from sweeps.__main__ import main
from sweeps.jobs import configs_of
from sweeps.launchers import local
from sweeps.sequential import seeds
from sweeps.tuning import halving
from sweeps.tuning.arms import arms
from sweeps.tuning.scores import scored


def literal_halving(values, counts, score):
    """The textbook's: sort by score, keep the first so many."""
    left, history = list(values), []
    for rung, count in enumerate(counts):
        assert len(left) == count
        history.append({value: score(rung, value) for value in left})
        if rung + 1 < len(counts):
            left = sorted(left, key=lambda value: -history[-1][value])[: counts[rung + 1]]
    return history, max(history[-1], key=lambda value: history[-1][value])


@pytest.mark.parametrize("keep", [0.5, 1 / 3, 0.7, 1.0])
@pytest.mark.parametrize("candidates", [3, 7, 8])
def test_halving_is_the_literal_one(keep, candidates):
    draw = random.Random(f"{keep} {candidates}")
    grids = [halving.grid(0.01 * (arm + 1), [2.0**k for k in range(candidates)]) for arm in range(3)]
    noise = {(arm, rung, v): draw.random() for arm, grid in enumerate(grids) for rung in range(3) for v in grid}
    counts = halving.sizes(candidates, 3, keep)
    found = halving.climb(
        grids, [grid[0] for grid in grids], counts,
        lambda rung, alive: [[noise[arm, rung, v] for v in values] for arm, values in enumerate(alive)],
    )  # fmt: skip
    for arm, rungs in enumerate(found):
        history, best = literal_halving(grids[arm], counts, lambda rung, v, arm=arm: noise[arm, rung, v])
        assert [dict(zip(rung.values, rung.scores, strict=True)) for rung in rungs] == history
        assert halving.best(rungs[-1], grids[arm][0], 1) == [best]


def test_sizes_never_fall_to_nothing():
    assert halving.sizes(7, 3, 0.5) == [7, 4, 2]
    assert halving.sizes(9, 3, 1 / 3) == [9, 3, 1]
    assert halving.sizes(3, 5, 0.1) == [3, 1, 1, 1, 1]


def test_diverged_candidates_come_last_and_equals_stay_near_the_common_rate():
    rung = halving.Rung([1.0, 2.0, 4.0, 8.0], [None, 0.5, 0.5, None])
    assert halving.best(rung, 2.0, 1) == [2.0] and halving.best(rung, 4.0, 1) == [4.0]
    assert halving.best(rung, 1.0, 3) == [1.0, 2.0, 4.0]


def test_a_finer_grid_has_as_many_candidates_between_the_neighbours():
    factors = [0.125, 0.25, 0.5, 1, 2, 4, 8]
    fine = halving.finer(factors)
    assert len(fine) == 7 and min(fine) > 0.5 and max(fine) < 2 and fine[3] == 1


def metric(value, direction="higher", task="i2t", chance=0.0, ceiling=1.0, headline=True):
    return {"value": value, "direction": direction, "task": task, "chance": chance, "ceiling": ceiling,
            "headline": headline}  # fmt: skip


def test_ranks_count_each_task_once_and_share_ties():
    def runs(fid, clip, cider):
        return [{"fid": metric(fid, "lower", "t2i"), "clip": metric(clip, task="t2i"), "cider": metric(cider)}]

    # ranks of t2i: (1 + 2.5) / 2, (2 + 2.5) / 2, (3 + 1) / 2; of i2t: 3, 2, 1
    scores = scored("rank", [], [runs(1, 0.2, 0.1), runs(2, 0.2, 0.2), runs(3, 0.3, 0.3)])
    assert scores == pytest.approx([-(1.75 + 3) / 2, -(2.25 + 2) / 2, -(2 + 1) / 2])


def test_standings_go_from_chance_to_ceiling_and_leave_out_what_has_none():
    def runs(*values):
        return [
            {"cider": metric(v, chance=None), "a": metric(v, chance=0.2, ceiling=0.7),
             "loss": metric(v, "neither"), "b": metric(v, headline=False)} for v in values
        ]  # fmt: skip

    assert scored("standing", [], [runs(0.45), runs(0.2), runs(0.6, 0.8)]) == pytest.approx([0.5, 0.0, 1.0])
    assert scored("standing", ["b"], [runs(0.45)]) == pytest.approx([0.45])


def test_a_candidate_that_diverged_for_one_seed_has_no_score():
    good = {"a": metric(0.5)}
    assert scored("rank", [], [[good, good], [good, None], [None, None]]) == [-1.0, None, None]
    assert scored("rank", [], [[None]]) == [None]


FAKE = """
import json, math, os, sys, time
from pathlib import Path
from bench.runs import identity
from bench.runs.failures import Failure
from sweeps.jobs import configs_of
best = json.loads(Path("best.json").read_text())  # architecture -> its best rate, and the best multiplier of its gate
for line in sys.stdin:
    (config,) = configs_of(Path(sys.argv[1]), line.strip())
    folder, ids = identity.run_folder(config), (identity.eval_id(config), config.train.steps)
    tried = Path("tried")
    tried.write_text((tried.read_text() if tried.exists() else "") + folder.run_id + "\\n")
    if best.get("kill") == len(tried.read_text().splitlines()):
        os.kill(os.getppid(), 9)
        time.sleep(60)
    rate, gate = best[config.model.architecture]
    if config.train.lr > best.get("bound", 1e9):
        folder.fail(Failure("non-finite loss", "NonFiniteLoss: the loss is nan at step 2"))
        print(json.dumps("non-finite loss: NonFiniteLoss: the loss is nan at step 2"), flush=True)
        continue
    if best.get("bug"):
        folder.fail(Failure("bug", "ValueError: no"))
        print(json.dumps("bug: ValueError: no"), flush=True)
        continue
    value = -abs(math.log2(config.train.lr / rate))
    value -= abs(math.log2(config.model.options.get("gate_lr_scale", gate) / gate))
    said = {"direction": "higher", "task": "i2t", "headline": True, "chance": None, "ceiling": None, "value": value}
    cost = {"train_seconds": 0.5 * config.train.steps, "score_seconds": 1.0}
    result = {"split": config.eval.split, "metrics": {"cider": said}, "cost": cost}
    if not (folder.path / "run.json").exists():
        folder.create("", {}, {"id": "x", "code": "c0de", "ended": "2026-01-01T00:00:00+00:00"})
    with folder.acquire(), folder.attempt() as attempt:
        folder.publish_result(*ids, attempt, result)
    print("null", flush=True)
"""
LR = 2e-3  # the smoke preset's
TWO = "model.architecture=[dual_tower,gated_layer]"
WEIGHTS = weights_in(Path())
REQUEST = ["architecture", "smoke", TWO, *WEIGHTS]
MAIN = """
import sys
from bench.evaluation.metrics.parts import ptb
from bench.system.command_line import exit_status
from sweeps.__main__ import main
from sweeps.launchers import local
ptb.check_java = lambda: None
local.WORKER = [sys.executable, "fake.py"]
sys.exit(exit_status(lambda: main(sys.argv[1:])))
"""


def pretend(folder: Path, patch: pytest.MonkeyPatch) -> None:
    """In this folder, with stand-in weights and a worker that only pretends to train."""
    leave_weights(folder)
    (folder / "fake.py").write_text(FAKE, encoding="utf-8")
    patch.chdir(folder)
    patch.setattr(local, "WORKER", [sys.executable, "fake.py"])
    patch.setattr("bench.evaluation.metrics.parts.ptb.check_java", lambda: None)
    plant()


@pytest.fixture
def place(tmp_path, monkeypatch):
    """An empty folder, where training is only pretended."""
    pretend(tmp_path, monkeypatch)


def plant(**more):
    """The dual tower is best at the common rate; the gated layer at eight times it, with a gate half as fast."""
    planted = {"dual_tower": [LR, 1], "gated_layer": [8 * LR, 0.5]}
    Path("best.json").write_text(json.dumps(planted | more), encoding="utf-8")


def tune(*more: str) -> dict:
    assert main(["tune", *REQUEST, "--jobs", "1", *more]) == 0
    (path,) = Path("tuned").glob("*.yaml")
    return user_yaml.read(path.read_text(encoding="utf-8"))


FEW = ["tune.factors=[0.5,1,2]", "tune.rungs=[1]", "tune.further=false"]


@pytest.fixture(scope="module")
def small_search(tmp_path_factory) -> Path:
    """The folder of a small search that is done."""
    folder = tmp_path_factory.mktemp("search")
    with pytest.MonkeyPatch.context() as patch:
        pretend(folder, patch)
        tune(*FEW)
    return folder


@pytest.fixture
def tuned_file(place, small_search) -> Path:
    """A file of tuned rates."""
    shutil.copytree(small_search / "tuned", "tuned")
    return next(Path("tuned").glob("*.yaml"))


def refused(*words: str) -> str:
    """The one line that a command is refused with."""
    with pytest.raises(UserError) as error:
        main([*words])
    return str(error.value)


def test_a_planted_rate_eight_times_the_common_one_is_found_with_equal_budgets(place, capsys):
    found = tune()
    dual, gated = found["arms"]
    assert dual["chosen"] == {"train.lr": LR} and dual["at_edge"] == []
    assert gated["chosen"] == {"train.lr": 8 * LR, "model.options.gate_lr_scale": 0.5}
    assert gated["common"] == {"train.lr": LR, "model.options.gate_lr_scale": 1.0} and gated["at_edge"] == ["train.lr"]
    assert dual["budget"] == gated["budget"] | {"seconds": dual["budget"]["seconds"]}
    for arm in (dual, gated):
        assert [[len(rung["candidates"]) for rung in climb["rungs"]] for climb in arm["climbs"]] == [[7, 4, 2]] * 2
        assert [[rung["steps"] for rung in climb["rungs"]] for climb in arm["climbs"]] == [[3, 6, 12]] * 2
        rungs = [rung for climb in arm["climbs"] for rung in climb["rungs"]]
        runs = {candidate["runs"]: rung["steps"] for rung in rungs for candidate in rung["candidates"]}
        assert arm["budget"]["runs"] == len(runs) and arm["budget"]["steps"] == sum(runs.values())
        assert arm["budget"]["scored"] == 26
    assert "train.lr is at the edge of the grid" in capsys.readouterr().out
    tried = Path("tried").read_text(encoding="utf-8").split()
    assert len(tried) == len(set(tried)) == dual["budget"]["runs"] + gated["budget"]["runs"]
    for path in Path("runs").glob("*/evals/*/*/result.json"):
        assert json.loads(path.read_text(encoding="utf-8"))["split"] == "validation"
    before = next(Path("tuned").glob("*.yaml")).read_bytes()
    tune()
    assert next(Path("tuned").glob("*.yaml")).read_bytes() == before
    assert Path("tried").read_text(encoding="utf-8").split() == tried


def test_a_search_that_was_killed_comes_to_the_same_file(place):
    def in_process() -> int:
        command = [sys.executable, "-c", MAIN, "tune", *REQUEST, "tune.rungs=[0.5,1]", "tune.factors=[0.5,1,2]"]
        environment = {**os.environ, "PYTHONPATH": str(PROJECT)}
        return subprocess.run([*command, "--jobs", "1"], env=environment, check=False).returncode

    assert in_process() == 0
    (path,) = Path("tuned").glob("*.yaml")
    whole, tried = path.read_bytes(), Path("tried").read_text(encoding="utf-8").split()
    for folder in ("tuned", "runs"):
        shutil.rmtree(folder)
    Path("tried").unlink()
    plant(kill=5)
    assert in_process() == -9 and not path.exists()
    plant()
    assert in_process() == 0 and path.read_bytes() == whole
    again = Path("tried").read_text(encoding="utf-8").split()
    assert sorted(again) == sorted([*tried, again[4]])  # the one at hand alone was begun twice


def test_rates_that_diverge_lose_and_are_not_tried_again(place):
    plant(bound=3 * LR)
    found = tune("tune.further=false")
    assert found["arms"][1]["chosen"] == {"train.lr": 2 * LR} and found["arms"][1]["at_edge"] == []
    (top,) = [c for c in found["arms"][1]["climbs"][0]["rungs"][0]["candidates"] if c["value"] == 8 * LR]
    assert top["score"] is None and top["diverged"] == top["runs"]
    tried = Path("tried").read_text(encoding="utf-8")
    tune("tune.further=false")
    assert Path("tried").read_text(encoding="utf-8") == tried


def test_a_candidate_that_fails_otherwise_ends_the_search_without_a_file(place, capsys):
    plant(bug=True)
    assert main(["tune", *REQUEST, "--jobs", "1"]) == 1
    assert "bug: ValueError: no" in capsys.readouterr().out and not list(Path("tuned").glob("*.yaml"))


def test_each_row_may_be_an_arm(place):
    found = tune("tune.arms=row", *FEW)
    assert [arm["arm"] for arm in found["arms"]] == [{"model.architecture": n} for n in ("dual_tower", "gated_layer")]
    whole = plans.make("noise", "smoke", [TWO, *WEIGHTS])
    configs = ConfigGrid("smoke", WEIGHTS)
    assert len(arms(whole.sweep, configs, "row", True)) == 10
    by_architecture = arms(whole.sweep, configs, "architecture", True)
    assert [arm.settings for arm in by_architecture] == [arm["arm"] for arm in found["arms"]]
    assert [len(arm.common) for arm in by_architecture] == [1, 2]


def test_runs_with_tuned_rates_are_those_with_the_same_overrides(tuned_file):
    change(tuned_file, lambda c: c["arms"][1].update(
        chosen={"train.lr": 8 * LR, "model.options.gate_lr_scale": 0.5},
        common={"train.lr": LR, "model.options.gate_lr_scale": 1}))  # fmt: skip
    planned = plans.make("noise", "smoke", [TWO, *WEIGHTS, "train.i2t_noise=[0,1]"], tuned=tuned_file)
    assert "-tuned-" in planned.results.name
    for name, more in (("dual_tower", []), ("gated_layer", [f"train.lr={8 * LR}", "model.options.gate_lr_scale=0.5"])):
        request = [f"model.architecture={name}", *WEIGHTS, "train.i2t_noise=[0,1]"]
        same, common = (plans.make("noise", "smoke", [*request, *changes]).points for changes in (more, []))
        mine = [point for point in planned.points if point.architecture == name]
        assert [point.folder.run_id for point in mine] == [point.folder.run_id for point in same]
        assert [point.common for point in mine] == [point.folder.run_id for point in common]
    runner.prepare(planned)
    for point in planned.points:
        (config,) = configs_of(planned.results / "sweep.json", point.folder.run_id)  # as a worker reads it
        assert config.eval.split == "test"


def test_a_study_until_decided_takes_tuned_rates(tuned_file):
    request = "noise", "smoke", [TWO, *WEIGHTS, "train.i2t_noise=[0]", "seed=[0,1]"]
    study = seeds.make(*request, at_most=4, tuned=tuned_file)
    fixed = plans.make(*request, tuned=tuned_file)
    assert study.results.name.endswith(f"until-decided-tuned-{fixed.tuned.digest}") and study.tuned == fixed.tuned
    asked = {point.folder.run_id: point.common for point in study.points}
    assert {point.folder.run_id: point.common for point in fixed.points}.items() <= asked.items()



@pytest.mark.parametrize(
    ("request_", "said"),
    [
        (["smoke", "tune.factor=[1]"], "unknown setting 'tune.factor' (did you mean 'factors'?)"),
        (["smoke", "tune.factors=[0.5,2,4]"], "tune.factors: must be at least three, and 1"),
        (["smoke", "tune.factors=[-1,1,2]"], "tune.factors: must be a list of numbers above 0"),
        (["smoke", "tune.rungs=[0.5]"], "tune.rungs: must rise to 1"),
        (["smoke", "tune.rungs=[0.01,0.02,1]"], "are no rungs"),
        (["smoke", "tune.keep=0"], "tune.keep: must be in [0, 1]"),
        (["smoke", "tune.seeds=[1]"], "tune.seeds: 1 is a seed of the sweep"),
        (["smoke", "tune.score=best"], "tune.score: 'best' is none of rank, standing"),
        (["smoke", "tune.metrics=[fidd]"], "tune.metrics: unknown metric 'fidd' (did you mean 'fid'?)"),
        (["smoke", "eval.split=test"], "eval.split: tuning uses the validation split alone"),
        (["smoke", "train.lr=[1e-3]"], "train.lr"),
    ],
)
def test_wrong_requests_are_refused(place, request_, said):
    assert said in refused("tune", "architecture", *request_, *WEIGHTS) and not Path("runs").exists()


def test_the_budget_is_said_before_anything_is_trained(place, capsys):
    assert main(["tune", *REQUEST, "--plan"]) == 0
    said = capsys.readouterr().out
    assert "2 arms, each with the same budget: 2 climbs of 7 at 0.25 of the steps + 4 at 0.5" in said
    assert "as many steps as 11.5 whole runs an arm" in said  # 2 x (7/4 + 4/2 + 2)
    assert not Path("runs").exists() and not Path("tuned").exists()


def test_a_rate_that_is_an_axis_is_not_tuned(place):
    asked = {"question": "?", "grid": {"train.lr": [1e-3, 2e-3]}, "plot": {"x": "lr", "y": ["fid"]}}
    Path("rates.yaml").write_text(json.dumps(asked), encoding="utf-8")
    assert "train.lr is an axis of this sweep" in refused("tune", "./rates.yaml", "smoke", *WEIGHTS)


def test_tune_settings_belong_to_tune(place):
    assert "tune.keep: is a setting of" in refused("plan", *REQUEST, "tune.keep=0.3")


def test_the_outcome_of_another_request_is_never_replaced(tuned_file):
    before = tuned_file.read_bytes()
    said = refused("tune", *REQUEST, *FEW, "tune.keep=0.7")
    assert "holds the outcome of another request (other tune)" in said and tuned_file.read_bytes() == before
    tuned_file.write_text("mine", encoding="utf-8")
    said = refused("tune", *REQUEST, *FEW)
    assert "is no file of tuned rates" in said and tuned_file.read_text(encoding="utf-8") == "mine"


def change(path: Path, alter) -> None:
    content = user_yaml.read(path.read_text(encoding="utf-8"))
    alter(content)
    path.write_text(json.dumps(content), encoding="utf-8")


@pytest.mark.parametrize(
    ("alter", "said"),
    [
        (lambda c: c.pop("format"), "is no file of tuned rates"),
        (lambda c: c.update(format="other 2"), "is no file of tuned rates"),
        (lambda c: c.pop("request"), "request: must name a preset"),
        (lambda c: c["request"].pop("tune"), "request: must name the seeds of the search"),
        (lambda c: c["request"]["tune"].update(seeds=[7, 2]), "seed 2 chose these rates"),
        (lambda c: c.update(arms=[]), "arms: must be a list of arms"),
        (lambda c: c["arms"][0].pop("arm"), "arms[0]: must name an arm"),
        (lambda c: c["arms"][1].update(chosen={"train.lr": "much"}), "arms[1]: chosen: must be rates"),
        (lambda c: c["arms"][1]["chosen"].update({"train.steps": 3}), "arms[1]: chosen: must be rates"),
        (lambda c: c["arms"][0].update(chosen={"train.lr": -1.0}), "arms[0]: chosen: must be rates"),
        (lambda c: c["arms"][0].pop("budget"), "arms[0]: budget: must hold runs, steps and seconds"),
        (lambda c: c["arms"][0].update(at_edge=["train.steps"]), "arms[0]: at_edge"),
        (lambda c: c["arms"].pop(0), "has no arm for model.architecture=dual_tower: tune this sweep"),
        (lambda c: c["request"].update(preset="gate"), "was tuned with preset gate, not smoke"),
        (lambda c: c["request"]["fixed"].update({"train.steps": "9"}), "was tuned with train.steps 9, not as in the"),
        (lambda c: c["arms"][0]["common"].update({"train.lr": 1.0}), "was tuned around train.lr=1.0, not 0.002"),
    ],
)
def test_a_file_that_is_broken_or_does_not_fit_is_refused(tuned_file, alter, said):
    change(tuned_file, alter)
    assert said in refused("run", *REQUEST, "--tuned", str(tuned_file)) and not Path("results").exists()


@pytest.mark.parametrize(
    ("content", "said"),
    [(None, "no such file"),
     (b"\xff\xfe", "is no UTF-8 text"), (b"a: [", "node content"), (b"- 1", "is no file of tuned"),
     (b"x: !!python/object:os.system {}", "python/object:os.system")],
)  # fmt: skip
def test_a_file_that_cannot_be_read_is_refused(place, content, said):
    path = Path("mine.yaml")
    if content is not None:
        path.write_bytes(content)
    answer = refused("run", *REQUEST, "--tuned", str(path))
    assert answer.startswith("mine.yaml: ") and said in answer


PLANTED = """
import os, sys
from dataclasses import replace
from pathlib import Path
from architectures.dual_tower import DualTower
from bench.training.module import FusionModule
from sweeps.worker import main
whole = FusionModule.configure_optimizers
def slowed(self):
    train = self.train_config
    if isinstance(self.model.blocks[0], DualTower):
        self.train_config = replace(train, lr=train.lr / 8)
    try:
        return whole(self)
    finally:
        self.train_config = train
FusionModule.configure_optimizers = slowed
status = main(Path(sys.argv[1]))
sys.stdout.flush()
os._exit(status)
"""


@pytest.mark.slow
def test_an_architecture_that_learns_at_an_eighth_of_its_rate_gets_eight_times_the_rate(tmp_path, monkeypatch):
    """Real training: the optimiser of the dual tower's runs divides the rate by 8, and nobody else knows."""
    (tmp_path / "planted.py").write_text(PLANTED, encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(local, "WORKER", [sys.executable, "planted.py"])
    settings = ["model.architecture=[dual_tower,dual_projection]", "data.train_size=2048", "data.test_size=256",
                "train.steps=120", "train.batch_size=16", "train.warmup_steps=12", "train.lr=6e-3",
                "eval.num_images=64", "eval.num_captions=64", "eval.sampler_steps=8", "eval.max_caption_tokens=24",
                "runtime.checkpoint_every=120"]  # fmt: skip
    how = ["tune.factors=[0.125,1,8]", "tune.rungs=[0.5,1]", "tune.further=false", "tune.score=standing"]
    assert main(["tune", "architecture", "smoke", *settings, *how, "--jobs", "1"]) == 0
    (path,) = Path("tuned").glob("*.yaml")
    dual, other = user_yaml.read(path.read_text(encoding="utf-8"))["arms"]
    assert dual["chosen"] == {"train.lr": 8 * 6e-3} and dual["at_edge"] == ["train.lr"]
    assert other["chosen"] == {"train.lr": 6e-3} and other["at_edge"] == []
    assert dual["budget"]["steps"] == other["budget"]["steps"] == 3 * 60 + 2 * 120
