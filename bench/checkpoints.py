"""Checkpoints of a run: what is trained, the optimizer and the average; whole or absent; the last two are kept."""

from __future__ import annotations

import os
import uuid
from pathlib import Path

import lightning as L
import torch

from bench.module import FusionModule
from bench.store import RunFolder

KEEP = 2


def save(trainer: L.Trainer, folder: RunFolder) -> None:
    """Write the present state under a temporary name, flush, rename, then drop all but the last ``KEEP``."""
    draft = folder.checkpoints / f".{uuid.uuid4().hex[:8]}.draft"
    trainer.save_checkpoint(draft)  # all ranks meet here; the first alone writes
    if not trainer.is_global_zero:
        return
    with draft.open("rb") as file:
        os.fsync(file.fileno())
    os.replace(draft, folder.checkpoint(trainer.global_step))
    for old in _newest_first(folder)[KEEP:]:
        old.unlink()


def newest(folder: RunFolder) -> Path | None:
    """The newest checkpoint that can be read; a damaged one is named on the terminal and passed over."""
    for draft in folder.checkpoints.glob(".*.draft"):  # of a process that died
        draft.unlink(missing_ok=True)  # ranks may start at the same time
    for path in _newest_first(folder):
        try:
            torch.load(path, map_location="cpu", weights_only=True, mmap=True)
            return path
        except Exception as error:  # whatever a damaged file makes the reader raise
            print(f"checkpoint {path} cannot be read ({type(error).__name__}); using the one before", flush=True)
    return None


def restore(module: FusionModule, path: Path) -> None:
    """Give ``module`` the trained weights, averages and training time of a checkpoint."""
    state = torch.load(path, map_location=module.device, weights_only=True)
    module.load_state_dict(state["state_dict"], strict=False)
    module.on_load_checkpoint(state)


def _newest_first(folder: RunFolder) -> list[Path]:
    return sorted(folder.checkpoints.glob("step-*.ckpt"), reverse=True)
