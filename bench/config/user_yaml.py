"""Safe reader of users' YAML, by OmegaConf's rules: 1e-3 is a number, a date is text."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from bench.system.errors import UserError, nearest

MAX_BYTES = 5_000_000  # of a file
MAX_DEPTH = 20  # lists and mappings inside each other; thousands of them would crash the C parser
MAX_VALUES = 500_000  # with anchors written out
MAX_BITS = 63  # of a whole number
NESTING = {"SequenceStartEvent": 1, "MappingStartEvent": 1, "SequenceEndEvent": -1, "MappingEndEvent": -1}


class Unreadable(Exception):
    """The text is no valid YAML, or holds other types. The message says why."""


def read(text: str) -> Any:
    """Content of a YAML text, of None, bool, int, float, str, list and dict alone. Raises Unreadable."""
    import yaml
    from omegaconf._yaml import get_yaml_loader  # the public ways take 50 us a value

    try:
        _check_depth(text)
        content = yaml.load(text, Loader=get_yaml_loader(max_yaml_expanded_nodes=MAX_VALUES))
    except yaml.MarkedYAMLError as error:
        line = f"line {error.problem_mark.line + 1}: " if error.problem_mark and "\n" in text else ""
        raise Unreadable(f"{line}{(error.problem or str(error)).partition(' See http')[0]}") from error
    except (yaml.YAMLError, ValueError, LookupError, TypeError, OverflowError) as error:  # raised by readers of tags
        raise Unreadable(f"{error}") from error
    _check(content)
    return content


def read_file(path: Path, advice: str = "") -> Any:
    """Content of a YAML file. `advice` follows where it is too large.

    Raises UserError or Unreadable, neither of which names the file, and FileNotFoundError.
    """
    try:
        if path.stat().st_size > MAX_BYTES:
            raise UserError(f"larger than {MAX_BYTES:,} bytes{advice}")
        return read(path.read_text(encoding="utf-8-sig"))
    except FileNotFoundError:
        raise
    except OSError as error:
        raise UserError(f"cannot be read ({(error.strerror or str(error)).lower()})") from error
    except UnicodeDecodeError as error:
        raise UserError(f"is no UTF-8 text ({error.reason} at byte {error.start})") from error


def check_keys(place: str, given: dict[str, Any], known: tuple[str, ...], needed: tuple[str, ...]) -> None:
    """Raise UserError for a key that is not `known`, or one that is missing; `place` stands before it."""
    for key in given:
        if key not in known:
            raise UserError(f"unknown key '{place}{key}'{nearest(key, known)}")
    for key in needed:
        if key not in given:
            raise UserError(f"{place}{key}: is missing")


def _check_depth(text: str) -> None:
    import yaml

    depth = 0
    for event in yaml.parse(text, Loader=getattr(yaml, "CSafeLoader", yaml.SafeLoader)):
        depth += NESTING.get(type(event).__name__, 0)
        if depth > MAX_DEPTH:
            raise Unreadable(f"lists and mappings are nested more than {MAX_DEPTH} deep")


def _check(content: Any) -> None:
    """Refuse values that could not be written as a setting."""
    if isinstance(content, dict):
        for key, value in content.items():
            if not isinstance(key, str):
                raise Unreadable(f"a name must be text, not {type(key).__name__}")
            _check(value)
    elif isinstance(content, list):
        for value in content:
            _check(value)
    elif isinstance(content, str):
        if "${" in content or content.lstrip("\\") == "???":
            raise Unreadable(f"'{content}' has no meaning here: OmegaConf's interpolations and ??? are not read")
    elif isinstance(content, int):
        if content.bit_length() > MAX_BITS:
            raise Unreadable(f"a whole number of more than {MAX_BITS} bits")
    elif content is not None and not isinstance(content, float):
        raise Unreadable(f"a {type(content).__name__} is no number, text or list")
