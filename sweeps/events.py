"""Events of a sweep's runs, from the launcher's news and the run folders."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, field

from bench.runs import lease
from bench.runs.failures import LOST_WORKER, Failure
from bench.runs.watching import Watch
from sweeps.jobs import Job
from sweeps.launchers import Launcher, News

TRIES = 3  # of a run whose worker is lost again and again: then it is the run's fault
SILENT = Failure(LOST_WORKER, "its process ended without a word")
PATIENCE = 1.0  # seconds between looks at runs that other processes hold


@dataclass(frozen=True)
class Event:
    """Event of a run: started, done, failed, held (by another process), free (again), or retried."""

    kind: str
    job: Job
    seconds: float = 0.0
    metrics: dict[str, float] = field(default_factory=dict)
    error: str = ""


class Events:
    """Iterator of events: a launcher does the jobs, until each is done or has failed."""

    def __init__(self, launcher: Launcher, jobs: list[Job]) -> None:
        self.launcher = launcher
        self.open = {job.run_id: job for job in jobs}
        self._elsewhere: dict[str, Job] = {}  # held by processes that this launcher knows nothing of
        self._watch = Watch()
        self._lost: Counter[str] = Counter()  # how often a run's worker was

    def submit(self) -> None:
        """Give the launcher every job that no other process works on."""
        for run_id, job in self.open.items():
            if self._watch.alive(job.folder.lease_files):
                self._elsewhere[run_id] = job
        self.launcher.submit([job for run_id, job in self.open.items() if run_id not in self._elsewhere])

    def __iter__(self) -> Iterator[Event]:
        for job in list(self._elsewhere.values()):
            yield self._held(job)
        looked = time.monotonic()
        while self.open:
            if len(self._elsewhere) < len(self.open):
                for news in self.launcher.poll():
                    yield from self._judge(news)
            else:
                time.sleep(PATIENCE)
            if time.monotonic() - looked >= PATIENCE:
                looked = time.monotonic()
                yield from self._look_elsewhere()

    def _judge(self, news: News) -> Iterator[Event]:
        job = news.job
        self._lost[job.run_id] += news.kind == "lost"
        if news.kind == "started":
            yield Event("started", job)
        elif job.done:
            yield self._done(job, news.seconds)
        elif news.error.startswith("held") or self._watch.alive(job.folder.lease_files):
            self._elsewhere[job.run_id] = job
            yield self._held(job)
        elif news.kind == "ended" and (failure := job.folder.failure() or _failure(news)):
            yield self._failed(job, failure, news.seconds)
        else:
            self._lost[job.run_id] += news.kind == "ended"  # without a result or a word
            yield self._again(job, "retried", _failure(news) or SILENT, news.seconds)

    def _again(self, job: Job, kind: str, failure: Failure, seconds: float = 0.0) -> Event:
        """Submit a job whose worker is gone once more, unless that has happened too often."""
        if self._lost[job.run_id] < TRIES:
            self.launcher.submit([job])
            return Event(kind, job, seconds, error=failure.message)
        with suppress(OSError, lease.Lost):
            job.folder.fail(failure)
        return self._failed(job, failure, seconds)

    def _look_elsewhere(self) -> Iterator[Event]:
        for job in list(self._elsewhere.values()):
            if job.done:
                yield self._done(job, 0.0)
            elif not self._watch.alive(job.folder.lease_files):
                del self._elsewhere[job.run_id]
                yield self._again(job, "free", SILENT)

    def _held(self, job: Job) -> Event:
        seen = lease.lease_state(job.folder.lease_files)
        return Event("held", job, error=str(seen.owner) if seen else "another process")

    def _done(self, job: Job, seconds: float) -> Event:
        self._close(job)
        point = job.points[-1]
        result = point.folder.result(point.eval_id, point.step)
        scores = result["metrics"] if result else {}
        return Event("done", job, seconds, {name: score["value"] for name, score in scores.items()})

    def _failed(self, job: Job, failure: Failure, seconds: float) -> Event:
        self._close(job)
        return Event("failed", job, seconds, error=f"{failure.kind}: {failure.message}")

    def _close(self, job: Job) -> None:
        self.open.pop(job.run_id, None)
        self._elsewhere.pop(job.run_id, None)


def _failure(news: News) -> Failure | None:
    """Failure in a launcher's news, None if there is none."""
    return Failure.parse(news.error) if news.error else None
