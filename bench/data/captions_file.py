"""Reader of a captions file in the layout of COCO. Nothing in it is trusted: its author may be anyone."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from pathlib import Path

from bench.data.named_files import Folder, open_regular
from bench.system.errors import UserError

LARGEST = 2**30  # bytes of a captions file; COCO's are 92 MB
NAMED_AT_MOST = 5
NAME_SHOWN = 200  # characters of a name in a message


@dataclass(frozen=True)
class Entry:
    """One image of a captions file."""

    id: str  # goes into JSON and pages; no file is named by it
    name: str  # relative to `images/`
    file: Path  # inside `images/`, regular or missing
    captions: list[str] = field(default_factory=list)


def read_captions(folder: Path, name: str) -> list[Entry]:
    """Read one captions file, ordered as the file is. Raises ``UserError`` naming what is wrong and where."""
    where = folder / name
    images, annotations = _lists(where)
    entries: dict[str, Entry] = {}
    files = Folder(folder / "images")
    for position, image in enumerate(images):
        if not isinstance(image, dict) or "id" not in image or not isinstance(image.get("file_name"), str):
            raise UserError(f"{where}: images[{position}] lacks an 'id' or a 'file_name'")
        image_id, file_name = str(image["id"]), image["file_name"]
        _check_text(image_id, f"{where}: the id of images[{position}]")
        if image_id in entries:
            raise UserError(f"{where}: two images have the id {image_id}")
        try:
            entries[image_id] = Entry(image_id, file_name, files.file(file_name))
        except ValueError as error:
            raise UserError(f"{where}: file_name {file_name[:NAME_SHOWN]!r} of images[{position}] {error}") from None
    for position, annotation in enumerate(annotations):
        if not isinstance(annotation, dict) or not isinstance(annotation.get("caption"), str):
            raise UserError(f"{where}: annotations[{position}] lacks a 'caption'")
        image_id = str(annotation.get("image_id"))
        if image_id not in entries:
            what = f"annotations[{position}] is about image {image_id}, which is not listed there"
            raise UserError(f"{where}: {what}{_twin(image_id, entries)}")
        _check_text(annotation["caption"], f"{where}: the caption of annotations[{position}]")
        caption = " ".join(annotation["caption"].split())  # a line break would shift the PTB tokenizer's lines
        if caption:
            entries[image_id].captions.append(caption)
    bare = [entry.name for entry in entries.values() if not entry.captions]
    if bare:
        raise UserError(f"{where}: {count(len(bare), 'image')} without captions: {some(bare)}")
    return list(entries.values())


def _lists(where: Path) -> tuple[list, list]:
    try:
        with open_regular(where, LARGEST) as file:
            content = json.loads(file.read(LARGEST).decode("utf-8-sig"))
    except OSError as error:
        raise UserError(f"{where}: cannot be read ({error.strerror})") from None
    except RecursionError:
        raise UserError(f"{where}: is no captions file (its brackets are nested too deep)") from None
    except ValueError as error:  # both bad JSON and bad UTF-8
        raise UserError(f"{where}: is no JSON ({error})") from None
    for key in ("images", "annotations"):
        if not isinstance(content, dict) or not isinstance(content.get(key), list):
            raise UserError(f"{where}: lacks the list '{key}' of a COCO captions file")
    return content["images"], content["annotations"]


def _check_text(text: str, what: str) -> None:
    try:
        text.encode()
    except UnicodeEncodeError:
        raise UserError(f"{what} holds half a surrogate pair, which is no text") from None


def _twin(image_id: str, listed: dict[str, Entry]) -> str:
    """Hint at an id that is the same number written otherwise: 1, 1.0 and "0001"."""
    number = _number(image_id)
    twin = next((other for other in listed if number is not None and _number(other) == number), None)
    return "" if twin is None else f" (it is {twin}: write both the same way)"


def _number(image_id: str) -> float | None:
    try:
        return float(image_id)
    except ValueError:
        return None


def count(number: int, noun: str) -> str:
    """``"1 image"``, ``"2 images"``."""
    return f"{number} {noun}" + "s" * (number != 1)


def some(names: list[str]) -> str:
    """The first of `names`, and how many more there are."""
    rest = len(names) - NAMED_AT_MOST
    return ", ".join(names[:NAMED_AT_MOST]) + (f" and {rest} more" if rest > 0 else "")
