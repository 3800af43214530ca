"""A results folder's sweep.json, checked before anything is made of it."""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import Any

from bench.runs import format_1
from bench.runs.format import RENAMED, read_own
from bench.system.errors import UserError

NAME = re.compile(r"[\w.-]{1,100}")  # of a run or an evaluation: a plain folder name
MOST_SEEDS = 1000  # of a sweep that goes on until its claims are decided
NUMBERS = ("chosen", "common", "budget")  # of an arm with tuned rates
TEXTS = ("name", "preset", "question", "source", "runs_root")


def read(folder: Path) -> dict[str, Any]:
    """The file's content. Raises ``UserError`` where there is none, or one that `python -m sweeps` did not write."""
    path = folder / "sweep.json"
    if not os.path.isfile(path):
        raise UserError(f"{folder}: no results folder (no sweep.json in it); `python -m sweeps run NAME` makes one")
    content = read_own(path) or {}
    fault = _fault(content)
    if fault:
        raise UserError(f"{path}: {fault}; `python -m sweeps run NAME` writes it anew")
    plot = content["plot"]
    if content["schema"] == format_1.FORMAT:
        plot["y"] = list(dict.fromkeys(map(format_1.name, plot["y"])))
    for metric in plot["y"]:
        if metric in RENAMED:
            raise UserError(f"{path}: plot.y: unknown metric '{metric}' (did you mean '{RENAMED[metric]}'?)")
    return content


def _fault(content: dict[str, Any]) -> str:
    """The first fault, "" if there is none."""
    for key in TEXTS:
        if not _is_text(content.get(key)):
            return f"'{key}' must be a text"
    if "\0" in content["runs_root"]:
        return "'runs_root' must be a folder's path"
    plot, points = content.get("plot"), content.get("points")
    if not isinstance(plot, dict) or not _is_text(plot.get("x")) or not _are_texts(plot.get("y")):
        return "'plot' must hold x and a list y"
    if not isinstance(points, list) or not points:
        return "'points' must be a list of runs"
    if not _are_looks(content.get("until_decided")):
        return "'until_decided' must hold whole numbers: seeds of the first look, and at most"
    faults = ((place, _point_fault(point)) for place, point in enumerate(points))
    found = next((f"points[{place}]: {fault}" for place, fault in faults if fault), "")
    return found or ("tuned" in content and _tuned_fault(content["tuned"])) or ""


def _tuned_fault(tuned: Any) -> str:
    """Of the rates that `sweeps run --tuned` took."""
    arms = tuned.get("arms") if isinstance(tuned, dict) else None
    if not isinstance(arms, list) or not _is_text(tuned.get("file")):
        return "'tuned' must hold a file and its arms"
    for arm in arms:
        whole = isinstance(arm, dict) and all(isinstance(arm.get(name), dict) for name in ("settings", *NUMBERS))
        if not whole or not _are_texts(arm.get("at_edge")):
            return "'tuned' must hold settings, rates and budget of each arm"
        if not all(isinstance(value, int | float) for name in NUMBERS for value in arm[name].values()):
            return "'tuned' must hold rates and budgets as numbers"
        if arm["chosen"].keys() != arm["common"].keys():
            return "'tuned' must hold a common rate for each that was chosen"
    return ""


def _are_looks(given: Any) -> bool:
    if given is None:
        return True
    first, most = (given.get("first"), given.get("at_most")) if isinstance(given, dict) else (None, None)
    return type(first) is int and type(most) is int and 0 < first <= most <= MOST_SEEDS


def _point_fault(point: Any) -> str:
    if not isinstance(point, dict):
        return "must be a run"
    for key in ("run_id", "eval_id", *(["common"] if "common" in point else [])):
        if not isinstance(point.get(key), str) or not NAME.fullmatch(point[key]):
            return f"'{key}' must be a folder's name"
    if type(point.get("step")) is not int or not 0 <= point["step"] < 2**63:
        return "'step' must be a whole number"
    overrides: Any = point.get("overrides")
    if not _are_texts(overrides) or not all("=" in override for override in overrides):
        return "'overrides' must be a list of key=value"
    return ""


def _are_texts(value: Any) -> bool:
    return isinstance(value, list) and all(map(_is_text, value))


def _is_text(value: Any) -> bool:
    """Whether it is a text, and one that UTF-8 can say: JSON's escapes may stand for half a character."""
    return isinstance(value, str) and value.encode("utf-8", "replace").decode() == value
