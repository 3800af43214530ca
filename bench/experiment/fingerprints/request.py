"""Requests of the fingerprints: a tiny training in which every setting matters, and one for each other choice."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict, fields
from pathlib import Path
from typing import Any, Literal, cast, get_args, get_origin, get_type_hints

import architectures
from bench.config import load
from bench.config.overrides import say
from bench.config.schema import LOSSES, Config, ModelConfig, TrainConfig
from bench.experiment.fingerprints.values import Values
from bench.system.plugins import plugins

STEPS, SEEN = 8, (1, 2, 4, 8)  # training steps, and those that are looked at
FEW = 4  # values of a whole number that are tried one by one

TINY = (
    "seed=3", "data.train_size=40", "data.test_size=48",  # a second epoch begins at step 6
    f"train.steps={STEPS}", "train.batch_size=7", "train.precision=float32",
    "train.lr=2e-3", "train.lr_schedule=linear", "train.warmup_steps=2", "train.betas=[0.85,0.97]",
    "train.weight_decay=0.1", "train.grad_clip=3.3", "train.ema_decay=0.3",  # the norm is above it and below
    "train.text_weight=0.3", "train.image_weight=0.8",
    "eval.num_images=8", "eval.num_captions=7", "eval.batch_size=3", "eval.sampler_steps=3", "eval.guidance_scale=3",
    "eval.max_caption_tokens=10", "eval.seed=5",
    "runtime.matmul_backend=blas", "runtime.accelerator=cpu", "runtime.progress=false", "runtime.checkpoint_every=8",
)  # fmt: skip


def config_of(folder: Path, *overrides: str) -> Config:
    """The config with runs and cache in a folder, and other overrides on top."""
    where = [say("runtime.runs", str(folder / "runs")), say("runtime.cache", str(folder / "cache"))]
    return load.load("default", [*TINY, *_tasks(), *_losses(), *where, *overrides])


def presets(values: Values) -> None:
    """The settings of every preset, without those of the machine."""
    for name in load.presets():
        config = load.merge(name, [])
        for section in ("seed", "data", "model", "train", "eval"):
            values.exact(f"settings: preset {name}, {section}", asdict(config)[section])


def choices(config: Config) -> Iterator[str]:
    """An override for every other value of a setting of model and training that has a few, one at a time."""
    for prefix, schema, section in (("model", ModelConfig, config.model), ("train", TrainConfig, config.train)):
        for key, _, values in _settings(schema):
            yield from (say(f"{prefix}.{key}", value) for value in values if value != getattr(section, key))
    yield from _others("model.options", architectures.catalogue()[config.model.architecture].options)
    for name, loss in plugins("loss").items():
        if name not in LOSSES:
            yield from _others(f"train.losses.{name}", loss.options)


def data_choices() -> Iterator[tuple[str, list[str]]]:
    """Every data set by name, with an override for each other value of its settings that have a few."""
    for name, data_set in plugins("data set").items():
        found = [say(f"data.{key}", value) for key, default, values in _settings(data_set.settings)
                 for value in values if value != default]  # fmt: skip
        yield name, found


def values_of(schema: type, key: str) -> list[Any]:
    """The values of a setting that has a few."""
    return next(values for name, _, values in _settings(schema) if name == key)


def reads_folder(data_set: str) -> bool:
    """Whether a data set reads a folder that the user names."""
    return any(item.name == "root" for item in fields(plugins("data set")[data_set].settings))


def _settings(schema: type) -> Iterator[tuple[str, Any, list[Any]]]:
    """Name, default and values of settings with a few; of a whole number without an upper bound the next one."""
    kinds = get_type_hints(schema)
    for item in fields(schema):
        kind, default = kinds[item.name], cast(Any, item.default)
        low, high = item.metadata.get("low", 0), item.metadata.get("high")
        if get_origin(kind) is Literal:
            named = [value for value in get_args(kind) if value != "auto"]
            yield item.name, item.default if item.default != "auto" else named[0], named
        elif kind is bool:
            yield item.name, item.default, [False, True]
        elif kind is int and high is not None and high - low < FEW:
            yield item.name, item.default, list(range(low, high + 1))
        elif kind is int and schema is ModelConfig:
            yield item.name, default, [default, default + 1]


def _others(prefix: str, options: dict[str, Any]) -> Iterator[str]:
    """Overrides for the other choices of options; a number becomes larger."""
    for name, spec in options.items():
        if isinstance(spec, tuple):
            yield from (say(f"{prefix}.{name}", value) for value in spec[1:])
        elif isinstance(spec, bool):
            yield say(f"{prefix}.{name}", not spec)
        elif isinstance(spec, int | float):
            yield say(f"{prefix}.{name}", spec + 1)


def _tasks() -> Iterator[str]:
    """All tasks, with shares that all differ, and fractions among their settings that are neither 0 nor 1."""
    for place, (name, task) in enumerate(sorted(plugins("task").items()), start=1):
        yield f"train.tasks.{name}={place}"
        for item in fields(task.settings):
            low, high = item.metadata.get("low", 0.0), item.metadata.get("high")
            if isinstance(item.default, float) and high is not None:
                far = high if high - item.default > item.default - low else low
                yield f"train.{item.name}={(item.default + far) / 2}"


def _losses() -> Iterator[str]:
    """All losses beside those that are always on, with weights that differ."""
    for place, name in enumerate(sorted(set(plugins("loss")) - set(LOSSES))):
        yield f"train.losses.{name}.weight={0.5 + 0.1 * place}"


