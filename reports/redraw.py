"""Everything anew: each results folder from its own runs, then the paper's figures from all of them."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from functools import cache
from pathlib import Path

from bench.config import overrides
from bench.config.checks import nearest_setting, setting_keys
from bench.config.schema import Config
from bench.system.errors import UserError
from reports.build import build
from reports.paper import gallery
from reports.stored.runs import read_point
from reports.stored.settings import Settings

FOLDER = "figures"  # under the results, of what is drawn of all runs


def redraw(results: Path, runs: Path, asked: list[str]) -> Iterator[Path]:
    """Yield what was written. `asked`: `key=value` that the runs of the paper's figures must have.

    A results folder that cannot be drawn is named on the terminal and passed over. Raises ``UserError`` where a
    setting is none, or there are no runs.
    """
    only = settings(asked)
    read = cache(read_point)  # a result is of its sweep's drawings and of those of all runs
    for folder in sorted(path.parent for path in results.glob("*/sweep.json")):
        try:
            yield from build(folder, read=read)
        except UserError as reason:
            print(f"{folder} is left as it is: {reason}", file=sys.stderr)
    yield from gallery.build(runs, results / FOLDER, only, read)


def settings(asked: list[str]) -> Settings:
    """Settings by key, from `key=value`. Raises ``UserError`` for an unknown setting."""
    found = {}
    for text in asked:
        key, value = overrides.split(text)
        if key not in setting_keys(Config) and not key.startswith("model.options."):
            raise UserError(f"unknown setting '{key}'{nearest_setting(Config, key)}")
        found[key] = overrides.read(key, value)
    return found
