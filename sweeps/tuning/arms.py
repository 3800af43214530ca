"""Arms of a sweep: what has rates of its own, and which rates those are."""

from __future__ import annotations

import itertools
import json
from dataclasses import dataclass
from typing import Any

import architectures
from bench.config.expand import ConfigGrid
from bench.config.schema import Config
from bench.system.errors import UserError
from sweeps.dimensions import Dimension, Sweep

ARCHITECTURE, RATE, STEPS = "model.architecture", "train.lr", "train.steps"
MULTIPLIER = "_lr_scale"  # ends the name of an architecture's option that scales the learning rate of some weights


@dataclass(frozen=True)
class Arm:
    """One arm: its values of the axes, its config at the common rates, and these rates, `train.lr` first."""

    settings: dict[str, Any]
    config: Config
    common: dict[str, float]

    @property
    def name(self) -> str:
        """Its values, in words."""
        return " ".join(str(value) if key == ARCHITECTURE else f"{key}={value}" for key, value in self.settings.items())


def arms(sweep: Sweep, configs: ConfigGrid, kind: str, further: bool) -> list[Arm]:
    """The arms of a sweep: a row each of all its axes but the seed, or an architecture each.

    An architecture is tuned at the value of every other axis that has one only, and else at the preset's. `further`:
    with the rates that architectures declare. Raises UserError where a rate is an axis.
    """
    if RATE in sweep.axes:
        raise UserError(f"{sweep.name}: {RATE} is an axis of this sweep, so there is nothing to tune")
    found: dict[str, Arm] = {}
    for row in itertools.product(*(_rows(dimension, kind) for dimension in sweep.dimensions)):
        settings = {key: value for part in row for key, value in part.items()}
        config = configs.config((key, configs.value(key, value)) for key, value in settings.items())
        settings = {ARCHITECTURE: config.model.architecture} | settings
        rates = _declared(config) if further else {}
        taken = {key: rate for key, rate in rates.items() if key not in sweep.axes}
        found.setdefault(json.dumps(settings), Arm(settings, config, {RATE: config.train.lr} | taken))
    return list(found.values())


def _rows(dimension: Dimension, kind: str) -> list[dict[str, Any]]:
    rows = [dict(zip(dimension.axes, row, strict=True)) for row in dimension.rows]
    if kind == "architecture":
        alone = {axis for axis in dimension.axes if axis == ARCHITECTURE or len(dimension.column(axis)) == 1}
        rows = [{axis: value for axis, value in row.items() if axis in alone} for row in rows]
    return [{axis: value for axis, value in row.items() if axis != "seed"} for row in rows]


def _declared(config: Config) -> dict[str, float]:
    """Multipliers of the learning rate that an architecture declares, with their values, by their settings."""
    options = architectures.catalogue()[config.model.architecture].options
    names = [name for name, spec in options.items() if name.endswith(MULTIPLIER) and isinstance(spec, float)]
    return {f"model.options.{name}": float(config.model.options[name]) for name in names if config.model.options[name]}
