"""Launchers of runs, behind one small protocol. Those of other packages are found by their entry points.

A launcher starts jobs and tells when they start and end. What became of a run, its folder says.
"""

from __future__ import annotations

from dataclasses import dataclass, fields
from importlib.metadata import EntryPoint, entry_points
from pathlib import Path
from typing import Any, ClassVar, Protocol

from bench.config.checks import check_ranges
from bench.config.overrides import parse
from bench.system.errors import UserError, nearest
from sweeps.jobs import Job

GROUP = "xfusion_bench.launchers"
OWN = {"local": "sweeps.launchers.local:Local", "slurm": "sweeps.launchers.slurm:Slurm"}


@dataclass(frozen=True)
class News:
    """Event of a job, as a launcher reports it."""

    kind: str  # started; ended: by itself, well or not; lost: killed, or its machine is gone
    job: Job
    seconds: float = 0.0
    error: str = ""  # why there is no result, where that is known: as error.txt says it, or `held: ...`


class Launcher(Protocol):
    """Does jobs: `python -m sweeps.worker SWEEP_FILE RUN_ID` or the like, somewhere."""

    Options: ClassVar[type]  # a dataclass: its settings, given as `launcher.NAME=value`
    outlives: ClassVar[bool]  # whether its jobs go on when the launching shell is gone

    def __init__(self, sweep: Path, threads: int, options: Any) -> None:
        """Serve the sweep of a `sweep.json`, each job with so many CPU threads.

        Raises UserError where it cannot work on this machine.
        """

    def submit(self, jobs: list[Job]) -> None:
        """Take jobs, the most urgent first. A job that still lives from an earlier command is not started again."""

    def poll(self) -> list[News]:
        """Events since the last call; waits up to about a second for one."""

    def cancel(self) -> None:
        """Stop everything, leaving runs so that they can go on. Then no job of this sweep lives any more."""


def catalogue() -> dict[str, EntryPoint]:
    """The launchers there are: this project's, and those that installed packages offer as entry points of `GROUP`."""
    own = [EntryPoint(name, value, GROUP) for name, value in OWN.items()]
    return {point.name: point for point in (*entry_points(group=GROUP), *own)}


def get(name: str) -> type[Launcher]:
    """The launcher called `name`. Raises UserError for an unknown one, or one that cannot be imported."""
    found = catalogue()
    if name not in found:
        raise UserError(f"launcher.name: unknown launcher '{name}'{nearest(name, found)}")
    try:
        return found[name].load()
    except (ImportError, AttributeError) as error:
        remedy = f" (pip install -e '.[{name}]' -c constraints.txt)" if name in OWN else ""
        raise UserError(f"launcher.name: {name} cannot be loaded: {error}{remedy}") from error


def chosen(given: dict[str, str], jobs: int | None) -> tuple[type[Launcher], Any]:
    """The launcher that `launcher.NAME=value` requests and `--jobs` ask for, and its settings. Raises UserError."""
    if jobs is not None:
        if jobs < 1:
            raise UserError(f"--jobs: must be at least 1, not {jobs}")
        given = {"jobs": str(jobs)} | given
    kind = get(given.get("name", "local"))
    return kind, options(kind, {name: value for name, value in given.items() if name != "name"})


def options(launcher: type[Launcher], given: dict[str, str]) -> Any:
    """The launcher's settings from `launcher.NAME=value` requests. Raises UserError for a wrong name or value."""
    return structured("launcher", launcher.Options, given)


def structured(place: str, schema: type, given: dict[str, str]) -> Any:
    """A dataclass of settings from `place.NAME=value` requests. Raises UserError for a wrong name or value."""
    from omegaconf import OmegaConf
    from omegaconf.errors import OmegaConfBaseException

    known = [item.name for item in fields(schema)]
    for name in given:
        if name not in known:
            raise UserError(f"unknown setting '{place}.{name}'{nearest(name, known)}")
    try:
        asked = parse([f"{name}={value}" for name, value in given.items()])
        found = OmegaConf.to_object(OmegaConf.merge(OmegaConf.structured(schema), asked))
    except (OmegaConfBaseException, ValueError) as error:
        raise UserError(f"{place}: {str(error).splitlines()[0]}") from error
    try:
        check_ranges(found)
    except UserError as error:
        raise UserError(f"{place}.{error}") from error
    return found
