"""`python -m benchmarks.reliability.faults FAULT SWEEP_FILE`: a sweep's worker with a fault planted in it.

`python -m benchmarks.reliability.faults --table [FAULT ...]` shows what each fault moves in a tiny run, and how much.
"""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path

from benchmarks.reliability.faults import FAULTS
from sweeps import worker

if __name__ == "__main__":
    first, *others = sys.argv[1:]
    if first == "--table":
        from benchmarks.reliability.faults.table import table

        with tempfile.TemporaryDirectory() as folder:
            for line in table(others or list(FAULTS), Path(folder)):
                print(line, flush=True)
    else:
        FAULTS[first].plant()
        sys.exit(worker.main(Path(others[0])))
