"""`python -m benchmarks.reliability.scale`: what many runs cost the sweep runner, beside the runs themselves.

`plan` of 10,000 points, `status` over 10,000 run folders, each as a whole command; and 1,000 runs that train nothing,
one after the other through one worker: leases, published results, events and all.
"""

from __future__ import annotations

import contextlib
import io
import json
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from sweeps import plan as plans
from sweeps import runner
from sweeps.launchers import local
from sweeps.report import Report

PROJECT = Path(__file__).parents[2]
POINTS, RUNS, REPEATS = 10_000, 1_000, 3
SWEEP = "question: how many\ngrid: {seed: [%s], model.architecture: dual_tower}\nplot: {x: architecture, y: [fid]}\n"


def main() -> int:
    """Print the figures, beside what is asked for."""
    with tempfile.TemporaryDirectory() as place, contextlib.chdir(place):
        Path("many.yaml").write_text(SWEEP % ", ".join(map(str, range(POINTS))), encoding="utf-8")
        Path("some.yaml").write_text(SWEEP % ", ".join(map(str, range(RUNS))), encoding="utf-8")
        tell("plan of 10,000 points", command("plan"), 2.0)
        made = plans.make("./many.yaml", "smoke", [])
        for index, point in enumerate(made.points):
            leave(point, index)
        tell("status over 10,000 run folders", command("status"), 3.0)
        tell("a run that trains nothing", scheduling(), 0.050)
    return 0


def command(name: str) -> float:
    """Seconds of the whole command, the least of a few times."""
    times = []
    for _ in range(REPEATS):
        begin = time.perf_counter()
        words = [sys.executable, "-m", "sweeps", name, "./many.yaml", "smoke"]
        subprocess.run(words, check=True, stdout=subprocess.DEVNULL, env={"PYTHONPATH": str(PROJECT)})
        times.append(time.perf_counter() - begin)
    return min(times)


def leave(point: plans.Point, index: int) -> None:
    """Write a run folder: nine of ten are done, the rest half-way."""
    folder = point.folder
    (folder.path / "claims").mkdir(parents=True)
    (folder.path / "run.json").write_text(json.dumps({"schema": 1, "starts": []}), encoding="utf-8")
    lines = (json.dumps({"step": step, "loss": 1.0}) + "\n" for step in range(1, 7))
    folder.metrics_file.write_text("".join(lines), encoding="utf-8")
    if index % 10:
        place = folder.result_folder(point.eval_id, point.step)
        place.mkdir(parents=True)
        (place / "result.json").write_text(json.dumps({"schema": 1, "metrics": {}}), encoding="utf-8")


def scheduling() -> float:
    """Seconds a run, over many that train nothing, with one worker; its start is left out."""
    local.WORKER[:] = [sys.executable, "-m", "benchmarks.reliability.empty_worker"]
    Report.build = lambda self: None  # type: ignore[method-assign]
    made = plans.make("./some.yaml", "smoke", ["runtime.runs=others"])
    runner.prepare(made)
    launcher = local.Local(made.results / "sweep.json", 1, local.LocalOptions(jobs=1))
    todo = runner.to_do(made)
    with contextlib.redirect_stdout(io.StringIO()):
        runner.run(made, todo[:1], launcher)
        launcher = local.Local(made.results / "sweep.json", 1, local.LocalOptions(jobs=1))
        begin = time.perf_counter()
        runner.run(made, todo[1:], launcher)
    seconds = time.perf_counter() - begin
    assert not runner.to_do(made), "not every run was done"
    return seconds / (len(todo) - 1)


def tell(what: str, seconds: float, asked: float) -> None:
    print(f"{what:32} {seconds:8.3f} s   (at most {asked:g} s: {'kept' if seconds <= asked else 'MISSED'})", flush=True)


if __name__ == "__main__":
    sys.exit(main())
