"""Data sets by name: `open_split` reads one split, `data_digest` hashes a data set's content."""

from __future__ import annotations

from typing import TYPE_CHECKING

from bench.system.errors import UserError, nearest
from bench.system.plugins import plugin

if TYPE_CHECKING:
    from bench.config.schema import DataConfig
    from bench.data.captioned_images import CaptionedImages

SPLITS = ("train", "validation", "test")


def open_split(data: DataConfig, split: str) -> CaptionedImages:
    """Open a split ("train", "validation" or "test"). Raises UserError where the data cannot be read."""
    if split not in SPLITS:
        raise UserError(f"unknown split '{split}'{nearest(split, SPLITS)}")
    return plugin("data set", data.name, "data.name").open(data, split)


def data_digest(data: DataConfig, cache: str | None = None) -> str:
    """Digest of the data set's content, wherever it lies; part of a run's identity. Imports no torch.

    `cache` is the folder (`runtime.cache`) where hashes of files are kept, so that the next call need not read them.
    """
    return plugin("data set", data.name, "data.name").digest(data, cache)
