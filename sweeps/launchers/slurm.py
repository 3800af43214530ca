"""Runs as jobs of a SLURM cluster, submitted through submitit as arrays. They live on when the launching shell is gone.

The project, its environment and the folders of runs and results must have the same names on every node. A job that is
preempted, or whose time is up, saves a checkpoint and starts again; one whose node is lost goes on from its last one.
"""

from __future__ import annotations

import os
import shlex
import shutil
import time
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from bench.runs.failures import LOST_WORKER, OUT_OF_MEMORY, Failure
from bench.system.errors import UserError, writing_to
from sweeps.jobs import Job
from sweeps.launchers import News, slurm_queue
from sweeps.launchers.environment import worker_environment
from sweeps.launchers.slurm_array import Array
from sweeps.launchers.slurm_queue import NoAnswer, Task, TaskState

PATIENCE = 600.0  # seconds without an answer of the controller, which may be restarting
STOPPING = 180.0  # seconds that cancelled jobs may take to end


@dataclass
class SlurmOptions:
    """Settings of the slurm launcher. What is not given, the cluster chooses."""

    partition: str | None = None  # where jobs wait
    account: str | None = None  # who pays
    qos: str | None = None  # quality of service
    constraint: str | None = None  # features that nodes must have
    minutes: int = 60  # time limit of a job; one that needs longer starts again from its checkpoint
    warning: int = 120  # seconds before the time limit at which a job saves a checkpoint; SLURM may be 60 s early
    fruitless: int = 3  # times in a row that a run may reach the time limit without a new checkpoint or result
    cpus: int | None = None  # CPU cores of a job (default: runtime.threads; with runtime.devices=2 twice as many)
    memory: str | None = None  # of a job, such as 8G
    gpus: int | None = None  # of a job
    parallel: int = 256  # jobs of an array that run at a time
    setup: list[str] = field(default_factory=list)  # shell lines before a job, such as `module load cuda`
    additional: dict[str, Any] = field(default_factory=dict)  # other parameters of sbatch: {reservation: mine}
    every: float = 5.0  # seconds between looks at the queue


class Slurm:
    """SLURM's jobs of one sweep, those of earlier commands too."""

    Options = SlurmOptions
    outlives = True

    def __init__(self, sweep: Path, threads: int, options: SlurmOptions) -> None:
        """Serve the sweep of a `sweep.json`. Raises UserError where there is no SLURM."""
        slurm_queue.check_programs()
        self.sweep, self.threads, self.options = sweep.resolve(), threads, options
        self._open: dict[Task, Job] = {}  # jobs of which there is more to tell
        self._arrays: dict[str, Array] = {}
        self._begun: dict[Task, float] = {}
        self._waiting: list[Job] = []  # that SLURM would not take yet
        self._jobs: dict[str, Job] = {}  # all that were ever asked for
        self._looked, self._answered = 0.0, time.monotonic()
        try:
            self._largest = slurm_queue.largest_array()
            self._alive = self._find_alive()
        except NoAnswer as error:
            raise UserError(f"launcher.name=slurm: {error}") from error

    def submit(self, jobs: list[Job]) -> None:
        """Attach to the jobs that live from an earlier command, and submit the others.

        Raises UserError where SLURM takes none of them, and has no other job of this sweep.
        """
        self._jobs |= {job.run_id: job for job in jobs}
        for job in jobs:
            if task := self._alive.pop(job.run_id, None):
                self._open[task] = job
            else:
                self._waiting.append(job)
        self._submit_waiting()

    def poll(self) -> list[News]:
        """Changes in the queue since the last look. Raises UserError where the controller is away for long."""
        wait = self._looked + self.options.every - time.monotonic()
        if wait > 0:
            time.sleep(min(wait, 1.0))
        if wait > 1:
            return []
        self._looked = time.monotonic()
        try:
            seen = slurm_queue.task_states()
        except NoAnswer as error:
            if self._looked - self._answered > PATIENCE:
                silent = f"SLURM has not answered for {PATIENCE / 60:.0f} minutes"
                raise UserError(f"{silent} ({error}); its jobs may go on, the same command looks again") from error
            return []
        self._answered = self._looked
        news = [item for task, job in list(self._open.items()) if (item := self._judge(task, job, seen.get(task)))]
        if self._waiting:
            self._submit_waiting()
        elif not self._open and all(job.done for job in self._jobs.values()):
            shutil.rmtree(self.sweep.parent / "jobs", ignore_errors=True)  # nobody needs the logs of what is done
        return news

    def cancel(self) -> None:
        """Cancel every job of this sweep, whoever submitted it, and wait until they have saved a checkpoint."""
        self._waiting.clear()
        deadline = time.monotonic() + STOPPING
        while True:
            with suppress(NoAnswer):
                names = {array.name for array in Array.all_of(self.sweep)}
                seen = slurm_queue.task_states()
                alive = [job.job_id for (name, _), job in seen.items() if name in names and job.lives]
                if not alive:
                    return
                slurm_queue.cancel(alive)
            if time.monotonic() > deadline:
                raise UserError(f"SLURM has not ended every job within {STOPPING:.0f} s: see squeue and scancel")
            time.sleep(1.0)

    def _find_alive(self) -> dict[str, Task]:
        """Run id -> its job, of earlier commands' jobs that wait or run."""
        self._arrays = {array.name: array for array in Array.all_of(self.sweep)}
        found = {}
        for (name, index), job in slurm_queue.task_states().items():
            if job.lives and name in self._arrays:
                found[self._arrays[name].runs[index]] = (name, index)
        return found

    def _submit_waiting(self) -> None:
        while self._waiting:
            part = self._waiting[: self._largest]
            with writing_to(self.sweep.parent):
                array = Array.of(self.sweep, [job.run_id for job in part], self.options.fruitless)
            try:
                array.submit(self.sweep, self._parameters())
            except (NoAnswer, ValueError) as error:
                shutil.rmtree(array.folder)
                if not self._open:
                    raise UserError(f"SLURM takes no job: {error}") from error
                return  # a limit of the user's, most likely: once some have ended there is room
            self._arrays[array.name] = array
            self._open |= {(array.name, index): job for index, job in enumerate(part)}
            del self._waiting[: len(part)]

    def _judge(self, task: Task, job: Job, seen: TaskState | None) -> News | None:
        if seen and seen.state == "RUNNING" and task not in self._begun:
            self._begun[task] = time.monotonic()
            return News("started", job)
        if seen and seen.lives:
            if seen.state == "PENDING":
                self._begun.pop(task, None)  # requeued
            return None
        del self._open[task]
        seconds = time.monotonic() - self._begun.pop(task, time.monotonic())
        answer = self._arrays[task[0]].answer(seen.job_id) if seen else ""
        if job.done or (answer != "" and seen and seen.state == "COMPLETED"):
            return News("ended", job, seconds, answer or "")
        return News("lost", job, seconds, str(self._obituary(task, seen, answer)))

    def _obituary(self, task: Task, seen: TaskState | None, answer: str | None) -> Failure:
        if seen is None:
            return Failure(LOST_WORKER, "SLURM no longer knows its job")
        log = self._arrays[task[0]].log(seen.job_id)
        where = f"job {seen.job_id} on {seen.node or 'no node'}"
        if seen.state == "OUT_OF_MEMORY" or (seen.state == "FAILED" and "xceeded job memory limit" in log):
            return Failure(OUT_OF_MEMORY, f"SLURM's {where} was killed: ask for more with launcher.memory", log)
        said = [line for line in log.splitlines() if line.strip() and not line.startswith("submitit ")]
        why = answer or (said or ["it left no message"])[-1]
        return Failure(LOST_WORKER, f"SLURM's {where}: {seen.state.lower().replace('_', ' ')}: {why}", log)

    def _parameters(self) -> dict[str, Any]:
        """Parameters of submitit's executor."""
        options = self.options
        variables = worker_environment(self.threads).items() - os.environ.items()
        exports = [f"export {name}={shlex.quote(value)}" for name, value in sorted(variables)]
        # SLURM would go on in /tmp where the folder is missing. Signals that come before Python is up are ignored.
        place = [f"cd {shlex.quote(os.getcwd())} || exit 1", "trap '' TERM USR2"]
        signal = f"B:USR2@{options.warning}"  # to the batch process alone, which is the worker
        return {
            "partition": options.partition,
            "account": options.account,
            "qos": options.qos,
            "constraint": options.constraint,
            "time": options.minutes,
            "cpus_per_task": options.cpus or self.threads,
            "mem": options.memory,
            "gpus_per_node": options.gpus,
            "array_parallelism": options.parallel,
            "setup": [*exports, *options.setup, *place],
            "additional_parameters": {"requeue": True, "signal": signal, **options.additional},
        }
