"""What can be wrong with a setting, said in one line with its full dotted key."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import field, fields, is_dataclass
from difflib import get_close_matches
from functools import cache
from typing import Any, Literal, get_args, get_origin, get_type_hints

from bench.errors import UserError, nearest


def ranged(default: Any, low: float, high: float | None = None, above: bool = False) -> Any:
    """A dataclass field that must lie in [low, high], or in (low, high] with `above`."""
    return field(default=default, metadata={"low": low, "high": high, "above": above})


@cache
def setting_keys(schema: type, prefix: str = "") -> dict[str, Any]:
    """Dotted key -> type of every setting below a dataclass."""
    keys: dict[str, Any] = {}
    for name, kind in get_type_hints(schema).items():
        group = isinstance(kind, type) and is_dataclass(kind)
        keys |= setting_keys(kind, f"{prefix}{name}.") if group else {f"{prefix}{name}": kind}
    return keys


def check_keys(schema: type, given: Any) -> None:
    """Refuse the first key of the nested mapping `given` that the dataclass does not have."""
    known = setting_keys(schema)
    for key, value in leaves(given):
        if any(key == setting or key.startswith(f"{setting}.") for setting in known):
            continue
        if any(setting.startswith(f"{key}.") for setting in known):
            raise UserError(f"{key}: is a group of settings, not '{value}' (write {key}.NAME=value)")
        same_name = [setting for setting in known if setting.split(".")[-1] == key.split(".")[-1]]
        close = same_name or get_close_matches(key, known, n=1)
        raise UserError(f"unknown setting '{key}'" + (f" (did you mean '{close[0]}'?)" if close else ""))


def leaves(given: Any, prefix: str = "") -> Iterator[tuple[str, Any]]:
    """Dotted key and value of everything in a nested mapping."""
    for name, value in given.items():
        if isinstance(value, dict) and value:
            yield from leaves(value, f"{prefix}{name}.")
        else:
            yield f"{prefix}{name}", value


def check_ranges(config: Any, prefix: str = "") -> None:
    """Refuse the first number outside the range its field declares."""
    for item in fields(config):
        value, key = getattr(config, item.name), f"{prefix}{item.name}"
        if is_dataclass(value):
            check_ranges(value, f"{key}.")
        elif item.metadata:
            low, high = item.metadata["low"], item.metadata["high"]
            too_low = value <= low if item.metadata["above"] else value < low
            if not math.isfinite(value) or too_low or (high is not None and value > high):
                least = f"above {low}" if item.metadata["above"] else f"at least {low}"
                raise UserError(f"{key}: must be {least if high is None else f'in [{low}, {high}]'}, not {value}")


def resolve_options(architecture: str, declared: dict[str, Any], given: dict[str, Any]) -> dict[str, Any]:
    """The architecture's options, defaults filled in. A declared tuple lists choices, the first being the default."""
    for name in given:
        if name not in declared:
            hint = nearest(name, declared) or " (it has none)"
            raise UserError(f"model.options.{name}: unknown option of {architecture}{hint}")
    return {name: _option(name, spec, given.get(name)) for name, spec in declared.items()}


def _option(name: str, spec: Any, value: Any) -> Any:
    """One option's value, checked against its choices or its default's type."""
    key = f"model.options.{name}"
    if isinstance(spec, tuple):
        if value is None:
            return spec[0]
        if value not in spec:
            raise UserError(f"{key}: '{value}' is none of {', '.join(map(str, spec))}")
        return value
    if value is None:
        return spec
    if isinstance(spec, float) and isinstance(value, int) and not isinstance(value, bool):
        value = float(value)
    if type(value) is not type(spec):
        raise UserError(f"{key}: must be of type {type(spec).__name__}, not '{value}'")
    return value


def config_error(error: Exception, schema: type, overrides: list[str]) -> UserError:
    """OmegaConf's complaint about a value as one line."""
    key = getattr(error, "full_key", None) or " ".join(overrides)
    first_line = str(error).splitlines()[0]
    kind = setting_keys(schema).get(key.split("[")[0])
    if get_origin(kind) is Literal:
        value = first_line.split("'")[1] if "'" in first_line else ""
        return UserError(f"{key}: '{value}' is none of {', '.join(get_args(kind))}{nearest(value, get_args(kind))}")
    return UserError(f"{key}: {first_line}")
