"""A sweep's worker whose runs train nothing: each takes its lease and publishes an empty result."""

from __future__ import annotations

import sys
import types
from pathlib import Path
from typing import Any

from bench.config.schema import Config
from bench.runs.identity import eval_id, run_folder
from sweeps import worker


def run(config: Config) -> dict[str, Any]:
    """Stand in for `bench.experiment.execute.run`: a folder, a lease and an empty result, without the experiment."""
    folder = run_folder(config)
    with folder.acquire(), folder.attempt() as attempt:
        folder.create("", {"identity": {}}, {})
        folder.append_metrics({"step": config.train.steps})
        folder.publish_result(eval_id(config), config.train.steps, attempt, {"metrics": {}, "cost": {}})
    return {}


if __name__ == "__main__":
    empty = types.ModuleType("bench.experiment.execute")
    empty.run = run  # type: ignore[attr-defined]
    sys.modules["bench.experiment.execute"] = empty
    sys.exit(worker.main(Path(sys.argv[1])))
