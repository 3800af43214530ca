"""SLURM's queue of this user's jobs, through its commands. Needs no accounting."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from dataclasses import dataclass

from bench.system.errors import UserError

PROGRAMS = ("sbatch", "squeue", "scontrol", "scancel")
ANSWER = 60.0  # seconds a command may take: a busy controller lets its clients wait
ENDED = {"COMPLETED", "FAILED", "CANCELLED", "TIMEOUT", "NODE_FAIL", "PREEMPTED", "OUT_OF_MEMORY", "BOOT_FAIL"} | {
    "DEADLINE",
    "REVOKED",
}
"""States that a job does not leave by itself. One that SLURM requeues is PENDING again at once."""
Task = tuple[str, int]  # an array's name, and the index in it


class NoAnswer(Exception):
    """The controller did not answer, or refused; the message is its own."""


@dataclass(frozen=True)
class TaskState:
    """State of a job in the queue."""

    job_id: str  # ARRAY_INDEX, or plain for an array of one
    state: str
    node: str

    @property
    def lives(self) -> bool:
        return self.state not in ENDED


def check_programs() -> None:
    """Raise UserError where SLURM's commands are missing."""
    missing = [name for name in PROGRAMS if not shutil.which(name)]
    if missing:
        raise UserError(f"launcher.name=slurm: no {', '.join(missing)} here; start it where SLURM's commands are")


def task_states() -> dict[Task, TaskState]:
    """States of this user's jobs that the controller remembers, those that ended lately too, in one call."""
    listing = _ask("squeue", "-h", "-r", "-t", "all", "-u", str(os.getuid()), "-o", "%i|%T|%N|%j")
    seen = {}
    for line in listing.splitlines():
        job_id, state, node, name = line.split("|", 3)
        seen[name, int(job_id.partition("_")[2] or 0)] = TaskState(job_id, state, node)
    return seen


def state(job_id: str) -> str:
    """The state of one job, '' where the controller knows it no more."""
    return _ask("squeue", "-h", "-t", "all", "-j", job_id, "-o", "%T").strip()


def requeue(job_id: str) -> None:
    """Stop a job and let it start again later."""
    _ask("scontrol", "requeue", job_id)


def cancel(job_ids: list[str]) -> None:
    """Stop jobs for good. Those that have ended by now are no error."""
    _ask("scancel", "--quiet", *job_ids)


def largest_array() -> int:
    """How many jobs one array may hold."""
    found = re.search(r"^MaxArraySize\s*=\s*(\d+)", _ask("scontrol", "show", "config"), re.MULTILINE)
    return max(1, int(found[1])) if found else 1


def _ask(*command: str) -> str:
    try:
        answer = subprocess.run(command, capture_output=True, text=True, timeout=ANSWER, stdin=subprocess.DEVNULL)
    except (OSError, subprocess.TimeoutExpired) as error:
        raise NoAnswer(f"{command[0]}: {error}") from error
    if answer.returncode:
        said = answer.stderr.strip().splitlines() or [f"exit status {answer.returncode}"]
        raise NoAnswer(said[-1])
    return answer.stdout
