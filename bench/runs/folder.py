"""The run folder as those write it who are at the run, so that a kill at any moment loses nothing that had landed.

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

from bench.runs import lease as claims
from bench.runs import results
from bench.runs.failures import Failure
from bench.runs.format import SCHEMA
from bench.runs.reader import StoredRun
from bench.system.errors import writing_to
from bench.system.files import append_line, flush, flush_tree, remove_drafts, write_atomically
from bench.system.provenance import now


class RunFolder(StoredRun):
    """A stored run that can be claimed and written."""

    def __init__(self, path: str | Path) -> None:
        """Name a run folder, which need not exist yet. Raises UserError if it holds another schema."""
        super().__init__(path)
        self._claim: claims.Claim | None = None

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

    def append_metrics(self, row: dict[str, Any]) -> None:
        """Add one row, which has a `step`, to metrics.jsonl."""
        self.check_held()
        append_line(self.metrics_file, json.dumps(row))

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
