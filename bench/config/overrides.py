"""Overrides: settings as `key=value` texts, on command lines and between processes."""

from __future__ import annotations

import json
import re
from typing import Any

from bench.config import user_yaml
from bench.system.errors import UserError

KEY = re.compile(r"[^\W\d]\w*(\.[^\W\d]\w*)*")
PLAIN = re.compile(r"[a-z_/][\w./-]*", re.ASCII | re.IGNORECASE)  # needs no quotes, but for these words:
WORDS = ("null", "true", "false", "yes", "no", "on", "off", "y", "n")
ESCAPED = re.compile(r"[\x7f-\xa0\u2028\u2029\ufeff\ufffe\uffff]")  # not escaped by JSON, and read differently by YAML


def split(override: str) -> tuple[str, str]:
    """Key and value text of an override. Raises UserError for another form."""
    key, equals, text = override.partition("=")
    if not equals or not KEY.fullmatch(key) or text == "???":
        raise UserError(f"'{override}' is no setting: write key=value, such as train.steps=100")
    return key, text


def read(key: str, text: str) -> Any:
    """The value of a text. Raises UserError if it cannot be read."""
    try:
        return user_yaml.read(text)
    except user_yaml.Unreadable as error:
        raise UserError(f"cannot read {key}={text}: {error}") from error


def say(key: str, value: Any) -> str:
    """The override from which `read` gets exactly this value."""
    if isinstance(value, str) and PLAIN.fullmatch(value) and value.lower() not in WORDS:
        return f"{key}={value}"
    text = json.dumps(value, ensure_ascii=False, allow_nan=False)
    return f"{key}=" + ESCAPED.sub(lambda found: f"\\u{ord(found[0]):04x}", text)


def parse(overrides: list[str]) -> Any:
    """The overrides as a nested OmegaConf container; of a repeated key the last value holds."""
    from omegaconf import OmegaConf
    from omegaconf.errors import OmegaConfBaseException

    asked = [(key, read(key, text)) for key, text in map(split, overrides)]
    found = OmegaConf.create()
    try:
        for key, value in asked:
            OmegaConf.update(found, key, value)
    except (OmegaConfBaseException, TypeError, ValueError) as error:  # settings that exclude each other: a=1 a.b=2
        raise UserError(f"cannot read {' '.join(overrides)}: {error}") from error
    return found
