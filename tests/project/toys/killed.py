"""A program: a training that is killed in its fourth step, gone on with, and once more undisturbed.

Its arguments are two folders of runs, then a request. Children are forked, so that libraries are imported once.
"""

from __future__ import annotations

import os
import signal
import sys
import traceback


def child(work) -> int:
    """Do ``work`` in a process of its own; returns its exit status, minus the signal that killed it."""
    sys.stdout.flush()
    pid = os.fork()
    if pid:
        return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
    status = 1
    try:
        work()
        status = 0
    except BaseException:
        traceback.print_exc()
    finally:
        os._exit(status)


def main(disturbed: str, undisturbed: str, *request: str) -> None:
    from bench.config.load import load
    from bench.experiment import execute

    def train(runs: str) -> None:
        execute.run(load("smoke", [*request, f"runtime.runs={runs}"]))

    def killed() -> None:
        step, begun = execute.FusionModule.training_step, []

        def deadly(*args):
            begun.append(1)
            if len(begun) == 4:
                os.kill(os.getpid(), signal.SIGKILL)
            return step(*args)

        execute.FusionModule.training_step = deadly
        train(disturbed)

    assert child(killed) == -signal.SIGKILL
    assert child(lambda: train(disturbed)) == 0
    assert child(lambda: train(undisturbed)) == 0


if __name__ == "__main__":
    main(*sys.argv[1:])
