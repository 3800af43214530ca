"""The command lines: a wrong request is one line and exit status 2, and what needs no model imports no torch."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from experiments import leave_weights
from project_copies import PROJECT, python

import architectures
from bench.__main__ import COMMANDS
from bench.__main__ import main as bench
from bench.config.load import presets
from bench.system.command_line import exit_status
from bench.system.plugins import PACKAGES, plugins
from sweeps.__main__ import main as sweeps


@pytest.fixture(autouse=True)
def weights(tmp_path, monkeypatch):
    """Stand-ins for the embedded weights, and an empty folder to work in."""
    leave_weights(tmp_path / "weights")
    monkeypatch.setattr("bench.config.part_files.WEIGHTS", tmp_path / "weights")
    monkeypatch.chdir(tmp_path)


WRONG = {
    "bench lst": "unknown command 'lst' (did you mean 'list'?)",
    "bench show smok": "unknown preset 'smok' (did you mean 'smoke'?)",
    "bench show smoke model.architecture=dual_towr": "did you mean 'dual_tower'?",
    "bench train smoke train.i2t_noise=2": "train.i2t_noise: must be in [0, 1], not 2.0",
    "bench train smoke data.name=coco data.root=nowhere": "nowhere",
    "bench train smoke model.llm=./nowhere": "nowhere",
    "bench train smoke small": "'small' is no setting",
    "bench train smoke runtime.runs=file/runs train.step=3": "did you mean 'train.steps'?",
    "bench eval smoke": "is not trained yet",
    "bench sample smoke": "--prompt",
    "bench sample smoke --prompt red": "is not trained yet",
    "bench caption smoke --image nowhere.png": "is not trained yet",
    "bench zoo": "action",
    "bench zoo check vea": "unknown net 'vea' (did you mean 'vae'?)",
    "bench show --verbose": "--verbose",
    "bench fingerprint --variation plane": "unknown 'plane' (did you mean 'plain'?)",
    "sweeps plan": "NAME",
    "sweeps paln noise": "did you mean 'plan'?",
    "sweeps run noise smoke launcher.name=slum": "unknown launcher 'slum'",
    "sweeps run noise smoke launcher.job=2": "unknown setting 'launcher.job' (did you mean 'jobs'?)",
    "sweeps run noise smoke launcher.jobs=two": "launcher",
    "sweeps run noise smoke launcher.jobs=-1": "launcher.jobs: must be at least 0, not -1",
    "sweeps retry noise smoke --only bugs": "unknown class 'bugs' (did you mean 'bug'?)",
    "sweeps why noise smoke --run triple": "no run 'triple'",
    "sweeps clean noise smoke --launch": "unrecognized",
    "sweeps plan nois": "unknown sweep 'nois' (did you mean 'noise'?)",
    "sweeps plan noise smok": "unknown preset 'smok'",
    "sweeps run noise smoke model.architecture=[dual_tower,singel_tower]": "did you mean 'single_tower'?",
    "sweeps run noise smoke train.i2t_noise=[0,2]": "train.i2t_noise: must be in [0, 1], not 2.0",
    "sweeps run noise smoke --jobs 0": "--jobs",
    "sweeps run noise smoke --jobs two": "--jobs",
    "sweeps run noise smoke --into ../away": "--into",
}


@pytest.mark.parametrize("request_", WRONG)
def test_a_wrong_request_is_one_line_on_stderr_and_status_2(request_, capsys, tmp_path):
    before = sorted(tmp_path.rglob("*"))
    room, *arguments = request_.split()
    assert exit_status(lambda: {"bench": bench, "sweeps": sweeps}[room](arguments)) == 2
    said = capsys.readouterr()
    assert said.err.startswith("error: ") and said.err.count("\n") == 1
    assert WRONG[request_] in said.err
    assert said.out == ""
    assert sorted(tmp_path.rglob("*")) == before


def test_list_names_everything(capsys):
    assert bench(["list"]) == 0
    said = capsys.readouterr().out
    extensions = [name for kind in PACKAGES for name in plugins(kind)]
    assert {"t2i", "i2t", "text", "image", "fid", "cider", "scenes", "coco"} <= {*extensions}
    for name in (*architectures.catalogue(), *presets(), *extensions, "llm", "features"):
        assert f"  {name} " in said


def test_show_prints_the_config_and_where_it_would_run(capsys):
    assert bench(["show", "smoke", "train.i2t_noise=0.5"]) == 0
    said = capsys.readouterr().out
    assert "  i2t_noise: 0.5\n" in said
    assert "runs/dual_tower-" in said and "(pending)" in said
    assert not Path("runs").exists()


@pytest.mark.parametrize("command", [[], ["--help"], *([name, "--help"] for name in COMMANDS)])
def test_help_explains(command, capsys):
    try:
        bench(command)
    except SystemExit as done:
        assert done.code == 0
    assert "python -m bench" in capsys.readouterr().out


def test_doctor_says_what_is_missing_and_how_to_get_it(capsys, monkeypatch, tmp_path):
    monkeypatch.setenv("PATH", str(tmp_path))
    (tmp_path / "weights" / "clip" / "model.safetensors").unlink()
    assert bench(["doctor"]) == 1
    said = capsys.readouterr().out
    assert "missing: Java, weights: clip" in said
    assert "apt install" in said and "python -m bench zoo build clip" in said


def test_plan_lists_the_runs_and_writes_nothing(capsys, tmp_path):
    assert sweeps(["plan", "noise", "smoke", "seed=[0,1]"]) == 0
    said = capsys.readouterr().out
    assert said.count("pending") == 2 * 5 * len(architectures.catalogue())
    assert sweeps(["status", "noise", "smoke"]) == 0
    assert f"{5 * len(architectures.catalogue())} pending" in capsys.readouterr().out
    assert not Path("runs").exists() and not Path("results").exists()


def test_a_results_folder_of_another_schema_is_refused_untouched(capsys):
    folder = Path("results/noise-smoke")
    folder.mkdir(parents=True)
    (folder / "sweep.json").write_text(json.dumps({"schema": 99}), encoding="utf-8")
    assert exit_status(lambda: sweeps(["run", "noise", "smoke"])) == 2
    assert "format 99" in capsys.readouterr().err
    assert [path.name for path in folder.iterdir()] == ["sweep.json"]


def test_without_java_nothing_is_trained(capsys, monkeypatch, tmp_path):
    monkeypatch.setenv("PATH", str(tmp_path))
    assert exit_status(lambda: sweeps(["run", "noise", "smoke"])) == 2
    assert "Java" in capsys.readouterr().err
    assert not Path("runs").exists()


def test_interruption_and_failure_have_their_own_status(capsys):
    def interrupt():
        raise KeyboardInterrupt

    assert exit_status(interrupt) == 130
    assert "the same command" in capsys.readouterr().err
    assert exit_status(lambda: 1 // 0) == 1
    assert "ZeroDivisionError" in capsys.readouterr().err


LIGHT = """
import sys
from bench.__main__ import main as bench
from sweeps.__main__ import main as sweeps
from bench.system.command_line import exit_status
from bench.system.plugins import PACKAGES, plugins
from sweeps import runner
for words in ("list", "show smoke", "show --help", "doctor", "show nothing", "eval smoke", "sample smoke --prompt x"):
    try:
        exit_status(lambda: bench(words.split()))
    except SystemExit:
        pass
for arguments in (["plan", "noise", "smoke"], ["status", "noise", "smoke"], ["plan", "noise", "nothing"]):
    exit_status(lambda: sweeps(arguments))
heavy = {"torch", "transformers", "diffusers", "lightning", "pandas", "matplotlib", "scipy"} & set(sys.modules)
sys.exit(f"imported {heavy}" if heavy else 0)
"""


def test_what_needs_no_model_imports_no_torch():
    python(PROJECT, "-c", LIGHT)
