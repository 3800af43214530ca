"""A run in a process of its own, for several devices: Lightning starts the command line once for each."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from dataclasses import asdict
from typing import Any

from bench.config.checks import leaves
from bench.config.schema import Config
from bench.runs.identity import eval_id, run_folder
from bench.runs.lease import Held
from bench.system import parent_watch
from bench.system.errors import UserError

GRACE = 10.0  # seconds to stop in when interrupted
RANK_VARIABLES = ("LOCAL_RANK", "NODE_RANK", "GROUP_RANK", "MASTER_ADDR", "MASTER_PORT", "SLURM_STEP_NUM_TASKS")


def run(config: Config) -> dict[str, Any]:
    """Run `bench train` in a child process, as `execute.run` does here. It ends with this process at the latest.

    Raises:
        UserError: the request cannot be served.
        Held: another process works on this run.
        RuntimeError: it failed; the message is its own, and error.txt says more.
    """
    folder, identity, step = run_folder(config), eval_id(config), config.train.steps
    status, said = _train(overrides(config))
    result = folder.result(identity, step)
    if status == 0 and result is not None:
        return result
    assert status, "the child process succeeded, and its result is not where this one looks"
    if status == 130:
        raise KeyboardInterrupt
    if status == 2:
        raise Held(said) if folder.status(identity, step) == "running" else UserError(said)
    raise RuntimeError(said if status > 0 else f"its process died by {signal.Signals(-status).name}: {said}")


def overrides(config: Config) -> list[str]:
    """Every setting as `key=value`: on top of any preset they make this config again."""
    settings = asdict(config)
    tasks = settings["train"].pop("tasks")  # said as a whole, as it replaces a preset's
    return [f"{key}={json.dumps(value)}" for key, value in [*leaves(settings), ("train.tasks", tasks)]]


def _train(overrides: list[str]) -> tuple[int, str]:
    """Exit status of `bench train`, and its first error: later ones may be of ranks left alone."""
    inherited = {name: value for name, value in os.environ.items() if name not in RANK_VARIABLES}
    process = subprocess.Popen(
        [sys.executable, "-m", "bench", "train", *overrides],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
        errors="replace",
        env=inherited | parent_watch.child_environment(),
    )
    try:
        _, stderr = process.communicate()
    except BaseException:
        process.send_signal(signal.SIGINT)
        try:
            process.wait(GRACE)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
        raise
    sys.stderr.write(stderr)
    lines = stderr.splitlines() or ["it said nothing"]
    complaints = [line.partition(": ")[2] for line in lines if line.startswith(("error: ", "failed: "))]
    return process.returncode, (complaints or lines[-1:])[0]
