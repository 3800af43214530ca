"""Environment variables of a worker process, wherever it runs."""

from __future__ import annotations

import os

from bench.system.git import PROJECT


def worker_environment(threads: int) -> dict[str, str]:
    """This process's environment, with so many CPU threads, which sleep while they wait, and this project's code."""
    return os.environ | {
        "OMP_NUM_THREADS": str(threads),
        "MKL_NUM_THREADS": str(threads),
        "OMP_WAIT_POLICY": "PASSIVE",
        "GOMP_SPINCOUNT": "0",
        "TOKENIZERS_PARALLELISM": "false",
        "PYTHONPATH": os.pathsep.join(filter(None, [str(PROJECT), os.environ.get("PYTHONPATH")])),
    }
