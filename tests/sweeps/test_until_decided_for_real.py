"""Seeds until decided, trained for real: killed in the middle, gone on with, looked at."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from experiments import SMALLER, shared_cache

from bench.system.git import PROJECT

SWEEP = """
question: Who captions best?
grid: {seed: [0], model.architecture: [dual_tower, single_tower]}
plot: {x: architecture, y: [cider]}
"""
CLAIM = """
text: The dual tower captions as the single tower does, give or take anything.
sweep: mine.yaml
comparisons:
  - {runs: {model.architecture: dual_tower}, are: same, than: [{model.architecture: single_tower}], metrics: [cider],
     margin: 10}
"""


@pytest.mark.slow
def test_a_study_that_is_killed_goes_on_to_its_look_and_says_how_it_ended(tmp_path: Path) -> None:
    (tmp_path / "claims").mkdir()
    (tmp_path / "claims" / "same.yaml").write_text(CLAIM, encoding="utf-8")
    (tmp_path / "mine.yaml").write_text(SWEEP, encoding="utf-8")
    asked = ["mine.yaml", "smoke", *SMALLER, f"runtime.cache={shared_cache()}", "--until-decided", "--jobs", "1"]
    command = [sys.executable, "-m", "sweeps", "run", *asked]
    how = {"cwd": tmp_path, "env": os.environ | {"PYTHONPATH": str(PROJECT)}, "text": True}
    with subprocess.Popen([*command, "--at-most", "4"], stdout=subprocess.PIPE, **how) as first:  # type: ignore[call-overload]
        for line in first.stdout:
            if " done in " in line:
                first.send_signal(signal.SIGKILL)
                break
    second = subprocess.run(command, capture_output=True, **how)  # type: ignore[call-overload]
    assert second.returncode == 0, second.stderr
    assert "mine: 6 runs, 5 to do" in second.stdout
    assert "supported: The dual tower captions as the single tower does" in second.stdout
    assert "Decided at 3 seeds, level 3.75 %." in second.stdout
    (folder,) = (tmp_path / "results").iterdir()
    known = json.loads((folder / "verdicts.json").read_text(encoding="utf-8"))
    assert known["looks"]["looks"] == [{"seeds": 3, "level": pytest.approx(0.0375)}]
    mine = next(one for one in known["verdicts"] if one["name"] == "same")
    assert mine["verdict"] == "supported" and mine["comparisons"][0]["level"] == pytest.approx(0.0375)
    assert "no look's share of the 5 % is spent twice" in (folder / "report.html").read_text(encoding="utf-8")
