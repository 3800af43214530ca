"""Writing a run folder: a kill at any moment loses nothing that was published.

A result that exists is never replaced. No torch.
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

from bench.runs import lease, results
from bench.runs.failures import Failure
from bench.runs.format import FORMAT
from bench.runs.reader import StoredRun
from bench.system.errors import writing_to
from bench.system.files import append_line, flush, flush_tree, remove_drafts, write_atomically
from bench.system.provenance import now


class RunFolder(StoredRun):
    """A stored run that can be leased and written."""

    def __init__(self, path: str | Path) -> None:
        """Name a run folder, which need not exist yet. Raises UserError if it is of another format."""
        super().__init__(path)
        self._lease: lease.Lease | None = None

    @contextmanager
    def acquire(self, seconds: float = lease.LEASE) -> Iterator[RunFolder]:
        """Lease the run for this process alone; a dead process's lease is free. Forgets an earlier failure.

        Raises `lease.Held` if another process works on it, UserError if the folder cannot be written.
        """
        with ExitStack() as stack:
            with writing_to(self.path):
                self._lease = stack.enter_context(lease.acquire(self.lease_files, seconds))
            self.error_file.unlink(missing_ok=True)
            shutil.rmtree(self.path / "attempts", ignore_errors=True)  # of processes that died
            for folder in (self.path, self.checkpoints):
                remove_drafts(folder, of_any_process=True)
            remove_drafts(self.lease_files)
            try:
                yield self
            finally:
                self._lease = None

    def tidy(self) -> None:
        """Remove drafts of a process that died after publishing its result; nothing while a process works on the run."""
        try:
            left = [name for name in os.listdir(self.path) if name == "attempts" or name.endswith(".draft")]
        except FileNotFoundError:
            return
        if left and not lease.seems_alive(self.lease_files):
            shutil.rmtree(self.path / "attempts", ignore_errors=True)
            remove_drafts(self.path)

    def check_lease(self) -> None:
        """Raise `lease.Lost` if another process has taken over the run that this one had leased."""
        if self._lease:
            self._lease.check()

    @contextmanager
    def attempt(self) -> Iterator[Path]:
        """A fresh folder to write results in until they are published; gone afterwards."""
        folder = self.path / "attempts" / uuid.uuid4().hex[:12]
        folder.mkdir(parents=True)
        try:
            yield folder
        finally:
            shutil.rmtree(folder, ignore_errors=True)
            with suppress(OSError):
                folder.parent.rmdir()

    def create(self, config_yaml: str, facts: dict[str, Any], start: dict[str, Any]) -> None:
        """Make the folder and record this start's provenance; on a resume only the provenance is added.

        `facts` (architecture, identity, ...) are written once. Raises UserError if the folder cannot be written.
        """
        with writing_to(self.path):
            self.checkpoints.mkdir(parents=True, exist_ok=True)
            known = self.run_json() or {"schema": FORMAT, "run_id": self.run_id, **facts, "starts": []}
            known["starts"].append(start)
            write_atomically(self.path / "run.json", json.dumps(known, indent=1))
            if not (self.path / "config.yaml").exists():
                write_atomically(self.path / "config.yaml", config_yaml)

    @contextmanager
    def start(self, config_yaml: str, facts: dict[str, Any], start: dict[str, Any]) -> Iterator[None]:
        """`create`, then record when and how this start, which has an `id`, ended. One without an end was killed."""
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
        with suppress(OSError, lease.Lost):  # the run's own outcome is what counts
            self.check_lease()
            known = self.run_json()
            for start in known["starts"]:
                if start.get("id") == start_id:
                    start |= end
            write_atomically(self.path / "run.json", json.dumps(known, indent=1))

    def keep(self, name: str, content: bytes) -> None:
        """Write a file that starts refer to beside run.json, once. Raises UserError if it cannot be written."""
        with writing_to(self.path):
            self.path.mkdir(parents=True, exist_ok=True)
            if not (self.path / name).exists():
                write_atomically(self.path / name, content)

    def append_metrics(self, row: dict[str, Any]) -> None:
        """Add one row, which has a `step`, to metrics.jsonl."""
        self.check_lease()
        append_line(self.metrics_file, json.dumps(row))

    def publish_result(self, eval_id: str, step: int, attempt: Path, result: dict[str, Any]) -> bool:
        """Move the files of `attempt` (samples, captions, per-item scores) and the result into place, with checksums.

        Returns False, and changes nothing, where there is a result already.
        """
        self.check_lease()
        results.write(attempt, {"schema": FORMAT, **result})
        flush_tree(attempt)
        folder = self.result_folder(eval_id, step)
        folder.parent.mkdir(parents=True, exist_ok=True)
        if folder.exists() and not (folder / results.NAME).exists():
            shutil.rmtree(folder)  # half a result, of a version that published file by file
        try:
            os.rename(attempt, folder)  # never replaces a folder that holds anything
        except OSError:
            if (folder / results.NAME).exists():
                return False
            raise
        flush(folder.parent)
        return True

    def fail(self, failure: Failure) -> None:
        """Write error.txt, unless another process has taken the run over."""
        self.check_lease()
        self.path.mkdir(parents=True, exist_ok=True)
        write_atomically(self.error_file, str(failure))
