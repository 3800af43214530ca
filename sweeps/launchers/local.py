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
from collections.abc import Generator
from pathlib import Path
from typing import Any

from sweeps.launchers import Event
from sweeps.launchers.order import Queue, Try
from sweeps.plan import Plan, Point

PROJECT = Path(__file__).parents[2]
WORKER = [sys.executable, "-m", "sweeps.worker"]
TRIES = 2  # a run that killed its worker is tried once more: memory may have been short
PATIENCE = 2.0  # seconds between looks at a run that another process holds
GRACE = 15.0  # seconds a worker has to stop by itself


def default_jobs(gpu: bool) -> int:
    """One worker for the GPU if there is one, otherwise one a core."""
    return 1 if gpu else len(os.sched_getaffinity(0))


def launch(plan: Plan, points: list[Point], jobs: int) -> Generator[Event, None, None]:
    """Do the runs with `jobs` workers and yield what happens. Closing the generator stops the workers."""
    todo = Queue(points)
    events: queue.SimpleQueue[Event | None] = queue.SimpleQueue()
    stop = threading.Event()
    slots = [_Slot(plan, todo, events, stop) for _ in range(min(jobs, len(points)))]
    for slot in slots:
        slot.start()
    try:
        working = len(slots)
        while working:
            event = events.get()
            if event is None:
                working -= 1
            else:
                yield event
    finally:
        stop.set()
        for slot in slots:
            slot.signal(signal.SIGINT)
        deadline = time.monotonic() + GRACE
        for slot in slots:
            slot.join(max(0.0, deadline - time.monotonic()))
        while late := [slot for slot in slots if slot.is_alive()]:
            for slot in late:
                slot.signal(signal.SIGKILL)
                slot.join(1.0)


class _Slot(threading.Thread):
    """Keeps one worker process busy, and replaces it when it dies."""

    def __init__(
        self,
        plan: Plan,
        todo: Queue,
        events: queue.SimpleQueue[Event | None],
        stop: threading.Event,
    ) -> None:
        super().__init__(daemon=True)
        self.plan, self.todo, self.events, self.stop = plan, todo, events, stop
        self.worker: Worker | None = None

    def run(self) -> None:
        """Take runs off the list until none is left."""
        try:
            while not self.stop.is_set():
                run = self.todo.next()
                if run is None:
                    break
                self._do(run)
        finally:
            if self.worker:
                self.worker.close()
            self.events.put(None)

    def _do(self, run: Try) -> None:
        point = run.point
        if self.worker is None:
            self.worker = Worker(self.plan.threads)
        self.events.put(Event("started", point))
        begin = time.monotonic()
        answer = self.worker.do({"preset": self.plan.preset, "overrides": point.overrides})
        seconds = time.monotonic() - begin
        if self.stop.is_set():
            return
        if answer is not None:
            self.events.put(Event.of_answer(point, answer, seconds))
            if answer["outcome"] == "done":
                self.todo.took(point, seconds)
            if answer["outcome"] == "held":
                self.stop.wait(PATIENCE)
                self.todo.later(run)
            return
        obituary = self.worker.obituary()
        self.worker = None
        if run.attempt < TRIES:
            self.events.put(Event("retried", point, seconds, error=obituary.partition("\n")[0]))
            self.todo.later(run, attempts=1)
        else:
            point.folder.fail(obituary)
            self.events.put(Event("failed", point, seconds, error=obituary.partition("\n")[0]))

    def signal(self, number: int) -> None:
        """Send the worker a signal, if there is one."""
        if self.worker and self.worker.process.poll() is None:
            self.worker.process.send_signal(number)


class Worker:
    """A `sweeps.worker` process and its pipes."""

    def __init__(self, threads: int) -> None:
        """Start the process, with `threads` CPU threads that sleep while they wait."""
        environment = os.environ | {
            "OMP_NUM_THREADS": str(threads),
            "MKL_NUM_THREADS": str(threads),
            "OMP_WAIT_POLICY": "PASSIVE",
            "GOMP_SPINCOUNT": "0",
            "TOKENIZERS_PARALLELISM": "false",
            "PYTHONPATH": os.pathsep.join(filter(None, [str(PROJECT), os.environ.get("PYTHONPATH")])),
        }
        self.log = tempfile.TemporaryFile("w+", errors="replace")  # noqa: SIM115 - lives as long as the process
        self.process = subprocess.Popen(
            WORKER,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self.log,
            text=True,
            env=environment,
            start_new_session=True,  # Ctrl-C reaches this process alone, which then stops its workers
        )

    def do(self, job: dict[str, Any]) -> dict[str, Any] | None:
        """Hand over a job and wait for the answer, None if the worker died."""
        assert self.process.stdin and self.process.stdout
        try:
            self.process.stdin.write(json.dumps(job) + "\n")
            self.process.stdin.flush()
            answer = self.process.stdout.readline()
        except (OSError, ValueError):
            return None
        return json.loads(answer) if answer.endswith("\n") else None

    def obituary(self) -> str:
        """How the process died, then the last it said."""
        code = self.process.wait()
        how = f"by signal {signal.Signals(-code).name}" if code < 0 else f"with exit status {code}"
        self.log.seek(0)
        return f"the worker died {how}\n\n{self.log.read()[-10_000:]}"

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
