"""The run folder: everything one run leaves behind, written so that a kill at any moment loses nothing that had landed.

Status is derived from the files, never stored. A result that exists is never replaced. No torch.
"""

from __future__ import annotations

import json
import os
import shutil
import uuid
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from bench.errors import UserError
from bench.files import append_line, held_elsewhere, locked, publish, write_atomically

SCHEMA = 1


class RunFolder:
    """`runs/<architecture>-<train_id>/`: config.yaml, run.json, metrics.jsonl, checkpoints/, evals/, error.txt."""

    def __init__(self, path: str | Path) -> None:
        """Name a run folder, which need not exist yet. Raises UserError if it holds another schema."""
        self.path = Path(path)
        check_schema(self.path / "run.json")

    @property
    def run_id(self) -> str:
        """`<architecture>-<train_id>`."""
        return self.path.name

    @property
    def checkpoints(self) -> Path:
        """Where checkpoints are written."""
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

    def create(self, config_yaml: str, facts: dict[str, Any], start: dict[str, Any]) -> None:
        """Make the folder and record this start's provenance; on a resume only the provenance is added.

        `facts` (architecture, identity, ...) are written once. Raises UserError if the folder cannot be written.
        """
        with writing_to(self.path):
            self.checkpoints.mkdir(parents=True, exist_ok=True)
            known = self.run_json() or {"schema": SCHEMA, "run_id": self.run_id, **facts, "starts": []}
            known["starts"].append(start)
            write_atomically(self.path / "run.json", json.dumps(known, indent=1))
            if not (self.path / "config.yaml").exists():
                write_atomically(self.path / "config.yaml", config_yaml)

    def run_json(self) -> dict[str, Any]:
        """What run.json holds, {} before the run was created."""
        path = self.path / "run.json"
        return json.loads(path.read_text()) if path.exists() else {}

    @contextmanager
    def claim(self) -> Iterator[RunFolder]:
        """Hold the run for this process alone; a dead process's claim is free. Forgets an earlier failure.

        Raises `files.Held` if another process holds it, UserError if the folder cannot be written.
        """
        with writing_to(self.path):
            self.path.mkdir(parents=True, exist_ok=True)
            (self.path / "claim").touch()
        with locked(self.path / "claim"):
            self.error_file.unlink(missing_ok=True)
            shutil.rmtree(self.path / "attempts", ignore_errors=True)  # of processes that died
            yield self

    @contextmanager
    def attempt(self) -> Iterator[Path]:
        """A fresh folder to write results in until they land; gone afterwards."""
        folder = self.path / "attempts" / uuid.uuid4().hex[:12]
        folder.mkdir(parents=True)
        try:
            yield folder
        finally:
            shutil.rmtree(folder, ignore_errors=True)
            with suppress(OSError):
                folder.parent.rmdir()

    def append_metrics(self, row: dict[str, Any]) -> None:
        """Add one row, which has a `step`, to metrics.jsonl."""
        append_line(self.metrics_file, json.dumps(row))

    def read_metrics(self) -> list[dict[str, Any]]:
        """All rows by step; the last one of a repeated step, and nothing of a line that a kill tore."""
        rows: dict[int, dict[str, Any]] = {}
        if self.metrics_file.exists():
            for line in self.metrics_file.read_text(errors="replace").splitlines():
                try:
                    row = json.loads(line)
                    rows[row["step"]] = row
                except (ValueError, KeyError, TypeError):
                    continue
        return [rows[step] for step in sorted(rows)]

    def result_folder(self, eval_id: str, step: int) -> Path:
        """Where the evaluation `eval_id` of the model after `step` steps lands."""
        return self.path / "evals" / eval_id / f"step-{step}"

    def result(self, eval_id: str, step: int) -> dict[str, Any] | None:
        """The landed result, None if there is none. Raises UserError for another schema."""
        path = self.result_folder(eval_id, step) / "result.json"
        check_schema(path)
        return json.loads(path.read_text()) if path.exists() else None

    def land_result(self, eval_id: str, step: int, attempt: Path, result: dict[str, Any]) -> bool:
        """Move what `attempt` holds (samples/, captions.jsonl, per-item files) into place, result.json last.

        Returns False, and changes nothing, where a result has landed already.
        """
        folder = self.result_folder(eval_id, step)
        if (folder / "result.json").exists():
            return False
        folder.mkdir(parents=True, exist_ok=True)
        for item in sorted(attempt.iterdir()):
            if (folder / item.name).is_dir():
                shutil.rmtree(folder / item.name)  # left by an attempt that died while landing
            os.replace(item, folder / item.name)
        return publish(folder / "result.json", json.dumps({"schema": SCHEMA, **result}, indent=1))

    def fail(self, message: str) -> None:
        """Leave error.txt."""
        self.path.mkdir(parents=True, exist_ok=True)
        write_atomically(self.error_file, message)

    def status(self, eval_id: str, step: int) -> str:
        """pending, running, partial, failed or done, with respect to one evaluation."""
        if (self.result_folder(eval_id, step) / "result.json").exists():
            return "done"
        if held_elsewhere(self.path / "claim"):
            return "running"
        if self.error_file.exists():
            return "failed"
        begun = self.metrics_file.exists() or any(self.checkpoints.glob("*"))
        return "partial" if begun else "pending"


@contextmanager
def writing_to(folder: Path) -> Iterator[None]:
    """Turn a refusal by the file system into a UserError that names the folder."""
    try:
        yield
    except OSError as error:
        raise UserError(f"cannot write to {folder}: {(error.strerror or str(error)).lower()}") from error


def check_schema(path: Path) -> None:
    """Refuse a JSON file of this project that another schema wrote. A file that does not exist passes."""
    if not path.exists():
        return
    try:
        found = json.loads(path.read_text())["schema"]
    except (ValueError, KeyError, TypeError) as error:
        raise UserError(f"{path} is not a file of xfusion-bench: move it away, or name another folder") from error
    except OSError as error:
        raise UserError(f"cannot read {path}: {error.strerror}") from error
    if found != SCHEMA:
        raise UserError(f"{path} has schema {found}, this version has {SCHEMA}: move it away, or name another folder")
