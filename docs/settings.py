"""Writes docs/settings.md, or the file named: every setting with its type, default, range and meaning.

Keys, types, defaults and ranges are those of the dataclasses; a meaning is the comment that stands beside or above
the field.
"""

from __future__ import annotations

import ast
import inspect
import io
import json
import sys
import tokenize
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import MISSING, fields
from functools import cache
from pathlib import Path
from types import NoneType, UnionType
from typing import Any, Literal, get_args, get_origin, get_type_hints

import yaml

import architectures
from bench.config import schema
from bench.config.load import PRESETS
from bench.system.plugins import plugins
from sweeps import launchers
from sweeps.tuning.settings import Tuning

NAMES = {int: "whole number", float: "number", bool: "true, false", str: "text", dict: "group", list: "list"}
HEAD = """\
# Settings

Made by `make docs` from the dataclasses of `bench/config/schema.py` and of the plug-ins: change them there.
A setting is given as `key=value`; `python -m bench show [PRESET] [key=value ...]` prints all of them as they come out.
*Gap* marks what the paper (arXiv 2504.20996) leaves open; *paper* says its choice. Defaults hold where no preset says
otherwise: the last table shows what each preset says.
"""
Row = tuple[str, ...]


def document() -> str:
    """The whole page."""
    own = {kind: [one for one in plugins(kind).values() if one.distribution is None] for kind in ("data set", "task")}
    parts = [HEAD, "## The seed", *_table(_rows("", schema.Config, only=("seed",)))]
    parts += ["", "## Data: `data`", *_table(_rows("data.", schema.DataSettings))]
    for data_set in own["data set"]:
        parts += _own(f"### `data.name={data_set.name}`", data_set.summary(), _rows("data.", data_set.settings))
    parts += ["", "## Model: `model`", *_table(_rows("model.", schema.ModelConfig))]
    for found in architectures.catalogue().values():
        if found.distribution is None and found.options:
            options = [_option(f"model.options.{name}", spec) for name, spec in found.options.items()]
            parts += _own(f"### `model.architecture={found.name}`", _docstring(found.sources[0]), options)
    parts += ["", "## Training: `train`", *_table(_rows("train.", schema.TrainSettings))]
    for task in own["task"]:
        meaning = "its share of two tasks: short for `train.tasks`"
        share = (f"`train.{task.name}_fraction`", "number", "–", "0 to 1", meaning)
        meaning = "a control: its samples pass, and its loss does not count"
        passive = (f"`train.{task.name}_passive`", "true, false", "`false`", "", meaning)
        parts += _own(f"### Task `{task.name}`", task.summary(), [*_rows("train.", task.settings), share, passive])
    parts += ["", "## Evaluation: `eval`", *_table(_rows("eval.", schema.EvalConfig))]
    parts += ["", "## Runtime: `runtime`", *_table(_rows("runtime.", schema.RuntimeConfig))]
    for name in launchers.OWN:
        settings = launchers.get(name).Options
        parts += _own(f"### `launcher.name={name}`, of `python -m sweeps run`", "", _rows("launcher.", settings))
    parts += _own("### `tune`, of `python -m sweeps tune`", "", _rows("tune.", Tuning))
    parts += ["", "## Presets", *_presets()]
    return "\n".join(parts) + "\n"


def _own(heading: str, text: str, rows: Iterable[Row]) -> list[str]:
    return ["", heading, *([text] if text else []), *_table(rows)]


def _table(rows: Iterable[Row], head: Row = ("key", "type", "default", "range", "meaning")) -> list[str]:
    lines = [head, ("---",) * len(head), *rows]
    return ["", *("| " + " | ".join(cell.replace("|", "\\|") for cell in line) + " |" for line in lines)]


def _rows(prefix: str, settings: type, only: Sequence[str] = ()) -> Iterator[Row]:
    hints, meanings = get_type_hints(settings), _comments(settings)
    for item in fields(settings):
        if not only or item.name in only:
            default = item.default_factory() if item.default_factory is not MISSING else item.default
            key, meaning = f"`{prefix}{item.name}`", meanings.get(item.name, "")
            yield key, _type(hints[item.name]), _said(default), _range(item.metadata), meaning


def _option(key: str, spec: Any) -> Row:
    values = spec if isinstance(spec, tuple) else (spec,)
    kind = ", ".join(f"`{_value(value)}`" for value in values) if isinstance(spec, tuple) else NAMES[type(spec)]
    return f"`{key}`", kind, _said(values[0]), "", "see above"


def _type(hint: Any) -> str:
    if get_origin(hint) is Literal:
        return ", ".join(f"`{value}`" for value in get_args(hint))
    if isinstance(hint, UnionType):
        return " or ".join(_type(one) for one in get_args(hint) if one is not NoneType)
    if get_origin(hint) is tuple:
        return f"{len(get_args(hint))} numbers"
    return NAMES[get_origin(hint) or hint]


def _said(value: Any) -> str:
    return "–" if value is None or value in ({}, []) else f"`{_value(value)}`"


def _value(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value)


def _range(bounds: Any) -> str:
    if "low" not in bounds:
        return ""
    if bounds["high"] is not None:
        return f"{bounds['low']} to {bounds['high']}"
    return f"above {bounds['low']}" if bounds["above"] else f"from {bounds['low']}"


def _comments(settings: type) -> dict[str, str]:
    """The comment beside each field of a dataclass, or the one on the lines above it."""
    source = inspect.getsource(settings)
    (node,) = ast.parse(source).body
    assert isinstance(node, ast.ClassDef)
    tokens = tokenize.generate_tokens(io.StringIO(source).readline)
    words = {token.start[0]: token.string.lstrip("# ") for token in tokens if token.type == tokenize.COMMENT}
    alone = {number for number, line in enumerate(source.splitlines(), 1) if line.strip().startswith("#")}
    found = {}
    for field in node.body:
        if isinstance(field, ast.AnnAssign) and isinstance(field.target, ast.Name):
            lines = [line for line in range(field.lineno, (field.end_lineno or field.lineno) + 1) if line in words]
            above = field.lineno - 1
            while above in alone:
                lines.insert(0, above)
                above -= 1
            found[field.target.id] = " ".join(words[line] for line in lines)
    return found


def _docstring(path: Path) -> str:
    (node,) = [one for one in ast.parse(path.read_text(encoding="utf-8")).body if isinstance(one, ast.ClassDef)]
    return (ast.get_docstring(node) or "").replace("``", "`")


@cache
def _preset(path: Path) -> dict[str, str]:
    sections = yaml.safe_load(path.read_text(encoding="utf-8"))
    return {f"{section}.{name}": json.dumps(value).replace('"', "") for section, settings in sections.items()
            for name, value in settings.items()}  # fmt: skip


def _presets() -> list[str]:
    paths = sorted(PRESETS.glob("*.yaml"))
    keys = dict.fromkeys(key for path in paths for key in _preset(path))
    rows = [(f"`{key}`", *(_preset(path).get(key, "") for path in paths)) for key in keys]
    return _table(rows, ("key", *(path.stem for path in paths)))


if __name__ == "__main__":
    where = Path(sys.argv[1]) if len(sys.argv) > 1 else Path(__file__).with_suffix(".md")
    where.write_text(document(), encoding="utf-8")
