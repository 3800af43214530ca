"""Processes that are killed at a chosen call, and trainings that end in an exception there."""

from __future__ import annotations

import os
import signal
import sys
import traceback
from collections.abc import Callable

import pytest

from bench.runs.lease import Held

HELD = 3  # exit status of a child that was told so


class Killed(BaseException):
    """Nobody expects it."""


def start(work: Callable[[], object]) -> int:
    """Do ``work`` in a process of its own; returns its id."""
    sys.stdout.flush()
    pid = os.fork()
    if pid:
        return pid
    status = 1
    try:
        work()
        status = 0
    except Held:
        status = HELD
    except BaseException:
        traceback.print_exc()
    finally:
        os._exit(status)


def end(pid: int) -> int:
    """Wait for a child; returns its exit status, minus the signal that killed it."""
    return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])


def child(work: Callable[[], object]) -> int:
    """Do ``work`` in a process of its own; returns how that ended."""
    return end(start(work))


def dying(owner: object, name: str, call: int) -> None:
    """Have this process killed as it begins the ``call``-th call of ``owner.name``, or, negative, as it has ended."""
    real, calls = getattr(owner, name), []

    def deadly(*args, **kwargs):
        calls.append(1)
        if len(calls) == call:
            os.kill(os.getpid(), signal.SIGKILL)
        done = real(*args, **kwargs)
        if len(calls) == -call:
            os.kill(os.getpid(), signal.SIGKILL)
        return done

    setattr(owner, name, deadly)


def killed_in_steps(patch: pytest.MonkeyPatch, *calls: int) -> list[int]:
    """Have `Killed` raised as these training steps begin, counted over all starts; the steps begun, as they come."""
    from bench.training.module import FusionModule

    step, begun = FusionModule.training_step, []

    def deadly(module, *args):
        begun.append(module.global_step)
        if len(begun) in calls:
            raise Killed
        return step(module, *args)

    patch.setattr(FusionModule, "training_step", deadly)
    return begun
