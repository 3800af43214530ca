"""Identity of a run: `train_id` hashes a training's settings, `eval_id` an evaluation's. No torch.

Paths are replaced by digests of their content, so a moved folder keeps its name; `runtime.workers` does not count.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable
from dataclasses import dataclass, fields
from functools import cache
from math import gcd
from pathlib import Path
from typing import Any

import architectures
from bench.config.schema import Config, DataConfig
from bench.runs.format import IDENTITY
from bench.runs.folder import RunFolder
from bench.system.plugins import plugins

CANONICAL = json.JSONEncoder(sort_keys=True, separators=(",", ":"), allow_nan=False)
SCORING = ("threads", "compile", "matmul_backend")  # runtime settings that change last digits of scores
ROUNDING = (*SCORING, "devices")  # and of training
UNHASHED = {"devices": 1, "matmul_backend": "blas"}  # values that runs had before there was a choice
HASHED_AS = {"matmul_backend": "products"}  # its former name, so that ids stay
FORMER_TASKS, FORMER_SETS = ("t2i", "i2t"), ("coco", "scenes")  # of format 1: runs keep its ids


@dataclass(frozen=True)
class Identity:
    """Ids of a run and of its evaluation, with the settings that they hash: made once, when a request comes in."""

    run_id: str
    eval_id: str
    train: dict[str, Any]
    eval: dict[str, Any]

    def folder(self, runs: str) -> RunFolder:
        """Folder of the run below that of all runs, which need not exist yet."""
        return RunFolder(Path(runs) / self.run_id)


def identity_of(config: Config) -> Identity:
    """Identity of a config, which must not change afterwards."""
    train, evaluation = train_identity(config), eval_identity(config)
    return Identity(f"{config.model.architecture}-{_digest(train)}", _digest(evaluation), train, evaluation)


def train_id(config: Config) -> str:
    """10 hex digits of everything that can change a trained number."""
    return _digest(train_identity(config))


def eval_id(config: Config) -> str:
    """10 hex digits of how and on what a model is scored: equal for every architecture scored alike."""
    return _digest(eval_identity(config))


def run_id(config: Config) -> str:
    """The run folder's name, `<architecture>-<train_id>`."""
    return f"{config.model.architecture}-{train_id(config)}"


def evaluated_steps(config: Config) -> list[int]:
    """Steps after which the model is scored: every ``eval.every``, and the last."""
    every, last = config.eval.every, config.train.steps
    return [*(range(every, last, every) if every else ()), last]


def published_result(config: Config, folder: RunFolder, eval_id: str) -> dict[str, Any] | None:
    """The result after the last step, None where this or one along the way is still to be made."""
    results = [folder.result(eval_id, step) for step in evaluated_steps(config)]
    return results[-1] if all(result is not None for result in results) else None


def run_folder(config: Config) -> RunFolder:
    """The folder of this run, which need not exist yet."""
    return RunFolder(Path(config.runtime.runs) / run_id(config))


def train_identity(config: Config) -> dict[str, Any]:
    """Settings that `train_id` hashes."""
    from bench.models.pretrained import weights_digest

    model = dict(vars(config.model))
    if model["control"] == "none":  # as runs were named before there were controls
        del model["control"]
    for kind in ("llm", "vae"):
        model[kind] = weights_digest(model[kind], kind)
    return {
        "schema": IDENTITY,
        "seed": config.seed,
        "data": _data_identity(config),
        "model": model,
        "train": _train_settings(config),
        **rounding(config, ROUNDING),
        **from_outside(
            {"data set": [config.data.name], "task": config.train.tasks, "loss": config.train.losses},
            config.model.architecture,
        ),
    }


def eval_identity(config: Config) -> dict[str, Any]:
    """Settings that `eval_id` hashes: not `eval.every`, which says when, not how; nor devices, as one scores."""
    from bench.models.pretrained import weights_digest

    settings = dict(vars(config.eval))
    del settings["every"]
    for kind in ("clip", "features"):
        settings[kind] = weights_digest(settings[kind], kind)
    outside = from_outside({"data set": [config.data.name]})
    return {"schema": IDENTITY, "data": _data_identity(config), "eval": settings, **rounding(config, SCORING), **outside}


def rounding(config: Config, names: tuple[str, ...]) -> dict[str, Any]:
    """Runtime settings by the names they are hashed under; those of earlier versions' only way are left out."""
    settings = {name: getattr(config.runtime, name) for name in names}
    return {HASHED_AS.get(name, name): value for name, value in settings.items() if UNHASHED.get(name) != value}


def _data_identity(config: Config) -> dict[str, Any]:
    """The data's settings, with the folder's digest for its path, without those that change no number."""
    data = dict(vars(config.data))
    digest = _data_digest(config.runtime.cache, CANONICAL.encode(data))
    counted = FORMER_SETS if config.data.name in FORMER_SETS else (config.data.name,)
    for name, data_set in plugins("data set").items():
        own = [item.name for item in fields(data_set.settings)]
        for setting in data_set.not_hashed if name in counted else own:
            del data[setting]
    return data | {"digest": digest}


@cache
def _data_digest(cache: str, settings: str) -> str:
    """Digest of the data, read once a process: a folder of images may be large, and must not change under a sweep."""
    from bench.data import data_digest

    return data_digest(DataConfig(**json.loads(settings)), cache)


def _train_settings(config: Config) -> dict[str, Any]:
    """Settings of the training. Those of tasks that take no part are left out, so that a new task renames no run."""
    train = dict(vars(config.train))
    shares, losses = train.pop("tasks"), train.pop("losses")
    for name, task in plugins("task").items():
        fraction = train.pop(f"{name}_fraction")
        if not train[f"{name}_passive"]:
            del train[f"{name}_passive"]
        if tuple(shares) == FORMER_TASKS and name == FORMER_TASKS[0]:
            train[f"{name}_fraction"] = fraction  # as in format 1, which had these two tasks only
        for item in fields(task.settings) if name not in shares else ():
            del train[item.name]
    if tuple(shares) != FORMER_TASKS:
        train["tasks"] = {name: share // gcd(*shares.values()) for name, share in shares.items()}
    return train | ({"losses": losses} if losses else {})


def from_outside(asked: dict[str, Iterable[str]], architecture: str = "") -> dict[str, Any]:
    """Distribution and version of every plug-in that takes part and is not of this project, for its code may change."""
    described = architectures.catalogue().get(architecture)
    found = {
        f"{kind} {name}": distribution
        for kind, names in asked.items()
        for name in names
        if (distribution := plugins(kind)[name].distribution)
    }
    if described and described.distribution:
        found[f"architecture {architecture}"] = described.distribution
    return {"plugins": found} if found else {}


def _digest(identity: dict[str, Any]) -> str:
    return hashlib.sha256(CANONICAL.encode(identity).encode()).hexdigest()[:10]
