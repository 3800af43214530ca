"""Checkpoints: trained weights, optimizer, moving average, position in the data. Damaged ones are skipped."""

from __future__ import annotations

import hashlib
import os
from contextlib import suppress
from pathlib import Path
from typing import Any

import torch
from lightning.pytorch.plugins.io import TorchCheckpointIO

from bench.data.batches import TextSegment
from bench.data.mixing import Mixture
from bench.runs.reader import StoredRun
from bench.system.errors import UserError, writing_to
from bench.system.files import draft, flush
from bench.training import checksummed
from bench.training.module import FusionModule

NEEDED = {
    "global_step", "loops", "state_dict", "optimizer_states", "lr_schedulers",
    "average", "train_seconds", "seen", "frozen_digest", "sampler",
}  # fmt: skip


class CheckpointFiles(TorchCheckpointIO):
    """Checkpoint files, written by rank 0: atomically, and read back before older ones are deleted."""

    def __init__(self, keep: int) -> None:
        self.keep = keep  # how many of the newest stay

    def save_checkpoint(self, checkpoint: dict[str, Any], path: str | Path, storage_options: Any = None) -> None:
        """Write under a temporary name, flush, rename, and read it all back; only then delete older ones."""
        path = Path(path)
        unproven = draft(path)
        with writing_to(path):
            try:
                checksummed.save(checkpoint, unproven)
                os.replace(unproven, path)
            except OSError:
                unproven.unlink(missing_ok=True)  # a full disk is not helped by half a file
                raise
        with suppress(OSError):  # some network file systems flush no folders
            flush(path.parent)
        if why := damage(path):
            print(f"checkpoint {path} does not read back ({why}); the ones before it stay", flush=True)
        else:
            self._prune(path)

    def _prune(self, newest: Path) -> None:
        """Delete older ones, and damaged later ones, which training has skipped.

        Whole later ones stay: a process that took the run over wrote them, or a training whose evaluations are made
        up for.
        """
        steps = _newest_first(newest.parent)
        older = [path for path in steps if path <= newest]
        skipped = [path for path in steps if path > newest and damage(path)]
        for path in [*skipped, *older[self.keep :]]:
            path.unlink(missing_ok=True)


def damage(path: Path) -> str | None:
    """A message if a checkpoint is damaged, None if it is as it was written."""
    try:
        if not checksummed.is_whole(path):
            return "its bytes are not those that were written"
        state = torch.load(path, map_location="cpu", weights_only=True, mmap=True)
        missing = NEEDED - state.keys()
    except Exception as error:  # whatever a damaged file makes the readers raise
        return _reason(error)
    return f"it has no {', '.join(sorted(missing))}" if missing else None


def newest(folder: StoredRun, until: int | None = None) -> Path | None:
    """The newest checkpoint, of at most ``until`` steps, that is whole; damaged ones are named and skipped."""
    found = _newest_first(folder.checkpoints)
    if until is not None:
        found = [path for path in found if path <= folder.checkpoint(until)]
    for path, before in zip(found, [*found, None][1:], strict=True):
        why = damage(path)
        if why is None:
            return path
        then = f"trying {before.name}" if before else "no other is left, training starts anew"
        print(f"checkpoint {path} is damaged ({why}); {then}", flush=True)
    return None


def restore(module: FusionModule, path: Path) -> None:
    """Load the trained weights, averages, training time and counts of a checkpoint into ``module``.

    Raises:
        UserError: it was trained with other frozen weights.
    """
    state = torch.load(path, map_location=module.device, weights_only=True)
    _check_frozen(path, state, module)
    module.load_state_dict(state["state_dict"], strict=False)
    module.on_load_checkpoint(state)


def check(path: Path, module: FusionModule, mixture: Mixture) -> None:
    """Refuse to resume from a checkpoint of other frozen weights, or one after which other samples would come.

    Raises:
        UserError: with the one that it is.
    """
    state = torch.load(path, map_location="cpu", weights_only=True, mmap=True)
    _check_frozen(path, state, module)
    here = sampler_state(mixture, state["global_step"])
    for name, there in state["sampler"].items():
        if here[name] != there:
            raise UserError(
                f"{path}: training cannot go on as it began, its samples would be others ({name} {there}, here "
                f"{here[name]}): have the data and packages changed? Move {path.parents[1]} away to train anew"
            )


def sampler_state(mixture: Mixture, step: int) -> dict[str, int | str]:
    """Position in the data after ``step`` steps. Seed and step determine it; it is stored to be compared."""
    digest = hashlib.sha256()
    for segment in (segment for batch in mixture[step].batches for segment in batch.segments):
        if isinstance(segment, TextSegment):  # captions only: integers are the same on every processor
            digest.update(segment.ids.numpy().tobytes() + segment.lengths.numpy().tobytes())
    pairs_seen = step * mixture.train.batch_size
    return {"seed": mixture.seed, "step": step, "pairs_seen": pairs_seen, "next_captions": digest.hexdigest()[:12]}


def _check_frozen(path: Path, state: dict[str, Any], module: FusionModule) -> None:
    there, here = state["frozen_digest"], module.frozen_digest
    if there != here:
        raise UserError(
            f"{path} was trained on other frozen weights (digest {there[:12]}, here {here[:12]}): "
            f"put those back, or move {path.parents[1]} away to train anew"
        )


def _newest_first(checkpoints: Path) -> list[Path]:
    return sorted(checkpoints.glob("step-*.ckpt"), reverse=True)


def _reason(error: Exception) -> str:
    """An exception as a few words on one line."""
    return (str(error).strip().splitlines() or [type(error).__name__])[0][:120]
