"""A program: a training that is killed in its fourth step, gone on with, and once more undisturbed.

Its arguments are two folders of runs, then a request. Children are forked, so that libraries are imported once.
"""

from __future__ import annotations

import signal
import sys

from deaths import child, dying

from bench.config.load import load
from bench.experiment import execute


def main(disturbed: str, undisturbed: str, *request: str) -> None:
    def train(runs: str) -> None:
        execute.run(load("smoke", [*request, f"runtime.runs={runs}"]))

    def killed() -> None:
        dying(execute.FusionModule, "training_step", 4)
        train(disturbed)

    assert child(killed) == -signal.SIGKILL
    assert child(lambda: train(disturbed)) == 0
    assert child(lambda: train(undisturbed)) == 0


if __name__ == "__main__":
    main(*sys.argv[1:])
