"""Child processes that end with their parent, however it ends."""

from __future__ import annotations

import os
import signal
import threading
import time

PARENT = "XFUSION_BENCH_PARENT"
PERIOD = 0.5  # seconds between looks


def child_environment() -> dict[str, str]:
    """Environment variables for a child process that calls `exit_with_parent`."""
    return {PARENT: str(os.getpid())}


def exit_with_parent() -> None:
    """End this process when its parent ends, if the parent gave it `child_environment`."""
    parent = os.environ.pop(PARENT, None)  # this process's own children have another parent
    if parent:
        threading.Thread(target=_watch, args=(int(parent),), daemon=True, name="parent watch").start()


def _watch(parent: int) -> None:
    while os.getppid() == parent:
        time.sleep(PERIOD)
    os.kill(os.getpid(), signal.SIGKILL)  # it may be blocked; published files survive any kill
