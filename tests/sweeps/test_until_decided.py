"""Seeds are added until claims are decided: looks, their levels and their runs follow from what is stored."""

from __future__ import annotations

import contextlib
import io
import json
import types
from pathlib import Path

import numpy as np
import pytest
from experiments import leave_weights, weights_in

from bench.runs.failures import Failure
from bench.system.command_line import exit_status
from benchmarks import fake_results
from reports.__main__ import main as reports_main
from reports.statistics.sequential import look_levels
from sweeps import __main__ as sweeps_main
from sweeps import report
from sweeps.launchers import News, local
from sweeps.sequential import looks, seeds

ITEMS = np.random.default_rng(9).normal(0, 0.01, 40)
SWEEP = """
question: Who writes best?
grid: {seed: [0], model.architecture: [dual_tower, single_tower, gated_layer]}
plot: {x: architecture, y: [cider]}
"""
CLAIM = """
text: The {better} writes better than the {worse}.
sweep: mine.yaml
where: {where}
comparisons:
  - runs: {{model.architecture: {better}}}
    are: better
    than: [{{model.architecture: {worse}}}]
    metrics: [cider]
    margin: {margin}
"""
BASE = ["mine.yaml", "smoke", *weights_in(Path())]


class Killed(BaseException):
    """What a `kill -9` is to a test: nothing after it is done."""


class Fake:
    """A launcher that leaves the result of each job at once: CIDEr by `truth`, an architecture's mean and spread."""

    Options = local.LocalOptions
    outlives = False
    truth: dict[str, tuple[float, float]]
    fails: set[tuple[str, int]]
    trained: list[tuple[str, int]]
    lives: int
    slope: float  # what the whole noise takes from CIDEr

    def __init__(self, sweep: Path, threads: int, options: object) -> None:
        assert sweep.name == "sweep.json" and threads > 0
        self.news: list[News] = []

    def submit(self, jobs):
        for job in jobs:
            point = job.points[0]
            who = (point.architecture, point.seed)
            if len(Fake.trained) >= Fake.lives:
                raise Killed
            Fake.trained.append(who)
            if who in Fake.fails:
                job.folder.fail(Failure("bug", "ValueError: no"))
                self.news.append(News("ended", job, error="bug: ValueError: no"))
                continue
            land(job, point, who)
            self.news.append(News("ended", job))

    def poll(self):
        news, self.news = self.news, []
        return news

    def cancel(self):
        pass


def land(job, point, who: tuple[str, int]) -> None:
    mean, spread = Fake.truth[who[0]]
    noise = next(
        (float(text.partition("=")[2]) for text in point.overrides if text.startswith("train.i2t_noise=")), 0.0
    )
    mean -= Fake.slope * noise
    random = np.random.default_rng([who[1], len(who[0]), sum(map(ord, who[0])), int(100 * noise)])
    items = mean + spread * random.normal() + ITEMS
    fake_results.EVAL_ID = point.eval_id
    cost = {"train_seconds": 50.0, "score_seconds": 10.0}
    metrics = {"cider": fake_results.score(float(items.mean()))}
    fake_results.land(job.folder.path, *who, point.step, metrics, items={"cider": items.tolist()}, cost=cost,
                      train={"i2t_noise": noise})  # fmt: skip


@pytest.fixture(autouse=True)
def place(tmp_path, monkeypatch):
    leave_weights(tmp_path)
    monkeypatch.chdir(tmp_path)
    Path("mine.yaml").write_text(SWEEP, encoding="utf-8")
    Path("claims").mkdir()
    monkeypatch.setattr("sweeps.launchers.get", lambda name: Fake)
    monkeypatch.setattr(report.Report, "build", lambda self: None)
    monkeypatch.setattr(looks, "subprocess", types.SimpleNamespace(run=in_this_process))
    monkeypatch.setattr(fake_results, "EVAL_ID", "e0")
    Fake.truth, Fake.fails, Fake.trained, Fake.lives, Fake.slope = {}, set(), [], 10_000, 0.0


def in_this_process(command: list[str], **_: object) -> types.SimpleNamespace:
    """`python -m reports ...` without the seconds of a start."""
    assert command[1:3] == ["-m", "reports"]
    out, err = io.StringIO(), io.StringIO()
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        status = exit_status(lambda: reports_main(command[3:]))
    return types.SimpleNamespace(returncode=status, stdout=out.getvalue(), stderr=err.getvalue())


def claim(name: str, better: str, worse: str, margin: object = 0.1, where: str = "{}") -> None:
    text = CLAIM.format(better=better, worse=worse, margin=margin, where=where)
    Path("claims", f"{name}.yaml").write_text(text, encoding="utf-8")


def run(*more: str, command: str = "run") -> int:
    return exit_status(lambda: sweeps_main.main([command, *BASE, "--until-decided", *more]))


def folder(fresh: str | None = None) -> Path:
    return seeds.make(BASE[0], BASE[1], BASE[2:], fresh).results


def looked() -> dict:
    return json.loads(in_this_process(["", "-m", "reports", "looks", str(folder()), "--json"]).stdout)


def trained(architecture: str) -> list[int]:
    return sorted(seed for who, seed in Fake.trained if who == architecture)


CLEAR = {"dual_tower": (5.0, 0.05), "single_tower": (3.0, 0.05), "gated_layer": (2.0, 0.05)}
LATER = {"dual_tower": (4.0, 0.45), "single_tower": (3.0, 0.45), "gated_layer": (1.0, 0.01)}


def test_what_is_decided_at_the_first_look_takes_three_seeds_and_the_level_of_that_look(capsys):
    Fake.truth = CLEAR
    claim("a", "dual_tower", "single_tower")
    claim("b", "gated_layer", "single_tower")
    assert run("--at-most", "10") == 0
    assert trained("dual_tower") == trained("single_tower") == trained("gated_layer") == [0, 1, 2]
    said = capsys.readouterr().out
    assert "supported: The dual_tower writes better than the single_tower. Decided at 3 seeds, level 1.5 %." in said
    assert "contradicted: The gated_layer writes better" in said and "all 2 decided with 3 seeds" in said
    assert looked()["looks"] == [{"seeds": 3, "level": pytest.approx(0.05 * 3 / 10)}]


def test_seeds_are_added_while_a_claim_is_open_and_only_to_the_arms_that_it_needs(capsys):
    Fake.truth = LATER
    claim("a", "dual_tower", "single_tower")
    claim("b", "dual_tower", "gated_layer")
    assert run("--at-most", "20") == 0
    found = looked()
    (a, b) = found["questions"]
    assert a["outcome"] == "supported" and 3 < a["seeds"] < 20 and a["level"] < 0.05
    assert b["seeds"] < a["seeds"] and b["outcome"] == "supported"
    assert trained("dual_tower") == trained("single_tower") == list(range(a["seeds"]))
    assert trained("gated_layer") == list(range(b["seeds"]))
    assert [look["seeds"] for look in found["looks"]] == list(range(3, a["seeds"] + 1))
    assert [look["level"] for look in found["looks"]] == look_levels(range(3, a["seeds"] + 1), 20)
    said = capsys.readouterr().out
    assert said.count("Decided at") == 2 and "1 open" in said and "more runs" in said


def test_a_hopeless_claim_is_given_up_and_said(capsys):
    Fake.truth = {"dual_tower": (4.0, 2.0), "single_tower": (4.0, 2.0), "gated_layer": (0.0, 0.1)}
    claim("a", "dual_tower", "single_tower", margin=0.01)
    assert run("--at-most", "30") == 0
    (a,) = looked()["questions"]
    assert a["state"] == "futile" and a["seeds"] < 30 and a["chance"] < 0.05
    said = capsys.readouterr().out
    assert "Given up at" in said and "1 given up" in said
    before = list(Fake.trained)
    assert run() == 0 and Fake.trained == before  # what was given up stays given up


def test_at_most_ends_it_at_the_last_look(capsys):
    Fake.truth = {"dual_tower": (4.95, 0.5), "single_tower": (4.0, 0.5), "gated_layer": (0.0, 0.1)}
    claim("a", "dual_tower", "single_tower", margin=0.1)
    assert run("--at-most", "4") == 0
    assert trained("dual_tower") == [0, 1, 2, 3] and trained("gated_layer") == [0, 1, 2]
    said = capsys.readouterr().out
    assert "Not decided at 4 seeds" in said and "the most there may be" in said


def stored() -> tuple[bytes, dict]:
    return (folder() / "sweep.json").read_bytes(), looked()


@pytest.mark.parametrize("lives", [0, 2, 9, 10, 12])
def test_interrupted_and_resumed_is_the_same_as_never_interrupted(monkeypatch, tmp_path, lives):
    Fake.truth = LATER
    claim("a", "dual_tower", "single_tower")
    Fake.lives = lives
    with pytest.raises(Killed):
        run("--at-most", "12")
    Fake.lives = 10_000
    assert run() == 0  # goes on with what it was begun with
    assert len(Fake.trained) == len(set(Fake.trained))
    mine = stored()
    monkeypatch.chdir(tmp_path / "claims")
    leave_weights(Path())
    Path("mine.yaml").write_text(SWEEP, encoding="utf-8")
    Path("claims").mkdir()
    claim("a", "dual_tower", "single_tower")
    assert run("--at-most", "12") == 0
    assert stored() == mine


@pytest.mark.parametrize("where", ["sweeps.sequential.seeds.further", "sweeps.sequential.looks.ask"])
def test_a_kill_between_seeds_loses_no_look(monkeypatch, where):
    Fake.truth = LATER
    claim("a", "dual_tower", "single_tower")

    def kill(*_: object) -> None:
        if len(Fake.trained) >= 11:
            raise Killed
        return usual(*_)

    module, _, name = where.rpartition(".")
    usual = getattr({"seeds": seeds, "looks": looks}[module.rpartition(".")[2]], name)
    with monkeypatch.context() as patched, pytest.raises(Killed):
        patched.setattr(where, kill)
        run("--at-most", "12")
    before = len(Fake.trained)
    assert run("--at-most", "12") == 0
    assert len(Fake.trained) > before and len(set(Fake.trained)) == len(Fake.trained)
    assert [look["level"] for look in looked()["looks"]] == look_levels(
        range(3, looked()["questions"][0]["seeds"] + 1), 12
    )


def test_another_at_most_would_unspend_looks_and_is_refused(capsys):
    Fake.truth = CLEAR
    claim("a", "dual_tower", "single_tower")
    assert run("--at-most", "10") == 0
    before = stored()
    assert run("--at-most", "20") == 2
    assert "was begun with 10" in capsys.readouterr().err
    assert run() == 0 and stored() == before
    assert "all 1 decided" in capsys.readouterr().out


def test_other_weights_or_data_than_it_was_begun_with_are_refused(capsys):
    Fake.truth = CLEAR
    claim("a", "dual_tower", "single_tower")
    assert run() == 0
    file = folder() / "sweep.json"
    file.write_text(file.read_text(encoding="utf-8").replace("dual_tower-", "dual_tower-0"), encoding="utf-8")
    assert run() == 2
    assert "other data, weights or settings" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("more", "said"),
    [
        (["--at-most", "2"], "must be from 3"),
        (["--at-most", "1001"], "to 1000"),
        (["--detach"], "--detach"),
    ],
)
def test_wrong_requests_are_refused_before_anything_is_written(capsys, more, said):
    claim("a", "dual_tower", "single_tower")
    launcher = Fake.outlives
    Fake.outlives = True
    assert run(*more) == 2
    Fake.outlives = launcher
    assert said in capsys.readouterr().err and not Path("results").exists()


def test_seeds_that_vary_together_with_others_cannot_be_added_to(capsys):
    tied = "question: What?\nzip: {seed: [0, 1], train.steps: [10, 20]}\nplot: {x: steps, y: [cider]}\n"
    Path("mine.yaml").write_text(tied, encoding="utf-8")
    assert run() == 2
    assert "vary together" in capsys.readouterr().err


def test_at_most_alone_and_claims_that_cannot_be_read_are_refused(capsys):
    assert exit_status(lambda: sweeps_main.main(["run", *BASE, "--at-most", "9"])) == 2
    assert "--until-decided" in capsys.readouterr().err
    Path("claims/a.yaml").write_text("text: no", encoding="utf-8")
    assert run() == 2 and not Fake.trained
    assert "claims/a.yaml" in capsys.readouterr().err


def test_a_failing_run_ends_it_honestly_and_the_same_command_goes_on(capsys):
    Fake.truth, Fake.fails = LATER, {("dual_tower", 3)}
    claim("a", "dual_tower", "single_tower")
    assert run("--at-most", "12") == 1
    assert "no further look" in capsys.readouterr().err
    assert [look["seeds"] for look in looked()["looks"]] == [3]
    Fake.fails = set()
    assert run() == 0 and looked()["questions"][0]["outcome"] == "supported"


def test_no_claim_that_these_runs_answer_is_said(capsys):
    Fake.truth = CLEAR
    assert run() == 0
    assert "no claim can be judged" in capsys.readouterr().out and len(Fake.trained) == 9


def test_a_fresh_one_has_folders_of_its_own_and_so_has_the_sweep_of_fixed_seeds(capsys):
    Fake.truth = CLEAR
    claim("a", "dual_tower", "single_tower")
    assert run() == 0 and run("--fresh", "--at-most", "5") == 0
    assert len(Fake.trained) == 18
    assert exit_status(lambda: sweeps_main.main(["run", *BASE])) == 0
    assert len(list(Path("results").iterdir())) == 3
    plain = next(path for path in Path("results").iterdir() if "until-decided" not in path.name)
    assert in_this_process(["", "-m", "reports", "looks", str(plain)]).returncode == 2
    assert len(Fake.trained) == 18  # runs are shared


ALONG = """
question: Does noise hurt?
grid: {seed: [0], model.architecture: [dual_tower, single_tower], train.i2t_noise: [0, 0.5, 1]}
plot: {x: i2t_noise, y: [cider]}
"""


def test_the_axis_is_decided_too_and_what_it_alone_needs_gets_no_more_seeds(capsys):
    Path("mine.yaml").write_text(ALONG, encoding="utf-8")
    Fake.truth, Fake.slope = LATER, 3.0
    claim("a", "dual_tower", "single_tower", where="{train.i2t_noise: 0}")
    assert run() == 0
    questions = {one["text"]: one for one in looked()["questions"]}
    axis = {text: one for text, one in questions.items() if text.startswith("What noise cap")}
    assert len(axis) == 2 and {(one["state"], one["seeds"]) for one in axis.values()} == {("decided", 3)}
    a = questions["The dual_tower writes better than the single_tower."]
    assert a["outcome"] == "supported" and a["seeds"] > 3
    asked = json.loads((folder() / "sweep.json").read_text(encoding="utf-8"))["points"]
    later = [point for point in asked if "seed=3" in point["overrides"]]
    assert len(asked) == 6 * 3 + 2 * (a["seeds"] - 3) and len(later) == 2
    assert all("train.i2t_noise=0" in point["overrides"] for point in later)
    assert (
        "worse: What noise cap on I2T images does to CIDEr, last against first. Decided at 3 seeds"
        in capsys.readouterr().out
    )
    verdicts = in_this_process(["", "-m", "reports", "verdicts", str(folder())]).stdout
    assert "trend. Decided at 3 seeds, level 0.75 %." in verdicts


def test_an_open_trend_keeps_every_value_of_the_axis(capsys):
    Path("mine.yaml").write_text(ALONG, encoding="utf-8")
    Fake.truth, Fake.slope = {"dual_tower": (4.0, 0.4), "single_tower": (4.0, 0.4)}, 0.5
    assert run("--at-most", "4") == 0
    assert len(Fake.trained) == 6 * 4


def test_status_plan_settle_and_verdicts_speak_of_the_looks(capsys):
    Fake.truth, Fake.fails = LATER, {("dual_tower", 3)}
    claim("a", "dual_tower", "single_tower")
    assert run(command="plan") == 0
    assert "51 runs more at most (20 seeds)" in capsys.readouterr().out
    assert run() == 1
    capsys.readouterr()
    assert run(command="status") == 0
    said = capsys.readouterr().out
    assert "1 failed" in said and "Open at 3 seeds, level 0.75 %" in said and "more runs" in said
    settled = in_this_process(["", "-m", "reports", "settle", str(folder())]).stdout
    assert "Looks so far, by seeds and their level: 3 (0.75 %)" in settled and "seeds in all" in settled
    shown = in_this_process(["", "-m", "reports", "verdicts", str(folder())]).stdout
    assert "Seeds were added until claims were decided" in shown and "Open at 3 seeds" in shown
