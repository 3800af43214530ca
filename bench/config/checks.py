"""Checks of settings, each with a one-line message that has the full dotted key."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import field, fields, is_dataclass
from difflib import get_close_matches
from functools import cache
from operator import attrgetter
from typing import Any, Literal, get_args, get_origin, get_type_hints

from bench.config import former_names
from bench.system.errors import UserError, nearest

LARGEST = 2**63  # of whole numbers, for the libraries' sake


def ranged(
    default: Any, low: float, high: float | None = None, above: bool = False, title: str = "", unit: str = ""
) -> Any:
    """A dataclass field that must lie in [low, high], or in (low, high] with `above`.

    Figures call it by its `title`; with the `unit` "%" they show it, a fraction, as per cent.
    """
    bounds = {"low": low, "high": high, "above": above}
    return field(default=default, metadata=bounds | {"title": title, "unit": unit})


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
        raise UserError(f"unknown setting '{key}'{nearest_setting(schema, key)}")


def nearest_setting(schema: type, key: str) -> str:
    """The hint ` (did you mean 'x'?)`: today's name of a setting, or the one most like `key`. Empty if none is."""
    if hint := former_names.hint(key):
        return hint
    known = setting_keys(schema)
    same_name = [setting for setting in known if setting.split(".")[-1] == key.split(".")[-1]]
    close = same_name or get_close_matches(key, known, n=1)
    return f" (did you mean '{close[0]}'?)" if close else ""


def leaves(given: Any, prefix: str = "") -> Iterator[tuple[str, Any]]:
    """Dotted key and value of everything in a nested mapping."""
    for name, value in given.items():
        if isinstance(value, dict) and value:
            yield from leaves(value, f"{prefix}{name}.")
        else:
            yield f"{prefix}{name}", value


def check_ranges(config: Any) -> None:
    """Refuse the first number outside the range its field declares."""
    schema: type = type(config)
    for key, get, low, high, above in _ranges(schema):
        value = get(config)
        if value is None:
            continue
        too_low = value <= low if above else not value >= low
        if too_low or not value < math.inf or (high is not None and value > high):
            least = f"above {low}" if above else f"at least {low}"
            raise UserError(f"{key}: must be {least if high is None else f'in [{low}, {high}]'}, not {value}")
        if value >= LARGEST:
            raise UserError(f"{key}: {value} is too large")


@cache
def _ranges(schema: type, prefix: str = "") -> list[tuple[str, Callable[[Any], Any], float, float | None, bool]]:
    """Dotted key, reader, low, high and above of every ranged field below a dataclass."""
    found = []
    kinds = get_type_hints(schema)
    for item in fields(schema):
        key = f"{prefix}{item.name}"
        if is_dataclass(kinds[item.name]):
            found += _ranges(kinds[item.name], f"{key}.")
        elif "low" in item.metadata:
            found.append((key, attrgetter(key), item.metadata["low"], item.metadata["high"], item.metadata["above"]))
    return found


def resolve_options(place: str, owner: str, declared: dict[str, Any], given: dict[str, Any]) -> dict[str, Any]:
    """The options of an architecture or a loss, defaults filled in; `place` is the setting that holds them.

    A declared tuple lists choices, the first being the default. Raises UserError for an option of another name or type.
    """
    for name in given:
        if name not in declared:
            hint = nearest(name, declared) or " (it has none)"
            raise UserError(f"{place}.{name}: unknown option of {owner}{hint}")
    return {name: _option(f"{place}.{name}", spec, given.get(name)) for name, spec in declared.items()}


def _option(key: str, spec: Any, value: Any) -> Any:
    """One option's value, checked against its choices or its default's type."""
    if value is None:
        return spec[0] if isinstance(spec, tuple) else spec
    if isinstance(spec, tuple):
        if not any(type(value) is type(choice) and value == choice for choice in spec):
            raise UserError(f"{key}: '{value}' is none of {', '.join(map(str, spec))}")
        return value
    if isinstance(spec, float) and isinstance(value, int) and not isinstance(value, bool):
        value = float(value)
    if type(value) is not type(spec):
        raise UserError(f"{key}: must be of type {type(spec).__name__}, not '{value}'")
    if isinstance(value, float) and not math.isfinite(value):
        raise UserError(f"{key}: must be finite, not {value}")
    return value


def config_error(error: Exception, schema: type, overrides: list[str]) -> UserError:
    """OmegaConf's error about a value as a one-line UserError."""
    key = getattr(error, "full_key", None) or " ".join(overrides)
    said = str(error).partition("\n    full_key:")[0] or type(error).__name__
    kind = setting_keys(schema).get(key.split("[")[0])
    if get_origin(kind) is Literal:
        value = said.split("'")[1] if "'" in said else ""
        return UserError(f"{key}: '{value}' is none of {', '.join(get_args(kind))}{nearest(value, get_args(kind))}")
    return UserError(f"{key}: {said}")
