"""The looks at a sweep's claims, as `python -m reports looks` tells them, which has the statistics."""

from __future__ import annotations

import json
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bench.system.errors import UserError
from sweeps.sequential.seeds import Key

OPEN = "open"


class NoAnswer(Exception):
    """Why the looks could not be taken."""


@dataclass(frozen=True)
class Looks:
    """The looks so far."""

    seeds: int  # of the last one, 0 before the first
    questions: list[dict[str, Any]]  # claims and effects of the axis that these runs answer
    needed: set[Key]  # runs of the arms that open claims need
    summary: list[str]

    @property
    def closed(self) -> list[str]:
        """A line for each that asks for no more seeds."""
        return [_line(one) for one in self.questions if one["state"] != OPEN]

    @property
    def open(self) -> list[str]:
        """A line for each that does."""
        return [_line(one) for one in self.questions if one["state"] == OPEN]


def ask(results: Path) -> Looks:
    """Judge the stored runs of a results folder.

    Raises UserError for claims that cannot be read, NoAnswer where the reports fail.
    """
    command = [sys.executable, "-m", "reports", "looks", str(results), "--json"]
    answer = subprocess.run(command, capture_output=True, text=True, start_new_session=True)
    last = (answer.stderr.strip().splitlines() or ["no message"])[-1]
    if answer.returncode == 2:
        raise UserError(last.removeprefix("error: "))
    if answer.returncode:
        raise NoAnswer(last)
    content = json.loads(answer.stdout)
    needed = {(run, evaluation, step) for run, evaluation, step in content["needed"]}
    seeds = max((look["seeds"] for look in content["looks"]), default=0)
    return Looks(seeds, content["questions"], needed, content["summary"])


def _line(one: dict[str, Any]) -> str:
    return f"  {one['outcome']}: {one['text']} {one['said']}"
