"""Published files of a run without its times: equal for equal runs, to the last bit."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from bench.runs.reader import StoredRun

MEASURED = ("train_seconds", "score_seconds", "peak_memory_mb")  # of the machine, not of the model


def published_files(run: Path) -> dict[str, Any]:
    """Results, captions, samples and training metrics of a run folder, by file name."""
    found: dict[str, Any] = {}
    for path in sorted(run.glob("evals/**/*")):
        if path.is_file():
            found[str(path.relative_to(run))] = path.read_bytes()
    for name in [name for name in found if name.endswith("result.json")]:
        result = json.loads(found[name])
        del result["seal"]  # a checksum of the times too
        result["cost"] = {key: value for key, value in result["cost"].items() if key not in MEASURED}
        found[name] = result
    rows = {row["step"]: {k: v for k, v in row.items() if k != "seconds"} for row in StoredRun(run).read_metrics()}
    return found | {"metrics.jsonl": rows}


def leftovers(run: Path) -> list[str]:
    """Files that should not be there once a command has completed."""
    drafts = [path for path in run.rglob("*") if path.name.startswith(".") or path.name.endswith(".draft")]
    return sorted(str(path.relative_to(run)) for path in [*drafts, *run.glob("attempts"), *run.glob("error.txt")])
