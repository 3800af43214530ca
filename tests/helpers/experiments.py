"""The real smoke preset, made smaller still, for tests that train."""

from __future__ import annotations

import functools
import tempfile
from pathlib import Path

from bench.config.load import load
from bench.config.schema import Config

SMALLER = [
    "data.train_size=64",
    "data.test_size=32",
    "train.steps=6",
    "train.batch_size=6",
    "train.warmup_steps=2",
    "eval.num_images=8",
    "eval.num_captions=8",
    "eval.sampler_steps=2",
    "eval.max_caption_tokens=6",
    "runtime.checkpoint_every=2",
    "runtime.progress=false",
]


NETS = {"llm": "model.llm", "vae": "model.vae", "clip": "eval.clip", "features": "eval.features"}


def leave_weights(folder: Path) -> None:
    """Write stand-ins for the weights of all nets, for tests that load none: their bytes are all that counts."""
    for net in NETS:
        (folder / net).mkdir(parents=True)
        (folder / net / "model.safetensors").write_text(net, encoding="utf-8")


def weights_in(folder: Path) -> list[str]:
    """Overrides that name the nets in a folder."""
    return [f"{setting}={folder}/{net}" for net, setting in NETS.items()]


@functools.cache
def shared_cache() -> str:
    """One cache folder for the tests of this process: latents are made once."""
    return tempfile.mkdtemp(prefix="xfusion-test-cache-")


def small_config(folder: Path, *overrides: str) -> Config:
    """The smoke preset with runs in ``folder``."""
    where = [f"runtime.runs={folder / 'runs'}", f"runtime.cache={shared_cache()}"]
    return load("smoke", [*SMALLER, *where, *overrides])
