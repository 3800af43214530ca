"""Training of one run by Lightning: step-indexed data, a metrics file, checkpoints, evaluation along training."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, Literal

import lightning as L
import torch
from lightning.pytorch.callbacks import TQDMProgressBar

from bench.config.schema import Config
from bench.data.mixing import Mixture, step_loader
from bench.runs.folder import RunFolder
from bench.runs.identity import eval_id, evaluated_steps
from bench.system import interrupts, parent_watch
from bench.training import checkpoints, distributed
from bench.training.module import FusionModule, NonFiniteLoss

LOG_EVERY = 10  # steps between rows of metrics.jsonl

PRECISIONS: dict[str, Literal["32-true", "bf16-mixed"]] = {"float32": "32-true", "bfloat16": "bf16-mixed"}
Evaluate = Callable[[FusionModule, int], Any]
LogRow = Callable[[dict[str, Any]], None]


def train(
    config: Config,
    module: FusionModule,
    mixture: Mixture,
    folder: RunFolder,
    evaluate: Evaluate,
    log_row: LogRow = lambda row: None,
) -> None:
    """Train ``module`` to ``train.steps``, from the newest checkpoint that no missing evaluation lies before.

    ``log_row`` gets every row of metrics.jsonl.

    Raises:
        NonFiniteLoss: the message names the step and the last good checkpoint.
    """
    evaluation = eval_id(config)
    missing = [step for step in evaluated_steps(config) if folder.result(evaluation, step) is None]
    resume = checkpoints.newest(folder, until=min(missing, default=config.train.steps))
    if resume == folder.checkpoint(config.train.steps):
        checkpoints.restore(module, resume)
        return
    if resume:
        checkpoints.check(resume, module, mixture)
    devices = config.runtime.devices
    strategy = distributed.strategy(config.runtime.strategy, devices)
    clock = _Clock()
    callbacks: list[L.Callback] = [clock, _Metrics(folder, log_row), _Checkpoints(config, mixture, folder)]
    if config.eval.every:
        callbacks.append(_Evaluations(config, evaluate, clock))
    if strategy != "auto":
        callbacks.insert(0, distributed.OwnSignals())
        os.environ.update(parent_watch.child_environment())  # for the ranks that Lightning starts
    show = config.runtime.progress and sys.stderr.isatty()
    if show:
        callbacks.append(_Bar(refresh_rate=10))
    if not torch.cuda.is_available():  # else Lightning has the optimizer look for a driver at every step
        os.environ["PYTORCH_NVML_BASED_CUDA_CHECK"] = "0"
    trainer = L.Trainer(
        max_steps=config.train.steps,
        max_epochs=-1,
        accelerator=config.runtime.accelerator,
        devices=devices,
        strategy=strategy,
        precision=PRECISIONS[config.train.precision],
        gradient_clip_val=config.train.grad_clip or None,
        callbacks=callbacks,
        plugins=[distributed.environment(devices), checkpoints.CheckpointFiles(config.runtime.keep_checkpoints)],
        logger=False,
        enable_checkpointing=False,
        enable_model_summary=False,
        enable_progress_bar=show,
        use_distributed_sampler=False,
    )
    loader = step_loader(mixture, lambda: trainer.global_step, config.runtime.workers)
    try:
        with interrupts.delayed():
            trainer.fit(module, loader, ckpt_path=resume, weights_only=True if resume else None)
    except NonFiniteLoss as error:
        last = checkpoints.newest(folder)
        raise NonFiniteLoss(f"{error}; last good checkpoint: {last or 'none'}") from None
    except SystemExit:
        raise KeyboardInterrupt from None  # Lightning exits on Ctrl-C; the caller has to clean up
    finally:
        distributed.leave()


class _Bar(TQDMProgressBar):
    """A progress bar with the loss and the time left."""

    def get_metrics(self, trainer: L.Trainer, pl_module: Any) -> dict[str, Any]:
        """The loss, read when the bar is drawn; `log` would cost a third of a millisecond in every step."""
        return {"loss": pl_module.last["loss"].item()}


class _Clock(L.Callback):
    """Counts the module's training seconds, which checkpoints carry over interruptions."""

    def on_train_start(self, trainer: L.Trainer, module: Any) -> None:
        self.started = time.perf_counter() - module.train_seconds

    @contextmanager
    def stopped(self) -> Iterator[None]:
        """Within, time does not count."""
        begin = time.perf_counter()
        yield
        self.started += time.perf_counter() - begin

    def on_train_batch_end(self, trainer: L.Trainer, module: Any, outputs: Any, batch: Any, batch_idx: int) -> None:
        module.train_seconds = time.perf_counter() - self.started


class _Metrics(L.Callback):
    """Writes metrics.jsonl."""

    def __init__(self, folder: RunFolder, log_row: LogRow) -> None:
        self.folder, self.log_row = folder, log_row

    def on_train_batch_end(self, trainer: L.Trainer, module: Any, outputs: Any, batch: Any, batch_idx: int) -> None:
        step = trainer.global_step
        if not trainer.is_global_zero or (step % LOG_EVERY and step != trainer.max_steps):
            return
        row = {"step": step} | {name: value.item() for name, value in module.last.items()}
        row["lr"] = trainer.optimizers[0].param_groups[0]["lr"]
        for layer, block in enumerate(module.model.blocks):
            row |= {f"{name}_{layer}": value for name, value in block.diagnostics().items()}
        row |= module.counts
        row["seconds"] = round(module.train_seconds, 3)
        self.folder.append_metrics(row)
        self.log_row(row)


class _Checkpoints(L.Callback):
    def __init__(self, config: Config, mixture: Mixture, folder: RunFolder) -> None:
        self.every, self.mixture, self.folder = config.runtime.checkpoint_every, mixture, folder

    def on_train_batch_end(self, trainer: L.Trainer, module: Any, outputs: Any, batch: Any, batch_idx: int) -> None:
        stop = trainer.strategy.reduce_boolean_decision(interrupts.pending(), all=False)  # on every rank
        if trainer.global_step % self.every == 0 or trainer.global_step == trainer.max_steps or stop:
            self.folder.check_lease()
            trainer.save_checkpoint(self.folder.checkpoint(trainer.global_step), weights_only=False)
        if stop:
            raise KeyboardInterrupt

    def on_save_checkpoint(self, trainer: L.Trainer, module: Any, checkpoint: dict[str, Any]) -> None:
        checkpoint["sampler"] = checkpoints.sampler_state(self.mixture, trainer.global_step)


class _Evaluations(L.Callback):
    """Evaluations along training; the last step is evaluated after it."""

    def __init__(self, config: Config, evaluate: Evaluate, clock: _Clock) -> None:
        self.every, self.evaluate, self.clock = config.eval.every, evaluate, clock

    def on_train_start(self, trainer: L.Trainer, module: Any) -> None:
        self._evaluate_if_due(trainer, module)  # a run may have ended between a checkpoint and its evaluation

    def on_train_batch_end(self, trainer: L.Trainer, module: Any, outputs: Any, batch: Any, batch_idx: int) -> None:
        self._evaluate_if_due(trainer, module)

    def _evaluate_if_due(self, trainer: L.Trainer, module: Any) -> None:
        due = trainer.global_step % self.every == 0 and 0 < trainer.global_step < trainer.max_steps
        if due and trainer.is_global_zero:
            with self.clock.stopped():
                self.evaluate(module, trainer.global_step)
            module.train()
