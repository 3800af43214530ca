"""Data sets by name: `open_split` reads one split, `data_digest` says in twelve hex digits what a data set holds."""

from __future__ import annotations

from typing import TYPE_CHECKING

from bench.system.errors import UserError, nearest

if TYPE_CHECKING:
    from bench.config.schema import DataConfig
    from bench.data.captioned_images import CaptionedImages

DATA_SETS = ("scenes", "coco")
SPLITS = ("train", "validation", "test")


def open_split(data: DataConfig, split: str) -> CaptionedImages:
    """Open a split ("train", "validation" or "test"). Raises ``UserError`` where the data cannot be read."""
    _check(data.name, "data.name", DATA_SETS)
    _check(split, "split", SPLITS)
    if data.name == "coco":
        from bench.data.sets.coco import CocoSplit

        return CocoSplit(data.root, split, data.image_size, data.max_broken)
    from bench.data.sets.scenes import ScenesSplit

    size = data.train_size if split == "train" else data.test_size
    return ScenesSplit(split, size, data.objects, data.image_size)


def data_digest(data: DataConfig, cache: str | None = None) -> str:
    """What the data set holds, wherever it lies; part of a run's identity. Imports no torch.

    `cache` is the folder (`runtime.cache`) where hashes of files are kept, so that the next call need not read them.
    """
    _check(data.name, "data.name", DATA_SETS)
    if data.name == "coco":
        from bench.data.sets.coco import coco_digest

        return coco_digest(data.root, cache)
    from bench.data.sets.scenes import scenes_digest

    return scenes_digest(data.objects, data.train_size, data.test_size, data.image_size)


def _check(name: str, what: str, choices: tuple[str, ...]) -> None:
    if name not in choices:
        raise UserError(f"unknown {what} '{name}'{nearest(name, choices)}")
