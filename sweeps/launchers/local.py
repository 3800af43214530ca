"""Runs on this machine: a few worker processes, each of which imports torch once and works through many runs."""

from __future__ import annotations

import contextlib
import json
import os
import queue
import signal
import subprocess
import sys
import tempfile
import threading
import time
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

from bench.config.checks import ranged
from bench.runs.failures import LOST_WORKER
from bench.system import provenance
from sweeps.jobs import Job
from sweeps.launchers import News
from sweeps.launchers.environment import worker_environment
from sweeps.launchers.order import Queue

WORKER = [sys.executable, "-m", "sweeps.worker"]
GRACE = 30.0  # seconds a worker has to end its step, write a checkpoint and leave


def default_jobs() -> int:
    """Default number of workers: one for the GPU if there is one, otherwise one a core."""
    return 1 if provenance.gpu() else len(os.sched_getaffinity(0))


@dataclass
class LocalOptions:
    """Settings of the local launcher."""

    jobs: int = ranged(0, 0)  # worker processes; 0: one a core, with a GPU one


class Local:
    """Worker processes of this machine, which end with the launching command."""

    Options: ClassVar[type] = LocalOptions
    outlives: ClassVar[bool] = False

    def __init__(self, sweep: Path, threads: int, options: LocalOptions) -> None:
        self.sweep, self.threads = sweep, threads
        self.jobs = options.jobs or default_jobs()
        self.news: queue.SimpleQueue[News] = queue.SimpleQueue()
        self.stop = threading.Event()
        self._todo = Queue()
        self._slots: list[_Slot] = []

    def submit(self, jobs: list[Job]) -> None:
        """Have the jobs done, with as many workers as there are jobs to do and cores to do them."""
        self._todo.put(jobs)
        self._slots = [slot for slot in self._slots if slot.is_alive()]
        for _ in range(min(self.jobs, len(jobs)) - len(self._slots)):
            slot = _Slot(self, self._todo)
            slot.start()
            self._slots.append(slot)

    def poll(self) -> list[News]:
        """Events of the workers; waits a second for one at most."""
        news = []
        with contextlib.suppress(queue.Empty):
            news.append(self.news.get(timeout=1.0))
            while True:
                news.append(self.news.get_nowait())
        return news

    def cancel(self) -> None:
        """Have the workers end their steps and leave, by force where they take too long."""
        self.stop.set()
        self._todo.close()
        for slot in self._slots:
            slot.signal(signal.SIGINT)
        deadline = time.monotonic() + GRACE
        for slot in self._slots:
            slot.join(max(0.0, deadline - time.monotonic()))
        while late := [slot for slot in self._slots if slot.is_alive()]:
            for slot in late:
                slot.signal(signal.SIGKILL)
                slot.join(1.0)


class _Slot(threading.Thread):
    """Keeps one worker process busy, and replaces it when it dies."""

    def __init__(self, launcher: Local, todo: Queue) -> None:
        super().__init__(daemon=True)
        self.launcher, self.todo = launcher, todo
        self.worker: Worker | None = None

    def run(self) -> None:
        """Take jobs off the list until it is closed."""
        try:
            while (job := self.todo.next()) is not None:
                self._do(job)
        finally:
            if self.worker:
                self.worker.close()

    def _do(self, job: Job) -> None:
        if self.worker is None:
            self.worker = Worker(self.launcher.sweep, self.launcher.threads)
        self.launcher.news.put(News("started", job))
        begin = time.monotonic()
        answer = self.worker.do(job.run_id)
        seconds = time.monotonic() - begin
        if self.launcher.stop.is_set():
            return
        if answer is not None:
            if not answer[0]:
                self.todo.took(job, seconds)
            self.launcher.news.put(News("ended", job, seconds, answer[0] or ""))
        else:
            how = self.worker.obituary()
            self.worker = None
            self.launcher.news.put(News("lost", job, seconds, how))

    def signal(self, number: int) -> None:
        """Send the worker a signal, if there is one."""
        if self.worker and self.worker.process.poll() is None:
            self.worker.process.send_signal(number)


class Worker:
    """A `sweeps.worker` process and its pipes."""

    def __init__(self, sweep: Path, threads: int) -> None:
        """Start the process, with `threads` CPU threads that sleep while they wait."""
        self.log = tempfile.TemporaryFile("w+", encoding="utf-8", errors="replace")  # noqa: SIM115 - lives with the process
        self.process = subprocess.Popen(
            [*WORKER, str(sweep)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self.log,
            text=True,
            env=worker_environment(threads),
            start_new_session=True,  # Ctrl-C reaches this process alone, which then stops its workers
        )

    def do(self, run_id: str) -> tuple[str | None] | None:
        """Hand over a run and wait for the answer, None if the worker died."""
        assert self.process.stdin and self.process.stdout
        try:
            self.process.stdin.write(run_id + "\n")
            self.process.stdin.flush()
            answer = self.process.stdout.readline()
        except (OSError, ValueError):
            return None
        return (json.loads(answer),) if answer.endswith("\n") else None

    def obituary(self) -> str:
        """How the process died, and the end of its log, as error.txt has it."""
        code = self.process.wait()
        how = f"by signal {signal.Signals(-code).name}" if code < 0 else f"with exit status {code}"
        self.log.seek(0)
        return f"{LOST_WORKER}: the worker died {how}\n\n{self.log.read()[-10_000:]}"

    def close(self) -> None:
        """Let the process end, by force if it does not within the grace time."""
        assert self.process.stdin
        with contextlib.suppress(OSError):
            self.process.stdin.close()
        try:
            self.process.wait(GRACE)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
