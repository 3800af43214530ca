"""A job array of SLURM's and its folder: which runs it does, submitit's files, and the jobs' logs.

`results/<sweep>/jobs/<array>/array.json` is written before anything is submitted, and SLURM knows the array by that
name: so whoever submitted it may die at any moment, and a later command finds its jobs.
"""

from __future__ import annotations

import json
import pickle
import shlex
import sys
import uuid
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import submitit
from submitit.core.utils import UncompletedJobError

from bench.system.files import write_atomically
from bench.system.provenance import now
from sweeps.launchers import slurm_task
from sweeps.launchers.slurm_queue import NoAnswer

TAIL = 10_000  # characters of a log that are worth keeping


@dataclass(frozen=True)
class Array:
    """Some runs of a sweep, by the index of the job that does each."""

    folder: Path
    runs: list[str]

    @property
    def name(self) -> str:
        """Job name in SLURM."""
        return self.folder.name

    @classmethod
    def of(cls, sweep: Path, runs: list[str], fruitless: int) -> Array:
        """A new array with a folder of its own."""
        folder = sweep.parent / "jobs" / f"{sweep.parent.name}-{uuid.uuid4().hex[:8]}"
        folder.mkdir(parents=True)
        content = {"submitted": now(), "fruitless": fruitless, "runs": runs}
        write_atomically(folder / "array.json", json.dumps(content, indent=1))
        return cls(folder, runs)

    @classmethod
    def all_of(cls, sweep: Path) -> list[Array]:
        """The arrays that this and earlier commands submitted, as far as they are remembered."""
        files = sorted((sweep.parent / "jobs").glob("*/array.json"))
        return [cls(file.parent, json.loads(file.read_text(encoding="utf-8"))["runs"]) for file in files]

    def submit(self, sweep: Path, parameters: dict[str, Any]) -> None:
        """Hand the array to SLURM. Raises NoAnswer where it is refused."""
        # A job's batch process is the worker itself. srun would kill it at a SIGTERM, and a shell would die before it.
        executor = submitit.SlurmExecutor(self.folder, python=f"exec {shlex.quote(sys.executable)}")
        executor.update_parameters(job_name=self.name, use_srun=False, stderr_to_stdout=True, **parameters)
        try:
            executor.map_array(slurm_task.work, [f"{sweep}"] * len(self.runs), self.runs)
        except UncompletedJobError as error:
            said = [line for line in str(error).splitlines() if "sbatch: error" in line] or str(error).splitlines()
            raise NoAnswer(said[-1]) from error

    def answer(self, job_id: str) -> str | None:
        """Return value of a job (None: all is done), or the last line of its error; '' where there is neither."""
        try:
            outcome, answer = pickle.loads((self.folder / f"{job_id}_0_result.pkl").read_bytes())
        except (OSError, EOFError, pickle.UnpicklingError):
            return ""
        return answer if outcome == "success" else answer.strip().splitlines()[-1]

    def log(self, job_id: str) -> str:
        """End of a job's log."""
        try:
            return (self.folder / f"{job_id}_0_log.out").read_text(errors="replace", encoding="utf-8")[-TAIL:].strip()
        except OSError:
            return ""
