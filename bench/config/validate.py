"""Validation of a config as a whole, and values of settings left to the architecture or the machine."""

from __future__ import annotations

from fractions import Fraction
from importlib.util import find_spec

import architectures
from bench.config.auto import resolve_matmul_backend, resolve_precision
from bench.config.checks import check_ranges, resolve_options
from bench.config.part_files import check_image_size, look_at_files
from bench.config.schema import LOGGERS, LOSSES, Config, TrainConfig
from bench.system.errors import UserError, nearest
from bench.system.plugins import plugin, plugins

SAME = 1e-12  # of fractions
FINEST = 10**15  # of a fraction, in whole shares


class NoMeaning(UserError):
    """A control that has no meaning for the architecture, by what that says of itself."""


def validate(config: Config) -> None:
    """Check ranges, the architecture and fields against each other; fill in what is left to the architecture (options)
    or to the machine (precision, matmul backend)."""
    check_ranges(config)
    _check_loggers(config.runtime.loggers)
    catalogue = architectures.catalogue()
    name = config.model.architecture
    if name not in catalogue:
        raise UserError(f"model.architecture: unknown architecture '{name}'{nearest(name, catalogue)}")
    if config.model.control not in ("none", *catalogue[name].controls):
        meant = ", ".join(catalogue[name].controls) or "none"
        raise NoMeaning(f"model.control: {config.model.control} has no meaning for {name} (there are: {meant})")
    config.model.options = resolve_options("model.options", name, catalogue[name].options, config.model.options)
    _resolve_tasks(config.train)
    _resolve_losses(config.train)
    if not all(0 <= beta < 1 for beta in config.train.betas):
        raise UserError(f"train.betas: must lie in [0, 1), not {list(config.train.betas)}")
    if config.eval.features == "inception":
        raise UserError("eval.features: inception is not in this version; use eval.features=embedded, or name a folder")
    if factor := look_at_files(config):  # else it is asked when the VAE is loaded
        check_image_size(config.data.image_size, config.model.patch_size, factor)
    plugin("data set", config.data.name, "data.name").check(config.data)
    if config.runtime.devices > config.train.batch_size:
        raise UserError(
            f"runtime.devices: {config.runtime.devices} devices cannot share the {config.train.batch_size} pairs of a "
            f"step (train.batch_size)"
        )
    if config.train.text_weight == config.train.image_weight == 0 and not config.train.losses:
        raise UserError("train.text_weight: text_weight and image_weight are both 0, so there is nothing to learn")
    train, runtime = config.train, config.runtime
    train.precision = resolve_precision(train.precision, runtime.accelerator)  # type: ignore[assignment]
    backend = resolve_matmul_backend(runtime.matmul_backend, train.precision, runtime.accelerator)
    runtime.matmul_backend = backend  # type: ignore[assignment]


def _check_loggers(names: list[str]) -> None:
    """Refuse a logger that is not known, or whose package of the same name is missing. Raises UserError."""
    for name in names:
        if str(name) not in LOGGERS:  # it may be a list too
            raise UserError(f"runtime.loggers: unknown logger '{name}'{nearest(str(name), LOGGERS)}")
        if find_spec(name) is None:
            remedy = "pip install -e '.[loggers]' -c constraints.txt"
            raise UserError(f"runtime.loggers: {name} is not installed ({remedy})")


def _resolve_tasks(train: TrainConfig) -> None:
    """Make `tasks` and the fractions `<task>_fraction` agree. Of two tasks a fraction of one is enough.

    Tasks that generate images come first in a step, then by name: runs of other shares have most samples in common.
    """
    known, shares = plugins("task"), train.tasks
    for name, share in shares.items():
        for metric in plugin("task", name, "train.tasks").metrics or ():
            plugin("metric", metric, f"train.tasks.{name}: its metrics")
        if share < 0:
            raise UserError(f"train.tasks.{name}: a share must be at least 0, not {share}")
    asked = {name: value for name in known if (value := getattr(train, f"{name}_fraction")) is not None}
    total = sum(shares.values())
    for name, value in asked.items():
        if name not in shares or not total or abs(shares[name] / total - value) > SAME:
            if len(shares) != 2 or name not in shares:
                raise UserError(f"train.{name}_fraction: says the shares of two tasks, and there are {_listed(shares)}")
            part = Fraction(str(value)).limit_denominator(FINEST)
            (other,) = shares.keys() - {name}
            shares = {name: part.numerator, other: part.denominator - part.numerator}
            total = part.denominator
    for name, value in asked.items():
        if abs(shares[name] / total - value) > SAME:
            raise UserError(f"train.{name}_fraction: {value} does not go with the other fractions given")
    if not total:
        raise UserError(f"train.tasks: no task has a share (there are {', '.join(known)}: write train.tasks.NAME=1)")
    ordered = sorted(shares, key=lambda name: (known[name].layout[-1] != "image", name))
    train.tasks = {name: shares[name] for name in ordered}
    for name in shares:
        setattr(train, f"{name}_fraction", shares[name] / total)
    passive = [name for name in known if getattr(train, f"{name}_passive")]
    if idle := [name for name in passive if not shares.get(name)]:
        raise UserError(f"train.{idle[0]}_passive: {idle[0]} takes no part in the training (train.tasks)")
    if passive and len(passive) == sum(share > 0 for share in shares.values()):
        raise UserError(f"train.{passive[0]}_passive: every task is passive, so there is nothing to learn")


def _listed(shares: dict[str, int]) -> str:
    return f"{len(shares)} ({', '.join(shares)})" if shares else "none"


def _resolve_losses(train: TrainConfig) -> None:
    plugins("loss")  # one that is broken is told at once, asked for or not
    for name, given in train.losses.items():
        loss, place = plugin("loss", name, "train.losses"), f"train.losses.{name}"
        if name in LOSSES:
            raise UserError(f"{place}: its weight is train.{LOSSES[name]}")
        if not isinstance(given, dict):
            raise UserError(f"{place}: is a group of settings, not '{given}' (write {place}.weight=1)")
        train.losses[name] = resolve_options(place, name, {"weight": 1.0, **loss.options}, given)
        if train.losses[name]["weight"] < 0:
            raise UserError(f"{place}.weight: must be at least 0, not {train.losses[name]['weight']}")
    train.losses = dict(sorted(train.losses.items()))  # gradients are summed in this order
