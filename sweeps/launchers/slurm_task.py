"""Task of a SLURM job: a run, which saves a checkpoint and starts again when its time is up or it is preempted.

SLURM warns by signals: SIGTERM when a job is preempted or cancelled, SIGUSR2 (as submitit has it) ahead of the time
limit. It starts a preempted job again by itself, but not one that leaves within its grace time, or at the time limit.
"""

from __future__ import annotations

import json
import os
import signal
import time
from pathlib import Path
from types import FrameType

from bench.runs.failures import REQUEST, Failure
from bench.runs.folder import RunFolder
from bench.runs.watching import owner_is_gone
from bench.system import interrupts
from bench.system.files import write_atomically
from bench.system.provenance import job_id
from sweeps import worker
from sweeps.launchers import slurm_queue

TIME_LIMIT = signal.SIGUSR2
ATTEMPTS = 5  # to reach the controller
PAUSE = 5.0  # seconds between them


def work(sweep: str, run_id: str) -> str | None:
    """Do a run of the sweep of `sweep.json`. Returns None, or in one line why it is not done.

    Leaves by SystemExit, without an answer, where the job starts again later or was cancelled.
    """
    folder = _folder(Path(sweep), run_id)
    warning = _Warning()
    reached = _landmarks(folder)
    try:
        return _work(Path(sweep), run_id, folder)
    except KeyboardInterrupt:
        for number in (signal.SIGTERM, TIME_LIMIT):
            signal.signal(number, signal.SIG_IGN)  # nothing must come between the checkpoint and the requeue
        if warning.time_limit and _fruitless(reached != _landmarks(folder)):
            failure = Failure(REQUEST, "no progress in several attempts up to the time limit: raise launcher.minutes")
            folder.fail(failure)
            return f"{failure.kind}: {failure.message}"
        _start_again()
        raise SystemExit(0) from None


class _Warning:
    """Handler of SLURM's signals that interrupts the training, in place of submitit's own."""

    def __init__(self) -> None:
        self.time_limit = self._asked = False
        for number in (signal.SIGTERM, TIME_LIMIT):
            signal.signal(number, self._handle)

    def _handle(self, number: int, frame: FrameType | None) -> None:
        self.time_limit |= number == TIME_LIMIT
        if not self._asked:  # a second signal, at the end of the grace time, must not tear the checkpoint
            self._asked = True
            interrupts.interrupt()


def _work(sweep: Path, run_id: str, folder: RunFolder) -> str | None:
    """Work; where the run is held, first check whether its owner has died, as after the loss of a node."""
    answer = worker.work(sweep, run_id)
    if answer and answer.startswith("held") and owner_is_gone(folder.lease_files):
        return worker.work(sweep, run_id)
    return answer


def _start_again() -> None:
    """Requeue this job, unless SLURM is ending it already: then it was cancelled, or is requeued anyway."""
    job = job_id()
    assert job
    for attempt in range(1, ATTEMPTS + 1):
        try:
            if slurm_queue.state(job) == "RUNNING":
                slurm_queue.requeue(job)
            return
        except slurm_queue.NoAnswer:
            if attempt == ATTEMPTS:
                raise
            time.sleep(PAUSE)


def _fruitless(progress: bool) -> bool:
    """Count attempts in a row that ran into the time limit without progress; whether they are too many."""
    array = Path(os.environ["SUBMITIT_FOLDER"])
    file = array / f"fruitless-{os.environ.get('SLURM_ARRAY_TASK_ID', 0)}"
    count = 0 if progress else 1 + (int(file.read_text(encoding="utf-8")) if file.exists() else 0)
    write_atomically(file, str(count))
    return count >= json.loads((array / "array.json").read_text(encoding="utf-8"))["fruitless"]


def _landmarks(folder: RunFolder) -> set[str]:
    """Checkpoints and results of a run so far."""
    results = folder.path.glob("evals/*/*/result.json")
    return {f"{path}" for path in (*folder.checkpoints.glob("*.ckpt"), *results)}


def _folder(sweep: Path, run_id: str) -> RunFolder:
    root = json.loads(sweep.read_text(encoding="utf-8"))["runs_root"]
    return RunFolder(sweep.parent / root / run_id)
