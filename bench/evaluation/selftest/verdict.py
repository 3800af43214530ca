"""Verdict of a self-test, stored for reports: `<runs>/selftest/<measure_id>.json`. No torch.

`measure_id` hashes all that a score depends on but the model: weights, data, library versions and the metrics' code.
A result carries it, so that a verdict on other weights or versions is never applied to it.
"""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

from bench.config.schema import Config
from bench.models.pretrained import weights_digest
from bench.runs.format import FORMAT, IDENTITY, read_own
from bench.runs.identity import CANONICAL, eval_identity, from_outside
from bench.system.errors import writing_to
from bench.system.files import write_atomically
from bench.system.plugins import plugins
from bench.system.provenance import PROJECT, files_digest, package_versions

FOLDER = "selftest"
MEASURING = (
    "torch", "torchvision", "transformers", "tokenizers", "torchmetrics", "clean-fid", "pycocoevalcap", "numpy",
    "scipy", "pillow",
)  # fmt: skip
"""Distributions that take part in a measurement."""

CODE = (
    "evaluation/metrics/**/*.py", "evaluation/scor*.py", "models/feature_net.py", "scenes/*.py", "data/sets/scenes.py",
)  # fmt: skip
"""Files of bench/ that take part in one."""


def measure_id(config: Config) -> str:
    """10 hex digits of `measure_identity`."""
    return hashlib.sha256(CANONICAL.encode(measure_identity(config)).encode()).hexdigest()[:10]


def measure_identity(config: Config) -> dict[str, Any]:
    """Facts that `measure_id` hashes; not how many samples are generated, nor how."""
    whole = eval_identity(config)
    return {
        "schema": IDENTITY,
        "data": whole["data"],
        "eval": {name: whole["eval"][name] for name in ("split", "clip", "features")},
        "llm": weights_digest(config.model.llm, "llm"),  # questions and texts lie beside it
        "packages": package_versions(MEASURING),
        "code": files_digest(_code()),
        **from_outside({"metric": plugins("metric"), "data set": [config.data.name]}),
    }


def _code() -> list[Path]:
    found = [sorted((PROJECT / "bench").glob(pattern)) for pattern in CODE]
    assert all(found), "a pattern of CODE matches no file: was it moved?"
    return [path for paths in found for path in paths]


def keep(runs: Path, name: str, verdict: dict[str, Any]) -> Path:
    """Store the verdict of `measure_id` `name` below the folder of runs. Raises UserError if it cannot be written."""
    path = runs / FOLDER / f"{name}.json"
    write(path, verdict)
    return path


def write(path: Path, verdict: dict[str, Any]) -> None:
    """Store a verdict as a file. Raises UserError if it cannot be written."""
    with writing_to(path.parent):
        path.parent.mkdir(parents=True, exist_ok=True)
        write_atomically(path, json.dumps({"schema": FORMAT, **verdict}, indent=1))


def read(runs: Path, name: str) -> dict[str, Any] | None:
    """The verdict of `measure_id` `name`, None if there is none. Raises UserError for another format."""
    verdict = read_own(runs / FOLDER / f"{name}.json")
    return verdict if verdict and verdict.get("measure_id") == name else None
