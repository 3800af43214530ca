"""A process that ends with the one that started it, however that one ends."""

from __future__ import annotations

import os
import signal
import threading
import time

PARENT = "XFUSION_BENCH_PARENT"
PERIOD = 0.5  # seconds between looks


def tied() -> dict[str, str]:
    """What the environment of such a child says besides."""
    return {PARENT: str(os.getpid())}


def follow() -> None:
    """Be such a child, if this process was started as one."""
    parent = os.environ.pop(PARENT, None)  # its own children are not the same one's
    if parent:
        threading.Thread(target=_watch, args=(int(parent),), daemon=True, name="lifeline").start()


def _watch(parent: int) -> None:
    while os.getppid() == parent:
        time.sleep(PERIOD)
    os.kill(os.getpid(), signal.SIGKILL)  # it may wait for somebody who is gone; what has landed is safe from any kill
