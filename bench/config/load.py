"""Load a config: defaults < preset file < `key=value` overrides, each of its type, all checked."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import Any

from bench.config.checks import check_keys, config_error
from bench.config.overrides import parse
from bench.config.schema import Config
from bench.config.validate import SAME, validate
from bench.system.errors import UserError, nearest

PRESETS = Path(__file__).with_name("presets")


def presets() -> list[str]:
    """Names of the shipped presets, in alphabetical order."""
    return sorted(path.stem for path in PRESETS.glob("*.yaml"))


def load(preset: str = "default", overrides: list[str] | None = None) -> Config:
    """Merge defaults < preset < overrides (`key=value`, values as in YAML), check everything, resolve `auto`.

    Raises UserError, one line, for a wrong request.
    """
    config = merge(preset, overrides or [])
    validate(config)
    return config


def merge(preset: str, overrides: list[str]) -> Config:
    """Defaults < preset < overrides, each value of its type, not validated. Raises UserError."""
    from omegaconf import OmegaConf

    asked = parse(overrides)
    check_keys(Config, OmegaConf.to_container(asked))
    base = typed(preset)
    if any(override.startswith("train.tasks=") for override in overrides):  # replaces the preset's, adds nothing to it
        base = base.copy()
        base.train.tasks = {}
    with checked(overrides):
        config = OmegaConf.to_object(OmegaConf.merge(base, asked))
    assert isinstance(config, Config)
    _check_shares(config, [override.partition("=")[0] for override in overrides])
    return config


def _check_shares(config: Config, asked: list[str]) -> None:
    """Refuse shares of tasks that a fraction given beside them contradicts."""
    total = sum(config.train.tasks.values())
    if not total or not any(key.startswith("train.tasks") for key in asked):
        return
    for task, share in config.train.tasks.items():
        key = f"train.{task}_fraction"
        fraction = getattr(config.train, f"{task}_fraction") if key in asked else None
        if fraction is not None and abs(share / total - fraction) > SAME:
            raise UserError(f"{key}: {fraction} is not the share that train.tasks gives, {share} of {total}")


@contextmanager
def checked(overrides: list[str]) -> Iterator[None]:
    """Turn OmegaConf's errors about values of these overrides into UserErrors."""
    from omegaconf.errors import OmegaConfBaseException

    try:
        yield
    except (OmegaConfBaseException, TypeError, ValueError, OverflowError) as error:
        raise config_error(error, Config, overrides) from error


@cache
def typed(preset: str) -> Any:
    """Defaults < preset, as OmegaConf's typed container. Shared: do not change it."""
    from omegaconf import OmegaConf

    if preset not in presets():
        raise UserError(f"unknown preset '{preset}'{nearest(preset, presets())}")
    content = OmegaConf.load(PRESETS / f"{preset}.yaml")
    check_keys(Config, OmegaConf.to_container(content))
    return OmegaConf.merge(OmegaConf.structured(Config), content)


def to_yaml(config: Config) -> str:
    """The resolved config as YAML, every key written out."""
    from omegaconf import OmegaConf

    return OmegaConf.to_yaml(OmegaConf.structured(config))
