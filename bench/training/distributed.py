"""Distributed training: Lightning has a rank for each device. All train, and rank 0 alone writes and scores."""

from __future__ import annotations

import os
import signal
from datetime import timedelta
from typing import Any

import lightning as L
import torch
from lightning.pytorch.plugins.environments import ClusterEnvironment, LightningEnvironment, SLURMEnvironment
from lightning.pytorch.strategies import DDPStrategy, Strategy

PATIENCE = timedelta(days=7)  # the others wait while rank 0 scores along training


def rank(devices: int) -> int:
    """Rank of this process, known before there is a trainer."""
    return environment(devices).local_rank() if devices > 1 else 0


def environment(devices: int) -> ClusterEnvironment:
    """Launcher of the ranks: srun, if it started this job step with as many tasks, else Lightning.

    A single process ignores the job step, as sweeps may run as several tasks of one.
    """
    if devices > 1 and os.environ.get("SLURM_STEP_NUM_TASKS") == str(devices):
        return SLURMEnvironment(auto_requeue=False)  # it resumes from the run's own checkpoints
    return LightningEnvironment()


def strategy(name: str, devices: int) -> Strategy | str:
    """Lightning's strategy: DDP by name, and where ``auto`` has several devices.

    A rank without a pair of some task leaves that task's own weights unused.
    """
    ddp = name == "ddp" or devices > 1
    return DDPStrategy(find_unused_parameters=True, timeout=PATIENCE) if ddp else "auto"


def device(accelerator: str) -> torch.device:
    """Device of rank 0, which scores there after training, when Lightning has put the model back on the CPU."""
    if accelerator in ("auto", "gpu") and torch.cuda.is_available():
        return torch.device("cuda", 0)
    if accelerator != "cpu" and torch.backends.mps.is_available():
        return torch.device("mps", 0)
    return torch.device("cpu")


def leave() -> None:
    """Leave the process group: the other ranks have finished."""
    if torch.distributed.is_initialized():
        torch.distributed.destroy_process_group()


class OwnSignals(L.Callback):
    """Restores the signal handlers from before the trainer.

    Lightning's handler of SIGTERM talks to the other ranks, which may be waiting for something else: all would hang.
    """

    def __init__(self) -> None:
        self.handler = signal.getsignal(signal.SIGTERM)

    def on_train_start(self, trainer: L.Trainer, module: Any) -> None:
        signal.signal(signal.SIGTERM, self.handler)
