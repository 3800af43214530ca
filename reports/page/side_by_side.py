"""What the models drew and wrote, side by side: an item of the test set a page, a column an architecture."""

from __future__ import annotations

import base64
import io
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bench.runs import results
from reports.figures.samples import read_lines
from reports.stored.runs import Point, Sweep
from reports.style import labels

ITEMS = 24  # at most
CELLS = 3000  # of all items and runs together, at most: no page shows more
BYTES = 3_000_000  # of all pictures together
SIDE = 160  # pixels of a picture at most


@dataclass(frozen=True)
class Cell:
    """What one run made of an item; "" where it kept nothing."""

    picture: str  # a data URI
    caption: str | None


@dataclass(frozen=True)
class Row:
    """One value of the axis and one seed: a cell an architecture."""

    at: str
    seed: str
    cells: list[Cell]


@dataclass(frozen=True)
class Item:
    """A prompt and a picture to be described, with the picture's own captions."""

    name: str
    prompt: str
    real: str  # the data's own picture of it, a data URI
    references: list[str]
    rows: list[Row]


@dataclass(frozen=True)
class Gallery:
    """Items in the order of the test set."""

    architectures: list[str]
    items: list[Item]
    places: list[str]  # values of the axis
    seeds: list[str]


@dataclass(frozen=True)
class _Kept:
    """What one run kept: by the item's id."""

    pictures: dict[str, Path]
    real: dict[str, Path]
    prompts: dict[str, str]
    captions: dict[str, dict[str, Any]]


def build(sweep: Sweep) -> Gallery:
    """Of the runs that are done, the first items that all together stay within ``BYTES`` and ``CELLS``."""
    done = [point for point in sweep.points if point.status == "done"]
    most = min(ITEMS, CELLS // max(1, len(done)) + 1)
    kept = {id(point): _kept(point, most) for point in done}
    architectures = list(dict.fromkeys(point.settings["architecture"] for point in done))
    ids = list(dict.fromkeys(name for point in done for name in _ids(kept[id(point)])[:most]))[:most]
    items: list[Item] = []
    size = 0
    for name in ids:
        item = _item(sweep, name, done, kept, architectures)
        size += len(item.real) + sum(len(cell.picture) for row in item.rows for cell in row.cells)
        if items and size > BYTES:
            break
        items.append(item)
    rows = [row for item in items for row in item.rows]
    places = list(dict.fromkeys(row.at for row in rows if row.at))
    return Gallery(architectures, items, places, list(dict.fromkeys(row.seed for row in rows)))


def _item(sweep: Sweep, name: str, done: list[Point], kept: dict[int, _Kept], architectures: list[str]) -> Item:
    prompt, real, references = "", "", list[str]()
    rows: dict[tuple[Any, Any], dict[str, Cell]] = {}
    for point in done:
        mine = kept[id(point)]
        prompt = prompt or mine.prompts.get(name, "")
        written = mine.captions.get(name)
        real = real or _shown(mine.real.get(name), point)
        references = references or (written or {}).get("references", [])
        at = None if sweep.x == "architecture" else point.settings.get(sweep.x)
        picture = _shown(mine.pictures.get(name), point)
        cell = Cell(picture, None if written is None else written["caption"])
        rows.setdefault((at, point.settings["seed"]), {}).setdefault(point.settings["architecture"], cell)
    arranged = [
        Row("" if at is None else labels.axis_value(sweep.x, at), str(seed),
            [cells.get(architecture, Cell("", None)) for architecture in architectures])
        for (at, seed), cells in sorted(rows.items(), key=lambda row: (row[0][0] or 0, row[0][1]))
    ]  # fmt: skip
    return Item(name, prompt, real, references, arranged)


def _kept(point: Point, most: int) -> _Kept:
    """Of the first ``most`` items."""
    prompts, captions = (read_lines(point.folder / f"{name}.jsonl", most) for name in ("prompts", "captions"))
    drawn, real = (
        {line["id"]: point.folder / name / line["sample"] for line in prompts} for name in ("samples", "real")
    )
    return _Kept(
        drawn,
        real,
        {line["id"]: line["prompt"] for line in prompts},
        {line["id"]: line for line in captions},
    )


def _shown(file: Path | None, point: Point) -> str:
    """The picture as a data URI; "" where there is none, or it was changed since it landed."""
    return _uri(file) if file and results.image_is_unchanged(file, point.result) else ""


def _ids(kept: _Kept) -> list[str]:
    return list(dict.fromkeys([*kept.pictures, *kept.captions]))


def _uri(file: Path) -> str:
    """The file as it is where it is small; a larger one scaled down."""
    from PIL import Image

    with Image.open(file) as picture:
        if max(picture.size) <= SIDE:
            return "data:image/png;base64," + base64.b64encode(file.read_bytes()).decode()
        whole = picture.convert("RGB")
    whole.thumbnail((SIDE, SIDE))
    buffer = io.BytesIO()
    whole.save(buffer, "JPEG", quality=85)
    return "data:image/jpeg;base64," + base64.b64encode(buffer.getvalue()).decode()
