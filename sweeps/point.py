"""One run of a sweep: its config as overrides, its identity and its status."""

from __future__ import annotations

import os
from dataclasses import dataclass

from bench.config.overrides import say
from bench.config.schema import Config
from bench.runs import identity
from bench.runs.folder import RunFolder
from sweeps.estimate import shape


@dataclass(frozen=True)
class Point:
    """One run of a sweep."""

    architecture: str
    seed: int
    overrides: list[str]
    folder: RunFolder
    eval_id: str
    step: int
    along: tuple[int, ...]  # steps to be scored after, the last one among them
    label: str  # the values of the axes
    shape: str  # equal for runs that should take equal time, for equally many steps
    common: str = ""  # with tuned rates: id of the run that has the common ones

    @property
    def status(self) -> str:
        """pending, running, partial, failed or done."""
        if not os.path.isdir(self.folder.path):  # one look at the disk, as most of a large sweep is pending
            return "pending"
        return self.folder.status(self.eval_id, *self.along)


def point_of(config: Config, overrides: list[str], runs: str, label: str) -> Point:
    """The point of a config that these overrides make, in the folder `runs`."""
    # Overrides run in another process: they must say all that this one resolved.
    resolved = [
        say("runtime.runs", runs),
        say("train.precision", config.train.precision),
        say("runtime.matmul_backend", config.runtime.matmul_backend),
    ]
    names = identity.identity_of(config)
    return Point(
        architecture=config.model.architecture,
        seed=config.seed,
        overrides=[*overrides, *resolved],
        folder=names.folder(runs),
        eval_id=names.eval_id,
        step=config.train.steps,
        along=tuple(identity.evaluated_steps(config)),
        label=label,
        shape=shape(names.train),
    )
