"""Keeps a sweep's tables and figures fresh while its runs finish, in a process of its own."""

from __future__ import annotations

import subprocess
import sys
import threading
import time
from pathlib import Path

SHARE = 0.05  # of the time at most, before the end: what a report takes of the cores, runs lack


class Report(threading.Thread):
    """Builds the tables and figures of a results folder in a process of its own, never twice at once."""

    def __init__(self, results: Path) -> None:
        super().__init__(daemon=True)
        self.results = results
        self.wanted, self.over = threading.Event(), threading.Event()

    def refresh(self) -> None:
        """Ask for a new report; requests that come while one is built, or too soon after it, are met by one more."""
        self.wanted.set()

    def finish(self) -> None:
        """Build a last report, of everything there is, and wait for it."""
        self.over.set()
        self.wanted.set()
        self.join()

    def run(self) -> None:
        """Build whenever asked, until `finish`."""
        last = False
        while not last:
            self.wanted.wait()
            self.wanted.clear()
            last = self.over.is_set()  # read before building: what lands later asks again
            begin = time.monotonic()
            self.build()
            self.over.wait((time.monotonic() - begin) * (1 / SHARE - 1))

    def build(self) -> None:
        """Build the report now; its failure is shown and stops nothing."""
        command = [sys.executable, "-m", "reports", "build", str(self.results)]
        # A session of its own: Ctrl-C stops the runs, the report of what is done gets finished.
        answer = subprocess.run(command, capture_output=True, text=True, start_new_session=True)
        if answer.returncode:
            last = (answer.stderr.strip().splitlines() or ["no message"])[-1]
            print(f"the report of {self.results} failed: {last}", file=sys.stderr)
