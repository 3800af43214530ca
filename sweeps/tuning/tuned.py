"""Outcome of a tuning as runs take it: each arm's own rates, from the file that `sweeps tune` wrote."""

from __future__ import annotations

import hashlib
import json
import math
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bench.config import user_yaml
from bench.config.schema import Config
from bench.system.errors import UserError
from sweeps.dimensions import Sweep

FORMAT = "xfusion-bench tuned rates 1"
GROUPS = ("data.", "model.", "train.")  # settings that a good rate depends on


@dataclass(frozen=True)
class TunedArm:
    """An arm's values of the axes, and rates by setting: its own, and the common ones; those at the grid's edge."""

    settings: dict[str, Any]
    chosen: dict[str, float]
    common: dict[str, float]
    at_edge: list[str]
    budget: dict[str, float]  # runs, steps, seconds


@dataclass(frozen=True)
class Tuned:
    """The arms of a file, which fit a sweep."""

    path: Path
    arms: tuple[TunedArm, ...]

    @property
    def digest(self) -> str:
        """6 hex digits of the rates alone, not of how they were found."""
        rates = json.dumps([[arm.settings, arm.chosen] for arm in self.arms], sort_keys=True)
        return hashlib.sha256(rates.encode()).hexdigest()[:6]

    def chosen(self, config: Config) -> list[tuple[str, float]]:
        """The rates of the arm that a config belongs to. Raises UserError where it belongs to none."""
        arm = next((arm for arm in self.arms if all(_has(config, *pair) for pair in arm.settings.items())), None)
        if arm is None:
            said = ", ".join(f"{key}={_value(config, key)}" for key in self.arms[0].settings)
            raise UserError(f"{self.path}: has no arm for {said}: tune this sweep, or narrow it")
        for key, value in arm.common.items():
            if not _has(config, key, value):
                raise UserError(f"{self.path}: was tuned around {key}={value}, not {_value(config, key)}: tune again")
        return list(arm.chosen.items())

    def facts(self) -> dict[str, Any]:
        """File, rates and budgets, for sweep.json and so for reports."""
        return {"file": str(self.path), "arms": [vars(arm) for arm in self.arms]}


def request(sweep: Sweep, preset: str) -> dict[str, Any]:
    """The preset and the settings that hold for every run, as they were asked for."""
    fixed = {key: text for key, text in sweep.fixed.items() if not key.startswith("runtime.")}
    return {"preset": preset, "fixed": fixed}


def read(path: Path, sweep: Sweep, preset: str) -> Tuned:
    """The file's arms. Raises UserError where it cannot be read, or was made for other settings than this sweep's."""
    content = content_of(path)
    here, there = _dependent(request(sweep, preset)), _dependent(content["request"])
    for key in sorted({*here, *there}):
        ours, theirs = (one.get(key, "as in the preset") for one in (here, there))
        if ours != theirs:
            raise UserError(f"{path}: was tuned with {key} {theirs}, not {ours}: tune this sweep, or ask for the same")
    if shared := [seed for seed in content["request"]["tune"]["seeds"] if seed in _seeds(sweep)]:
        raise UserError(f"{path}: seed {min(shared)} chose these rates, and its luck would count twice: ask for others")
    arms = []
    for given in content["arms"]:
        for group in ("chosen", "common"):
            for key, value in given[group].items():
                if key in sweep.axes or key in sweep.fixed and group == "chosen" and key != "train.lr":
                    raise UserError(f"{path}: {key} is tuned, so the sweep may not set it too")
                given[group][key] = float(value)
        arms.append(TunedArm(given["arm"], *(given[name] for name in ("chosen", "common", "at_edge", "budget"))))
    return Tuned(path, tuple(arms))


def _seeds(sweep: Sweep) -> list[Any]:
    return [seed for dimension in sweep.dimensions if "seed" in dimension.axes for seed in dimension.column("seed")]


def _dependent(asked: dict[str, Any]) -> dict[str, str]:
    """Settings of a request that a good rate depends on."""
    return {"preset": asked["preset"]} | {key: text for key, text in asked["fixed"].items() if key.startswith(GROUPS)}


def content_of(path: Path) -> dict[str, Any]:
    """The content of a file of tuned rates, checked. Raises UserError."""
    try:
        content = user_yaml.read_file(path)
    except FileNotFoundError as error:
        raise UserError(f"{path}: no such file; `python -m sweeps tune NAME` makes one") from error
    except (UserError, user_yaml.Unreadable) as error:
        raise UserError(f"{path}: {error}") from error
    if fault := _fault(content):
        raise UserError(f"{path}: {fault}; `python -m sweeps tune NAME` writes such files")
    return dict(content)


def _fault(content: Any) -> str:
    """The first fault, "" if there is none."""
    if not isinstance(content, dict) or content.get("format") != FORMAT:
        return f"is no file of tuned rates (its format must be '{FORMAT}')"
    asked, arms = content.get("request"), content.get("arms")
    if not isinstance(asked, dict) or not isinstance(asked.get("preset"), str) or not _texts(asked.get("fixed")):
        return "request: must name a preset and what was fixed"
    seeds = asked["tune"].get("seeds") if isinstance(asked.get("tune"), dict) else None
    if not isinstance(seeds, list) or not all(isinstance(seed, int) for seed in seeds):
        return "request: must name the seeds of the search"
    if not isinstance(arms, list) or not arms:
        return "arms: must be a list of arms"
    return next((f"arms[{place}]: {fault}" for place, arm in enumerate(arms) if (fault := _arm_fault(arm))), "")


def _arm_fault(arm: Any) -> str:
    if not isinstance(arm, dict) or not isinstance(arm.get("arm"), dict) or not arm["arm"]:
        return "must name an arm, setting -> value"
    for name in ("chosen", "common"):
        rates = arm.get(name)
        if not isinstance(rates, dict) or not rates or not all(map(_is_rate, rates.items())):
            return f"{name}: must be rates, each a number above 0 of train.lr or model.options.NAME"
    if arm["chosen"].keys() != arm["common"].keys():
        return "chosen and common must name the same rates"
    edge, budget = arm.get("at_edge"), arm.get("budget")
    if not isinstance(edge, list) or not all(key in arm["chosen"] for key in edge):
        return "at_edge: must be a list of rates"
    if not isinstance(budget, dict) or not all(_is_number(budget.get(name)) for name in ("runs", "steps", "seconds")):
        return "budget: must hold runs, steps and seconds"
    return ""


def _texts(value: Any) -> bool:
    return isinstance(value, dict) and all(isinstance(text, str) for text in value.values())


def _is_rate(pair: tuple[str, Any]) -> bool:
    key, value = pair
    return (key == "train.lr" or key.startswith("model.options.")) and _is_number(value) and value > 0


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)


def _has(config: Config, key: str, value: Any) -> bool:
    found = _value(config, key)
    if isinstance(found, float) and isinstance(value, int | float) and not isinstance(value, bool):
        return math.isclose(found, value, rel_tol=1e-9)
    return bool(found == value or (isinstance(found, tuple) and list(found) == value))


def _value(config: Config, key: str) -> Any:
    """A setting of a config by its dotted key, None where it has none."""
    found: Any = config
    for name in key.split("."):
        found = found.get(name) if isinstance(found, dict) else getattr(found, name, None)
    return found
