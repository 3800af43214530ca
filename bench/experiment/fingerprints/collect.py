"""All fingerprints, in the order of the way from data to score: what all architectures share, then each one's own."""

from __future__ import annotations

import tempfile
import time
from collections.abc import Collection
from pathlib import Path
from typing import Any

import torch

import architectures
from bench.config.schema import EvalConfig
from bench.evaluation.metrics.parts.ptb import check_java
from bench.experiment.execute import prepare
from bench.experiment.fingerprints import data, model, sampling, schedules, scores, training
from bench.experiment.fingerprints.request import STEPS, choices, config_of, presets, values_of
from bench.experiment.fingerprints.values import Values
from bench.experiment.fingerprints.variations import SHARED, Variation
from bench.runs.format import FORMAT
from bench.system.errors import UserError
from bench.system.provenance import machine_facts
from bench.system.quiet import quiet_libraries

FACTS = ("device", "python", "threads", "usable_cores", "packages", "code", "time")


def collect(variation: Variation, only: Collection[str] | None = None) -> dict[str, Any]:
    """Content of a file of fingerprints, of all architectures or ``only`` some.

    Raises UserError without Java, which captions are scored with.
    """
    begin = time.perf_counter()
    check_java()
    quiet_libraries()
    torch.set_flush_denormal(variation.flush_denormal)
    with tempfile.TemporaryDirectory(prefix="xfusion-fingerprints-") as folder:
        scopes = {SHARED: _shared(Path(folder), variation).found}
        for name in architectures.catalogue() if only is None else only:
            scopes[name] = _own(name, Path(folder), variation).found
    facts = machine_facts(next(iter(architectures.catalogue())), torch.get_num_threads())
    return {
        "schema": FORMAT,
        "environment": {fact: facts[fact] for fact in FACTS},
        "seconds": round(time.perf_counter() - begin, 1),
        "scopes": scopes,
    }


def _shared(folder: Path, variation: Variation) -> Values:
    """The quantities that all architectures have in common."""
    values, scored = Values(), Values()
    config = config_of(folder, *variation.settings)
    presets(values)
    data.data_sets(values, scored, folder, *variation.settings)
    experiment = prepare(config)
    assets = experiment.assets
    data.pretrained(values, config, assets)
    data.batches(values, "data: batches", config, assets, tuple(range(STEPS)))
    schedules.schedules(values, experiment.module)
    scores.shorten(assets)
    scores.networks(values, config, assets)
    values.follow(scored)
    for split in values_of(EvalConfig, "split"):
        if split != config.eval.split:
            other = config_of(folder, *variation.settings, f"eval.split={split}")
            scores.outputs(values, f"scores: {split} split", other, assets)
    scores.language(values, config, assets)
    return values


def _own(name: str, folder: Path, variation: Variation) -> Values:
    """The quantities of one architecture."""
    values, sampled, published = Values(), Values(), Values()
    config = config_of(folder, f"model.architecture={name}", *variation.settings)
    experiment = model.moved(config)
    module, assets, step = experiment.module, experiment.assets, experiment.mixture[0]
    scores.shorten(assets)
    model.parameters(values, module)
    model.flops(values, module, step)
    model.states(values, module, assets, step)
    model.losses(values, module, step, variation.split)
    for override in choices(config):
        try:
            other = config_of(folder, f"model.architecture={name}", *variation.settings, override)
            model.choice(values, other, override, variation.split)
        except UserError as error:
            values.exact(f"choices: {override}, refused", str(error))
    sampling.sampling(sampled, module.model, assets, config)
    module.train()
    training.training(values, published, experiment)
    values.follow(sampled)
    values.follow(published)
    return values
