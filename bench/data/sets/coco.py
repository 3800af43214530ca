"""Pictures with captions from a folder in the layout of COCO captions.

`captions_val.json` is the test set. Validation is about a tenth of `captions_train.json`, chosen by a hash of the
image id, so adding a picture never moves another one to a different split.
"""

from __future__ import annotations

import hashlib
import json
import logging
import os
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from bench.data.images import BrokenPicture, open_picture
from bench.system.errors import UserError

if TYPE_CHECKING:
    from bench.scenes.world import Scene

CAPTION_FILES = {"train": "captions_train.json", "validation": "captions_train.json", "test": "captions_val.json"}
LAYOUT = ("images", "captions_train.json", "captions_val.json")
MEMORY_LIMIT = 2**31  # bytes of decoded pictures held; a larger split is read from disk each time
NAMED_AT_MOST = 5
log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Entry:
    """One picture of a captions file."""

    id: str
    name: str  # relative to `images/`
    file: Path
    captions: list[str] = field(default_factory=list)


class CocoSplit:
    """One split of a COCO-captions folder; a ``CaptionedImages``.

    Every picture is decoded once when the split opens. Those that are missing or broken are named and skipped, up to
    ``max_broken``; more of them, or anything wrong with the captions file, raise ``UserError``.
    """

    scenes: list[Scene] | None = None

    def __init__(self, root: str | Path | None, split: str, image_size: int, max_broken: int = 0) -> None:
        self.split, self.image_size = split, image_size
        folder = coco_folder(root)
        entries = [entry for entry in read_captions(folder, CAPTION_FILES[split]) if _belongs(entry.id, split)]
        pixels: list[np.ndarray] = []
        broken: list[str] = []
        self._entries: list[Entry] = []
        hold = len(entries) * image_size**2 * 3 <= MEMORY_LIMIT
        for entry in entries:
            try:
                picture = open_picture(entry.file, image_size)
            except BrokenPicture as error:
                broken.append(f"{entry.name} ({error})")
                continue
            self._entries.append(entry)
            if hold:
                pixels.append(picture)
        _report_broken(broken, max_broken, folder)
        if not self._entries:
            raise UserError(f"the {split} split of {folder} holds no pictures: {CAPTION_FILES[split]} is too small")
        self._pixels = np.stack(pixels) if hold else None
        self.ids = [entry.id for entry in self._entries]

    def __len__(self) -> int:
        return len(self._entries)

    def images(self, indices: Sequence[int]) -> np.ndarray:
        """The pictures at ``indices``: ``(n, image_size, image_size, 3)`` uint8."""
        if self._pixels is not None:
            return self._pixels[list(indices)]
        return np.stack([open_picture(self._entries[index].file, self.image_size) for index in indices])

    def captions(self, index: int) -> list[str]:
        """Every reference caption of one picture, in the order of the file; white space is normalised."""
        return list(self._entries[index].captions)


def coco_digest(root: str | Path | None) -> str:
    """Twelve hex digits of the captions and the bytes of every picture they name, wherever the folder lies."""
    folder = coco_folder(root)
    digest = hashlib.sha256()
    for captions_file in LAYOUT[1:]:
        for entry in read_captions(folder, captions_file):
            digest.update(json.dumps([captions_file, entry.id, entry.name, entry.captions, _content(entry)]).encode())
    return digest.hexdigest()[:12]


def _content(entry: Entry) -> str | None:
    try:
        return hashlib.sha256(entry.file.read_bytes()).hexdigest()
    except OSError:  # opening the split counts and names it
        return None


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


def read_captions(folder: Path, name: str) -> list[Entry]:
    """Read one captions file, ordered as the file is. Raises ``UserError`` naming what is wrong and where."""
    where = folder / name
    images, annotations = _lists(where)
    entries: dict[str, Entry] = {}
    for position, image in enumerate(images):
        if not isinstance(image, dict) or "id" not in image or not isinstance(image.get("file_name"), str):
            raise UserError(f"{where}: images[{position}] lacks an 'id' or a 'file_name'")
        image_id, file_name = str(image["id"]), image["file_name"]
        if image_id in entries:
            raise UserError(f"{where}: two images have the id {image_id}")
        entries[image_id] = Entry(image_id, file_name, folder / "images" / file_name)
    for position, annotation in enumerate(annotations):
        if not isinstance(annotation, dict) or not isinstance(annotation.get("caption"), str):
            raise UserError(f"{where}: annotations[{position}] lacks a 'caption'")
        image_id = str(annotation.get("image_id"))
        if image_id not in entries:
            raise UserError(f"{where}: annotations[{position}] is about image {image_id}, which is not listed there")
        caption = " ".join(annotation["caption"].split())  # a line break would shift the PTB tokenizer's lines
        if caption:
            entries[image_id].captions.append(caption)
    bare = [entry.name for entry in entries.values() if not entry.captions]
    if bare:
        raise UserError(f"{where}: {_count(len(bare), 'image')} without captions: {_some(bare)}")
    return list(entries.values())


def _lists(where: Path) -> tuple[list, list]:
    try:
        content = json.loads(where.read_text(encoding="utf-8-sig"))
    except OSError as error:
        raise UserError(f"{where}: cannot be read ({error.strerror})") from None
    except ValueError as error:  # both bad JSON and bad UTF-8
        raise UserError(f"{where}: is no JSON ({error})") from None
    for key in ("images", "annotations"):
        if not isinstance(content, dict) or not isinstance(content.get(key), list):
            raise UserError(f"{where}: lacks the list '{key}' of a COCO captions file")
    return content["images"], content["annotations"]


def _belongs(image_id: str, split: str) -> bool:
    held_out = int(hashlib.sha256(image_id.encode()).hexdigest()[:8], 16) % 10 == 0
    return split == "test" or held_out == (split == "validation")


def _report_broken(broken: list[str], max_broken: int, folder: Path) -> None:
    if len(broken) > max_broken:
        what = f"{_count(len(broken), 'picture')} cannot be read, more than data.max_broken={max_broken}"
        raise UserError(f"{folder / 'images'}: {what}: {_some(broken)}")
    for name in broken:
        log.warning("skipped a picture of %s that cannot be read: %s", folder, name)


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}" + "s" * (number != 1)


def _some(names: list[str]) -> str:
    rest = len(names) - NAMED_AT_MOST
    return ", ".join(names[:NAMED_AT_MOST]) + (f" and {rest} more" if rest > 0 else "")
