"""Images with captions from a folder in the layout of COCO captions.

`captions_val.json` is the test set. Validation is about a tenth of `captions_train.json`, chosen by a hash of the
image id, so adding an image never moves another one to a different split.
"""

from __future__ import annotations

import hashlib
import json
import logging
import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from bench.config.checks import ranged
from bench.data.captions_file import Entry, count, read_captions, some
from bench.data.images import BrokenImage, read_image
from bench.data.manifest import Manifest
from bench.data.named_files import twin
from bench.data.sets.base import DataSet
from bench.system.errors import UserError

if TYPE_CHECKING:
    from bench.scenes.scene import Scene

CAPTION_FILES = {"train": "captions_train.json", "validation": "captions_train.json", "test": "captions_val.json"}
LAYOUT = ("images", "captions_train.json", "captions_val.json")
MEMORY_LIMIT = 2**31  # bytes of decoded images held; a larger split is read from disk each time
log = logging.getLogger(__name__)


class CocoSplit:
    """One split of a COCO-captions folder; a ``CaptionedImages``.

    Every image is decoded once when the split opens. Those that are missing or broken are named and skipped, up to
    ``max_broken``; more of them, or anything wrong with the captions file, raise ``UserError``.
    """

    scenes: list[Scene] | None = None

    def __init__(self, root: str | Path | None, split: str, image_size: int, max_broken: int = 0) -> None:
        self.split, self.image_size = split, image_size
        folder = coco_folder(root)
        entries = [entry for entry in read_captions(folder, CAPTION_FILES[split]) if _belongs(entry.id, split)]
        pixels: list[np.ndarray] = []
        broken: list[str] = []
        repaired: list[str] = []
        self._entries: list[Entry] = []
        hold = len(entries) * image_size**2 * 3 <= MEMORY_LIMIT
        for entry in entries:
            try:
                image = read_image(entry.file, image_size)
            except BrokenImage as error:
                broken.append(f"{entry.name} ({error}{twin(folder / 'images', entry.name)})")
                continue
            self._entries.append(entry)
            if image.repaired:
                repaired.append(entry.name)
            if hold:
                pixels.append(image.pixels)
        _report_broken(broken, max_broken, folder)
        if repaired:
            what = f"{count(len(repaired), 'image')} of the {split} split repaired"
            log.warning("%s: %s, a broken Exif tag was skipped: %s", folder / "images", what, some(repaired))
        if not self._entries:
            raise UserError(f"the {split} split of {folder} holds no images: {CAPTION_FILES[split]} is too small")
        self._pixels = np.stack(pixels) if hold else None
        self.ids = [entry.id for entry in self._entries]

    def __len__(self) -> int:
        return len(self._entries)

    def images(self, indices: Sequence[int]) -> np.ndarray:
        """The images at ``indices``: ``(n, image_size, image_size, 3)`` uint8."""
        if self._pixels is not None:
            return self._pixels[list(indices)]
        return np.stack([read_image(self._entries[index].file, self.image_size).pixels for index in indices])

    def captions(self, index: int) -> list[str]:
        """Every reference caption of one image, in the order of the file; white space is normalised."""
        return list(self._entries[index].captions)


def coco_digest(root: str | Path | None, cache: str | Path | None = None) -> str:
    """Twelve hex digits of the captions and the bytes of every image they name, wherever the folder lies.

    In the folder `cache` the hashes of the images are kept, and looked up as long as the files stay as they are.
    """
    folder = coco_folder(root)
    manifest = Manifest(folder / "images", cache)
    digest = hashlib.sha256()
    for captions_file in LAYOUT[1:]:
        for entry in read_captions(folder, captions_file):
            content = manifest.sha256(entry.name, entry.file)
            digest.update(json.dumps([captions_file, entry.id, entry.name, entry.captions, content]).encode())
    manifest.keep()
    return digest.hexdigest()[:12]


def coco_folder(root: str | Path | None) -> Path:
    """The folder to read. Raises ``UserError`` naming the first part of the layout that is missing."""
    if not root:
        raise UserError(f"data.name=coco needs data.root=FOLDER, a folder with {', '.join(LAYOUT)}")
    folder = Path(os.path.expanduser(root))
    if not os.path.isdir(folder):
        raise UserError(f"data.root={root}: no such folder")
    for part in LAYOUT:
        if not (folder / part).exists():
            raise UserError(f"data.root={root}: no {part} in it (wanted: {', '.join(LAYOUT)})")
    return folder


def _belongs(image_id: str, split: str) -> bool:
    held_out = int(hashlib.sha256(image_id.encode()).hexdigest()[:8], 16) % 10 == 0
    return split == "test" or held_out == (split == "validation")


def _report_broken(broken: list[str], max_broken: int, folder: Path) -> None:
    if len(broken) > max_broken:
        what = f"{count(len(broken), 'image')} cannot be read, more than data.max_broken={max_broken}"
        raise UserError(f"{folder / 'images'}: {what}: {some(broken)}")
    for name in broken:
        log.warning("skipped an image of %s that cannot be read: %s", folder, name)


@dataclass(frozen=True)
class Settings:
    """Settings of a COCO folder."""

    root: str | None = None  # the folder
    max_broken: int = ranged(0, 0)  # unreadable images to skip before refusing the folder


class Coco(DataSet):
    """Your own images in COCO-captions layout at data.root=FOLDER."""

    settings = Settings
    not_hashed = ("root", "max_broken")

    @classmethod
    def check(cls, data: Any) -> None:
        if not data.root:
            raise UserError("data.root: data.name=coco needs data.root=FOLDER")

    @classmethod
    def open(cls, data: Any, split: str) -> CocoSplit:
        return CocoSplit(data.root, split, data.image_size, data.max_broken)

    @classmethod
    def digest(cls, data: Any, cache: str | None = None) -> str:
        return coco_digest(data.root, cache)
