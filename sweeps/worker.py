"""`python -m sweeps.worker SWEEP_FILE`: does runs of a sweep, whose ids come one a line on stdin; imports torch once.

Answers each with a JSON line on stdout: null, or why there is no result. Stops when stdin closes, in the middle of a
run too: then whoever gave out the jobs has gone.
"""

from __future__ import annotations

import json
import os
import queue
import signal
import sys
import threading
from contextlib import suppress
from pathlib import Path

from bench.runs.failures import Failure
from bench.runs.folder import RunFolder
from bench.runs.identity import run_folder
from bench.runs.lease import Held, Lost
from bench.system import interrupts
from sweeps.jobs import configs_of


def main(sweep: Path) -> int:
    """Work until there are no more jobs."""
    interrupts.handle(signal.SIGINT, signal.SIGTERM)
    answers = os.fdopen(os.dup(sys.stdout.fileno()), "w", buffering=1)
    os.dup2(sys.stderr.fileno(), sys.stdout.fileno())  # what libraries print is no answer
    jobs: queue.SimpleQueue[str | None] = queue.SimpleQueue()
    busy = threading.Event()
    threading.Thread(target=_listen, args=(jobs, busy), daemon=True).start()
    try:
        while (run_id := jobs.get()) is not None:
            busy.set()
            answer = work(sweep, run_id)
            busy.clear()
            print(json.dumps(answer), file=answers)
    except KeyboardInterrupt:
        return 130
    return 0


def work(sweep: Path, run_id: str) -> str | None:
    """Train and score a run in every way that the sweep asks for. Returns None, or in one line why that is not done.

    A failure is in the run's error.txt too. A run that another process holds, or took over, is said to be `held`.
    """
    folder: RunFolder | None = None
    try:
        for config in configs_of(sweep, run_id):
            folder = run_folder(config)
            from bench.experiment import execute, own_process

            (execute if config.runtime.devices == 1 else own_process).run(config)
    except (Held, Lost) as other:
        return f"held: {other}"
    except Exception as error:
        failure = Failure.of(error)
        if folder and not folder.error_file.exists():
            with suppress(OSError):
                folder.fail(failure)
        return f"{failure.kind}: {failure.message}"
    return None


def _listen(jobs: queue.SimpleQueue[str | None], busy: threading.Event) -> None:
    for line in sys.stdin:
        jobs.put(line.strip())
    jobs.put(None)
    if busy.is_set():
        os.kill(os.getpid(), signal.SIGINT)


if __name__ == "__main__":
    status = main(Path(sys.argv[1]))
    sys.stdout.flush()
    os._exit(status)  # nothing is left to save, and the libraries' own threads may not end
