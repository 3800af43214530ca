"""Definitions of the paper's figures and tables, and of some that no paper shows: YAML files beside this one.

    title: Noise on images to be captioned, along training
    source: "X-Fusion, Fig. 6"
    kind: curves                       # table, curves, costs or samples
    by: train.warmup_steps             # a line, row or column each
    where: {model.architecture: dual_tower}
    panels: [{metric: fid, against: step}]
    command: python -m sweeps run ...  # makes the runs

`needs` in place of all but title and source says what this version lacks to make such runs.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from bench.config import user_yaml


@dataclass(frozen=True)
class Definition:
    """A figure or table to be drawn, and of which runs."""

    name: str  # of its files
    title: str
    source: str
    kind: str = ""
    by: str = ""  # the setting that is compared
    where: dict[str, Any] = field(default_factory=dict)  # settings that all its runs share
    metrics: tuple[str, ...] = ()
    costs: tuple[str, ...] = ()
    panels: tuple[dict[str, str], ...] = ()
    published: str = ""  # a table of `reports.paper.published`
    command: str = ""
    needs: str = ""


def read() -> list[Definition]:
    """All definitions, in their order."""
    return [_definition(path) for path in sorted(Path(__file__).parent.glob("*.yaml"))]


def _definition(path: Path) -> Definition:
    content = user_yaml.read(path.read_text(encoding="utf-8"))
    lists = {key: tuple(content[key]) for key in ("metrics", "costs", "panels") if key in content}
    return Definition(path.stem.partition("-")[2], **(content | lists))
