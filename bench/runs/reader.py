"""Reading a run folder. Status is derived from the files, never stored. No torch."""

from __future__ import annotations

import json
import os
from contextlib import suppress
from pathlib import Path
from typing import Any

from bench.runs import lease, results
from bench.runs.failures import Failure
from bench.runs.format import read_own

TAIL = 65536  # bytes of metrics.jsonl that hold its last row


class StoredRun:
    """`<architecture>-<train_id>/`: config.yaml, run.json, metrics.jsonl, checkpoints/, claims/, evals/, error.txt."""

    def __init__(self, path: str | Path) -> None:
        """Name a run folder, which need not exist yet. Raises UserError if it is of another format."""
        self.path = Path(path)
        read_own(self.path / "run.json")

    @property
    def run_id(self) -> str:
        """`<architecture>-<train_id>`."""
        return self.path.name

    @property
    def checkpoints(self) -> Path:
        """Folder of the checkpoints."""
        return self.path / "checkpoints"

    def checkpoint(self, step: int) -> Path:
        """The checkpoint after `step` steps."""
        return self.checkpoints / f"step-{step:08d}.ckpt"

    @property
    def metrics_file(self) -> Path:
        """The append-only log of training."""
        return self.path / "metrics.jsonl"

    @property
    def error_file(self) -> Path:
        """The traceback of a run that failed."""
        return self.path / "error.txt"

    @property
    def lease_files(self) -> Path:
        """Folder of the lease files."""
        return self.path / "claims"

    def run_json(self) -> dict[str, Any]:
        """Content of run.json, {} before the run was created."""
        path = self.path / "run.json"
        return json.loads(path.read_text(encoding="utf-8")) if path.exists() else {}

    def read_metrics(self) -> list[dict[str, Any]]:
        """All rows by step; the last one of a repeated step, and nothing of a line that a kill tore."""
        rows: dict[int, dict[str, Any]] = {}
        if self.metrics_file.exists():
            for line in self.metrics_file.read_text(errors="replace", encoding="utf-8").splitlines():
                try:
                    row = json.loads(line)
                    rows[row["step"]] = row
                except (ValueError, KeyError, TypeError):
                    continue
        return [rows[step] for step in sorted(rows)]

    def last_metrics(self) -> dict[str, Any]:
        """The last row that can be read, {} if there is none. Reads the end of the file only."""
        try:
            with self.metrics_file.open("rb") as file:
                file.seek(max(0, file.seek(0, os.SEEK_END) - TAIL))
                lines = file.read().decode(errors="replace").splitlines()
        except FileNotFoundError:
            return {}
        for line in reversed(lines):
            with suppress(ValueError):
                row = json.loads(line)
                if isinstance(row, dict) and isinstance(row.get("step"), int):
                    return row
        return {}

    def result_folder(self, eval_id: str, step: int) -> Path:
        """Folder of the evaluation `eval_id` of the model after `step` steps."""
        return results.place(self.path, eval_id, step)

    def result(self, eval_id: str, step: int) -> dict[str, Any] | None:
        """The published result, None if there is none. Raises UserError for another format."""
        return read_own(self.result_folder(eval_id, step) / results.NAME)

    def evaluations(self, eval_id: str = "*") -> list[tuple[str, int]]:
        """Evaluation and step of every published result, of one evaluation or of all, in this order."""
        places = [path.parent for path in self.path.glob(f"evals/{eval_id}/step-*/result.json")]
        return sorted((place.parent.name, int(place.name.removeprefix("step-"))) for place in places)

    def results(self, eval_id: str) -> list[dict[str, Any]]:
        """Published results of one evaluation, by step."""
        return [result for place in self.evaluations(eval_id) if (result := self.result(*place)) is not None]

    def failure(self) -> Failure | None:
        """The run's failure, None if it did not fail."""
        try:
            return Failure.parse(self.error_file.read_text(errors="replace", encoding="utf-8"))
        except FileNotFoundError:
            return None

    def status(self, eval_id: str, *steps: int) -> str:
        """pending, running, partial, failed or done, with respect to one evaluation after each of these steps."""
        if all((self.result_folder(eval_id, step) / results.NAME).exists() for step in steps):
            return "done"
        if lease.seems_alive(self.lease_files):
            return "running"
        if self.error_file.exists():
            return "failed"
        begun = self.metrics_file.exists() or any(self.checkpoints.glob("*"))
        return "partial" if begun else "pending"
