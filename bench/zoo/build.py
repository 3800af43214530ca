"""Build the zoo again: every part is trained from scratch, deterministically, on one thread."""

from __future__ import annotations

import shutil
import sys
import time
from collections.abc import Sequence
from importlib import import_module

from bench.config.part_files import WEIGHTS


def build(names: Sequence[str]) -> None:
    """Train the named parts in order and move each to `weights/<name>` when it is finished ("features" before "vae").

    The same machine and package versions give the same weights.
    """
    import torch

    torch.set_num_threads(1)
    torch.use_deterministic_algorithms(True)
    for name in names:
        started = time.monotonic()
        fresh = WEIGHTS / f".{name}"
        shutil.rmtree(fresh, ignore_errors=True)
        import_module(f"bench.zoo.train_{name}").train(fresh)
        shutil.rmtree(WEIGHTS / name, ignore_errors=True)
        fresh.rename(WEIGHTS / name)
        print(f"{name}: built in {time.monotonic() - started:.0f} s", file=sys.stderr, flush=True)
