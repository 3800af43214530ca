"""The committed baseline: what ten seeds of each architecture measured, and the bounds that follow from it."""

from __future__ import annotations

import json
import os
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from bench.runs.format import FORMAT, read_own
from bench.system.errors import UserError, writing_to
from bench.system.files import write_atomically
from bench.system.provenance import now
from reports.regression import checks
from reports.regression.checks import Check
from reports.regression.measured import Run, Session

FOLDER = Path(__file__).with_name("baselines")
LEAST = 10  # seeds


@dataclass(frozen=True)
class Baseline:
    """Its runs and their bounds, and what they were made with and where."""

    blessed: str
    settings: dict[str, Any]
    options: dict[str, dict[str, Any]]
    environment: dict[str, Any]
    codes: dict[str, str]
    checks: list[Check]
    runs: list[Run]

    @property
    def architectures(self) -> list[str]:
        return sorted({run.architecture for run in self.runs})

    def run(self, architecture: str, seed: int) -> Run | None:
        """The run of an architecture and a seed, if there is one."""
        mine = [run for run in self.runs if (run.architecture, run.seed) == (architecture, seed)]
        return mine[0] if mine else None


def made(session: Session) -> Baseline:
    """Raises UserError where a run failed or there are too few seeds."""
    if session.failed:
        raise UserError(f"{len(session.failed)} runs failed, so nothing is blessed; the first: {session.failed[0]}")
    for name in session.architectures:
        seeds = [run.seed for run in session.runs if run.architecture == name]
        if len(seeds) < LEAST:
            said = f"a baseline has {LEAST} seeds or more, these runs of {name} have {len(seeds)}"
            raise UserError(f"{said}: `make bless` trains enough")
    return Baseline(
        now(), session.settings, session.options, session.environment, session.codes,
        checks.made(session.runs, session.metrics), session.runs,
    )  # fmt: skip


def default_path(session_name: str) -> Path:
    """The committed baseline of a sweep."""
    return FOLDER / f"{session_name}.json"


def read(path: Path) -> Baseline | None:
    """None where there is none. Raises UserError where the file is no baseline."""
    content = read_own(path)
    if content is None:
        return None
    try:
        del content["schema"], content["thresholds"]
        own, runs = content.pop("checks"), content.pop("runs")
        return Baseline(**content, checks=[Check(**check) for check in own], runs=[Run(**run) for run in runs])
    except (KeyError, TypeError, AttributeError) as error:
        raise UserError(f"{path} is no baseline ({error}): get it back from git, or `make bless` makes one") from error


def write(path: Path, baseline: Baseline) -> None:
    """Write the file whole, replacing what was there. A check and a run are a line each, so that a diff can be read."""
    content: dict[str, Any] = {"schema": FORMAT, "thresholds": thresholds(baseline)} | asdict(baseline)
    lines = []
    for key, value in content.items():
        if key in ("checks", "runs"):
            rows = ",\n  ".join(json.dumps(row) for row in value)
            lines.append(f' "{key}": [\n  {rows}\n ]')
        else:
            lines.append(f' "{key}": {json.dumps(value, sort_keys=True)}')
    with writing_to(path.parent):
        os.makedirs(path.parent, exist_ok=True)
        write_atomically(path, "{\n" + ",\n".join(lines) + "\n}\n")


def thresholds(baseline: Baseline) -> dict[str, Any]:
    """How the bounds were found."""
    return {
        "level": checks.LEVEL,
        "checks": checks.family(baseline.checks),
        "seeds": checks.SEEDS,
        "seeded_slack": checks.SEEDED_SLACK,
        "memory_slack": checks.MEMORY_SLACK,
        "speed_slack": checks.SPEED_SLACK,
        "rounding": checks.ROUNDING,
        "ceiling_rounding": checks.CEILING_ROUNDING,
    }
