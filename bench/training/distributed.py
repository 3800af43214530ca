"""The processes of one run. Lightning has one for each device: all train, and the first alone writes and scores."""

from __future__ import annotations

import os
import signal
from datetime import timedelta
from typing import Any

import lightning as L
import torch
from lightning.pytorch.plugins.environments import ClusterEnvironment, LightningEnvironment, SLURMEnvironment
from lightning.pytorch.strategies import DDPStrategy, Strategy

PATIENCE = timedelta(days=7)  # the others wait while the first scores along training


def rank(devices: int) -> int:
    """Which of them this process is, known before there is a trainer: 0 is the first."""
    return environment(devices).local_rank() if devices > 1 else 0


def environment(devices: int) -> ClusterEnvironment:
    """Who starts them: srun, if it started this job step with as many tasks, else Lightning.

    A lone process is never part of a step: sweeps may run as several tasks of one.
    """
    if devices > 1 and os.environ.get("SLURM_STEP_NUM_TASKS") == str(devices):
        return SLURMEnvironment(auto_requeue=False)  # the run's own checkpoints are what it goes on from
    return LightningEnvironment()


def strategy(name: str, devices: int) -> Strategy | str:
    """How they share a step: data parallel by name, and where ``auto`` has several devices.

    A rank without a pair of some task leaves that task's own weights unused.
    """
    ddp = name == "ddp" or devices > 1
    return DDPStrategy(find_unused_parameters=True, timeout=PATIENCE) if ddp else "auto"


def device(accelerator: str) -> torch.device:
    """The first process's device: where it scores after training, when Lightning has put the model back on the CPU."""
    if accelerator in ("auto", "gpu") and torch.cuda.is_available():
        return torch.device("cuda", 0)
    if accelerator != "cpu" and torch.backends.mps.is_available():
        return torch.device("mps", 0)
    return torch.device("cpu")


def leave() -> None:
    """Go on alone: the others have done their work."""
    if torch.distributed.is_initialized():
        torch.distributed.destroy_process_group()


class OwnSignals(L.Callback):
    """Gives signals back to those who handled them before the trainer.

    Lightning's handler of SIGTERM talks to the other ranks, which may be waiting for something else: all would hang.
    """

    def __init__(self) -> None:
        self.handler = signal.getsignal(signal.SIGTERM)

    def on_train_start(self, trainer: L.Trainer, module: Any) -> None:
        signal.signal(signal.SIGTERM, self.handler)
