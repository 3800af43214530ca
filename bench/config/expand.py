"""Config grids: many configs that differ in a few settings, each as `load` makes it, but in microseconds."""

from __future__ import annotations

from collections.abc import Iterable
from copy import deepcopy
from typing import Any

from bench.config import load
from bench.config.checks import setting_keys
from bench.config.overrides import say
from bench.config.schema import Config
from bench.config.validate import validate
from bench.system.errors import UserError

PLAIN_TYPES = (int, float, str)  # a value of exactly this declared type passes through OmegaConf unchanged


class ConfigGrid:
    """Configs around a base: preset and overrides are merged once, a value is typed once, every config validated."""

    def __init__(self, preset: str, overrides: list[str]) -> None:
        """Merge the base. Raises UserError for a wrong setting; whether settings go together is not checked."""
        self.base = load.merge(preset, overrides)
        self._kinds = setting_keys(Config)
        self._container = load.typed(preset).copy()

    def value(self, key: str, value: Any) -> Any:
        """`value` as the setting's type has it. Raises UserError where it is of another."""
        from omegaconf import OmegaConf

        if type(value) is self._kinds.get(key) and type(value) in PLAIN_TYPES:
            return value
        if isinstance(value, dict):
            raise UserError(f"{key}: a mapping is no value (write its names with dots)")
        with load.checked([say(key, value)]):
            OmegaConf.update(self._container, key, value)
            found = OmegaConf.select(self._container, key)
            return OmegaConf.to_object(found) if OmegaConf.is_config(found) else found

    def config(self, changes: Iterable[tuple[str, Any]]) -> Config:
        """The config with these values, which `value` has typed. Raises UserError where they do not go together."""
        base = self.base
        data, model, train, eval_, runtime = map(_copy, (base.data, base.model, base.train, base.eval, base.runtime))
        model.options, train.tasks, train.losses = dict(model.options), dict(train.tasks), deepcopy(train.losses)
        config = Config(base.seed, data, model, train, eval_, runtime)
        for key, value in changes:
            group, _, name = key.rpartition(".")
            if group == "model.options":
                model.options[name] = value
            elif group == "train.tasks":
                train.tasks[name] = value
            elif group.startswith("train.losses."):
                given = train.losses.setdefault(group.removeprefix("train.losses."), {})
                if not isinstance(given, dict):
                    raise UserError(f"{group}: is a group of settings, not '{given}'")
                given[name] = value
            else:
                setattr(getattr(config, group) if group else config, name, value)
        validate(config)
        return config


def _copy(section: Any) -> Any:
    return type(section)(**vars(section))
