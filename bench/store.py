"""The run folder: everything one run leaves behind, written so that a kill at any moment loses nothing that had landed.

Status is derived from the files, never stored. A result that exists is never replaced. No torch.
"""

from __future__ import annotations

import json
import os
import shutil
import time
import uuid
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import Any

from bench import claims, results
from bench.errors import UserError
from bench.failures import Failure
from bench.files import append_line, flush, flush_tree, remove_drafts, write_atomically
from bench.provenance import now

SCHEMA = 1
TAIL = 65536  # bytes of metrics.jsonl that hold its last row


class RunFolder:
    """`<architecture>-<train_id>/`: config.yaml, run.json, metrics.jsonl, checkpoints/, claims/, evals/, error.txt."""

    def __init__(self, path: str | Path) -> None:
        """Name a run folder, which need not exist yet. Raises UserError if it holds another schema."""
        self.path = Path(path)
        read_own(self.path / "run.json")
        self._claim: claims.Claim | None = None

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

    @contextmanager
    def start(self, config_yaml: str, facts: dict[str, Any], start: dict[str, Any]) -> Iterator[None]:
        """`create`, and note when and how this start, which has an `id`, ended. One without an end was killed."""
        self.create(config_yaml, facts, start)
        begin = time.monotonic()  # the clock on the wall may jump

        def end(how: str, **more: str) -> None:
            seconds = round(time.monotonic() - begin, 1)
            self._end(start["id"], {"ended": now(), "seconds": seconds, "exit": how, **more})

        try:
            yield
        except KeyboardInterrupt:
            end("interrupted")
            raise
        except BaseException as error:
            end("failed", error=type(error).__name__)
            raise
        end("done")

    def _end(self, start_id: str, end: dict[str, Any]) -> None:
        with suppress(OSError, claims.Lost):  # the run's own outcome is what counts
            self.check_held()
            known = self.run_json()
            for start in known["starts"]:
                if start.get("id") == start_id:
                    start |= end
            write_atomically(self.path / "run.json", json.dumps(known, indent=1))

    def keep(self, name: str, content: bytes) -> None:
        """Put a file that starts refer to beside run.json, once. Raises UserError if it cannot be written."""
        with writing_to(self.path):
            self.path.mkdir(parents=True, exist_ok=True)
            if not (self.path / name).exists():
                write_atomically(self.path / name, content)

    def run_json(self) -> dict[str, Any]:
        """What run.json holds, {} before the run was created."""
        path = self.path / "run.json"
        return json.loads(path.read_text()) if path.exists() else {}

    @property
    def claim_files(self) -> Path:
        """Where processes say that they are at this run."""
        return self.path / "claims"

    @contextmanager
    def claim(self, lease: float = claims.LEASE) -> Iterator[RunFolder]:
        """Hold the run for this process alone; a dead process's claim is free. Forgets an earlier failure.

        Raises `claims.Held` if another process holds it, UserError if the folder cannot be written.
        """
        with ExitStack() as stack:
            with writing_to(self.path):
                self._claim = stack.enter_context(claims.claimed(self.claim_files, lease))
            self.error_file.unlink(missing_ok=True)
            shutil.rmtree(self.path / "attempts", ignore_errors=True)  # of processes that died, as the drafts are
            for folder in (self.path, self.checkpoints):
                remove_drafts(folder, whosever=True)
            remove_drafts(self.claim_files)
            try:
                yield self
            finally:
                self._claim = None

    def tidy(self) -> None:
        """Remove what a process left that died after its result had landed; nothing while another is at the run."""
        try:
            left = [name for name in os.listdir(self.path) if name == "attempts" or name.endswith(".draft")]
        except FileNotFoundError:
            return
        if left and not claims.seems_alive(self.claim_files):
            shutil.rmtree(self.path / "attempts", ignore_errors=True)
            remove_drafts(self.path)

    def check_held(self) -> None:
        """Raise `claims.Lost` if this process had claimed the run and another has taken it over."""
        if self._claim:
            self._claim.check()

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
        self.check_held()
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
        """Where the evaluation `eval_id` of the model after `step` steps lands."""
        return results.place(self.path, eval_id, step)

    def result(self, eval_id: str, step: int) -> dict[str, Any] | None:
        """The landed result, None if there is none. Raises UserError for another schema."""
        return read_own(self.result_folder(eval_id, step) / results.NAME)

    def evaluations(self, eval_id: str = "*") -> list[tuple[str, int]]:
        """Which results there are, of one evaluation or of all: evaluation and step, in this order."""
        places = [path.parent for path in self.path.glob(f"evals/{eval_id}/step-*/result.json")]
        return sorted((place.parent.name, int(place.name.removeprefix("step-"))) for place in places)

    def results(self, eval_id: str) -> list[dict[str, Any]]:
        """Every landed result of one evaluation, by step."""
        return [result for place in self.evaluations(eval_id) if (result := self.result(*place)) is not None]

    def land_result(self, eval_id: str, step: int, attempt: Path, result: dict[str, Any]) -> bool:
        """Move what `attempt` holds (samples/, captions.jsonl, per-item files) into place with the result, sealed.

        Returns False, and changes nothing, where a result has landed already.
        """
        self.check_held()
        results.write(attempt, {"schema": SCHEMA, **result})
        flush_tree(attempt)
        folder = self.result_folder(eval_id, step)
        folder.parent.mkdir(parents=True, exist_ok=True)
        if folder.exists() and not (folder / results.NAME).exists():
            shutil.rmtree(folder)  # half a result, of a version that landed file by file
        try:
            os.rename(attempt, folder)  # never replaces a folder that holds anything
        except OSError:
            if (folder / results.NAME).exists():
                return False
            raise
        flush(folder.parent)
        return True

    def fail(self, failure: Failure) -> None:
        """Leave error.txt, unless another process has taken the run over."""
        self.check_held()
        self.path.mkdir(parents=True, exist_ok=True)
        write_atomically(self.error_file, str(failure))

    def failure(self) -> Failure | None:
        """Why the run failed, None if it did not."""
        try:
            return Failure.parse(self.error_file.read_text(errors="replace"))
        except FileNotFoundError:
            return None

    def status(self, eval_id: str, *steps: int) -> str:
        """pending, running, partial, failed or done, with respect to one evaluation after each of these steps."""
        if all((self.result_folder(eval_id, step) / results.NAME).exists() for step in steps):
            return "done"
        if claims.seems_alive(self.claim_files):
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


def read_own(path: Path) -> dict[str, Any] | None:
    """What a JSON file of this project holds, None if there is none. Raises UserError if another schema wrote it."""
    try:
        content = json.loads(path.read_text())
        found = content["schema"]
    except (FileNotFoundError, NotADirectoryError):
        return None
    except OSError as error:
        raise UserError(f"cannot read {path}: {error.strerror}") from error
    except (ValueError, KeyError, TypeError, RecursionError) as error:
        raise UserError(f"{path} is not a file of xfusion-bench: move it away, or name another folder") from error
    if found != SCHEMA:
        raise UserError(f"{path} has schema {found}, this version has {SCHEMA}: move it away, or name another folder")
    return content
