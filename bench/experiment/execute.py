"""Execute a config to a finished run folder: resumes an interrupted run, and does nothing for a finished one."""

from __future__ import annotations

import signal
import sys
import time
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import Any, NoReturn

import torch

from architectures.transformer import FusionTransformer
from bench.config.load import to_yaml
from bench.config.schema import Config
from bench.data.assets import Assets, assets_of
from bench.data.mixing import Mixture
from bench.evaluation import evaluate
from bench.evaluation.scoring import check_metrics
from bench.experiment.publish import publish
from bench.models.build import build_model
from bench.models.flops import count_flops
from bench.models.matmul import set_matmul_backend
from bench.runs.failures import Failure
from bench.runs.folder import RunFolder
from bench.runs.identity import Identity, identity_of, published_result
from bench.runs.lease import Lost
from bench.system import git
from bench.system.errors import UserError
from bench.system.memory import keep_freed_memory, peak_memory_mb, reset_peak_memory
from bench.system.provenance import start_facts
from bench.system.quiet import quiet_libraries
from bench.tasks.base import tasks_of
from bench.training import checkpoints, distributed
from bench.training.loggers import RunLoggers
from bench.training.loop import train
from bench.training.module import FusionModule, NonFiniteLoss
from bench.training.terms import check_trained


@dataclass(frozen=True)
class Experiment:
    """One run's parts, ready to train or to be scored."""

    config: Config
    identity: Identity
    folder: RunFolder
    assets: Assets
    module: FusionModule

    @property
    def mixture(self) -> Mixture:
        split, train = self.assets.encoded("train"), self.config.train
        return Mixture(split, train, self.config.seed, self.assets.empty_caption, tasks_of(train))


def run(config: Config) -> dict[str, Any]:
    """Train and score the run of ``config``; return its result, a stored one if there is.

    Does not return in the processes that Lightning has beside the first, where the run takes several devices.

    Raises:
        UserError: the request cannot be served.
        Held: another process works on this run.
        Lost: another process took it over, as this one was silent for ``runtime.lease`` seconds.
    """
    identity = identity_of(config)
    folder = identity.folder(config.runtime.runs)
    done = published_result(config, folder, identity.eval_id)
    if done is not None:
        folder.tidy()
        return done
    if distributed.rank(config.runtime.devices) > 0:
        _train_along(config, folder)
    check_metrics(tasks_of(config.train))
    with folder.acquire(config.runtime.lease):
        done = published_result(config, folder, identity.eval_id)  # maybe since
        if done is not None:
            return done
        try:
            return _train_and_score(config, folder)
        except Lost:
            raise
        except Exception as error:
            with suppress(OSError):  # on a full disk there is no room for a reason either
                folder.fail(Failure.of(error))
            raise


def prepare(config: Config) -> Experiment:
    """Load the run's assets and build its model at step 0."""
    quiet_libraries()
    torch.set_num_threads(config.runtime.threads)
    keep_freed_memory()
    if config.runtime.matmul_backend == "onednn" and not torch.backends.mkldnn.is_available():
        hint = "did you mean runtime.matmul_backend=blas?"
        raise UserError(f"runtime.matmul_backend: this torch was built without oneDNN ({hint})")
    assets = assets_of(config)
    set_matmul_backend(assets.llm, config.runtime.matmul_backend)
    channels, size, _ = assets.latent_shape
    layouts = [task.layout for task in tasks_of(config.train).values()]
    longest = 0 if config.model.llm == "embedded" else assets.longest_sequence(config, layouts)
    model = build_model(config, assets.llm, channels, size, longest)
    set_matmul_backend(model, config.runtime.matmul_backend)
    if config.runtime.compile:
        model.compile_blocks()
    module = FusionModule(model, config.train, config.seed)
    identity = identity_of(config)
    return Experiment(config, identity, identity.folder(config.runtime.runs), assets, module)


def finished_model(config: Config) -> tuple[FusionTransformer, Assets]:
    """The trained model of ``config``, with the averaged weights, and its assets. The run must have been trained.

    Raises:
        UserError: its checkpoint is damaged.
    """
    experiment = prepare(config)
    last = experiment.folder.checkpoint(config.train.steps)
    if why := checkpoints.damage(last):
        raise UserError(f"{last} is damaged ({why}): move {experiment.folder.path} away and train again")
    checkpoints.restore(experiment.module, last)
    module = experiment.module.to(distributed.device(config.runtime.accelerator))
    module.average.hold()
    return module.model.eval(), experiment.assets.to(module.device)


def _train_along(config: Config, folder: RunFolder) -> NoReturn:
    """Train this rank's share of each step, then exit. Rank 0 alone prints, writes and handles signals."""
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, signal.SIG_IGN)
    experiment = prepare(config)
    with suppress(NonFiniteLoss, KeyboardInterrupt):
        train(config, experiment.module, experiment.mixture, folder, lambda *_: None)
    sys.exit()


def _train_and_score(config: Config, folder: RunFolder) -> dict[str, Any]:
    reset_peak_memory()
    return train_and_score(replace(prepare(config), folder=folder))  # with the lease


def train_and_score(experiment: Experiment) -> dict[str, Any]:
    """Train a prepared experiment, whose folder is leased, and score it. Returns its result."""
    config, identity, folder = experiment.config, experiment.identity, experiment.folder
    facts: dict[str, Any] = {"architecture": config.model.architecture}
    facts["identity"] = {"train": identity.train, "eval": identity.eval}
    facts["frozen_digest"] = experiment.module.frozen_digest
    if changes := git.changes():
        folder.keep(changes.file, changes.patch)
    start = start_facts(config.model.architecture, config.runtime.threads)
    with folder.start(to_yaml(config), facts, start), RunLoggers(config, folder, identity.eval_id) as loggers:
        return _trained_and_scored(experiment, loggers)


def _trained_and_scored(experiment: Experiment, loggers: RunLoggers) -> dict[str, Any]:
    config, identity = experiment.config, experiment.identity
    folder, module = experiment.folder, experiment.module
    flops = step_flops(module, experiment.mixture)

    def evaluate_at(module: FusionModule, step: int) -> dict[str, Any]:
        if folder.result(identity.eval_id, step) is None:
            cost = {
                "trainable_params": sum(p.numel() for p in module.model.parameters() if p.requires_grad),
                "total_params": sum(p.numel() for p in module.model.parameters()),
                "train_flops": flops * step,
                "train_seconds": round(module.train_seconds, 3),
                "peak_memory_mb": round(peak_memory_mb(), 1),
            }
            begin = time.perf_counter()
            with module.average.applied():
                evaluated = evaluate.evaluate(module.model, experiment.assets, config)
            cost["score_seconds"] = round(time.perf_counter() - begin, 3)
            publish(config, identity, folder, step, evaluated, {"seen": module.counts, "cost": cost})
        result = folder.result(identity.eval_id, step)
        assert result is not None
        loggers.result(result)
        return result

    train(config, module, experiment.mixture, folder, evaluate_at, loggers.row)
    assert module.digest_frozen() == module.frozen_digest, "a frozen weight changed in training"
    return evaluate_at(module.to(distributed.device(config.runtime.accelerator)), config.train.steps)


def step_flops(module: FusionModule, mixture: Mixture) -> int:
    """Floating point operations of the first training step, forward and backward, as torch counts them.

    Raises UserError for a loss that would train what lies outside the model.
    """
    step = mixture[0]

    def work() -> None:
        terms = module.terms(step)
        check_trained(module.model, [loss for loss, _ in module.losses], terms.values())
        module.total(terms)["loss"].backward()

    flops = count_flops(work)
    module.zero_grad(set_to_none=True)
    return flops
