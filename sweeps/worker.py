"""One worker process: takes jobs as JSON lines on stdin, answers with JSON lines on stdout, imports torch once.

Stops when stdin closes, in the middle of a run too: then whoever gave out the jobs has gone.
"""

from __future__ import annotations

import json
import os
import queue
import signal
import sys
import threading
import traceback
from typing import Any

from bench import config as configs
from bench import identity
from bench.files import Held


def main() -> int:
    """Work until there are no more jobs."""
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, signal.default_int_handler)
    answers = os.fdopen(os.dup(sys.stdout.fileno()), "w", buffering=1)
    os.dup2(sys.stderr.fileno(), sys.stdout.fileno())  # what libraries print is no answer
    jobs: queue.SimpleQueue[dict[str, Any] | None] = queue.SimpleQueue()
    busy = threading.Event()
    threading.Thread(target=_listen, args=(jobs, busy), daemon=True).start()
    try:
        while (job := jobs.get()) is not None:
            busy.set()
            answer = work(job["preset"], job["overrides"])
            busy.clear()
            print(json.dumps(answer), file=answers)
    except KeyboardInterrupt:
        return 130
    return 0


def work(preset: str, overrides: list[str]) -> dict[str, Any]:
    """Run one experiment. Its outcome: done (with metrics), held (by another process) or failed (with an error)."""
    config = configs.load(preset, [*overrides, "runtime.progress=false"])
    folder = identity.run_folder(config)
    try:
        from bench import experiment

        result = experiment.run(config)
    except Held as holder:
        return {"outcome": "held", "error": str(holder)}
    except Exception as error:
        if not folder.error_file.exists():
            folder.fail(traceback.format_exc())
        return {"outcome": "failed", "error": f"{type(error).__name__}: {str(error).partition(chr(10))[0]}"}
    return {"outcome": "done", "metrics": {name: score["value"] for name, score in result["metrics"].items()}}


def _listen(jobs: queue.SimpleQueue[dict[str, Any] | None], busy: threading.Event) -> None:
    for line in sys.stdin:
        jobs.put(json.loads(line))
    jobs.put(None)
    if busy.is_set():
        os.kill(os.getpid(), signal.SIGINT)


if __name__ == "__main__":
    status = main()
    sys.stdout.flush()
    os._exit(status)  # nothing is left to save, and the libraries' own threads may not end
