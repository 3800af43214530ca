"""Generated images and captions, side by side: an item of the test set a page, a column an architecture."""

from __future__ import annotations

import base64
import io
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from bench.runs import results
from reports.figures.samples import read_lines
from reports.stored.declared import Task
from reports.stored.runs import Point, Sweep

ITEMS = 24  # at most
CELLS = 3000  # of all items and runs together, at most: no page shows more
BYTES = 3_000_000  # of all images together
SIDE = 160  # pixels of an image at most


@dataclass(frozen=True)
class Cell:
    """One run's outputs for an item, by the task's title; empty where it kept nothing."""

    images: dict[str, str] = field(default_factory=dict)  # as data URIs
    captions: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Row:
    """One value of the axis and one seed: a cell an architecture."""

    at: str
    seed: str
    cells: list[Cell]


@dataclass(frozen=True)
class Item:
    """A record of the data: its prompts by the task's title, and its image with the image's own captions."""

    name: str
    prompts: dict[str, str]
    real: str  # a data URI
    references: list[str]
    rows: list[Row]

    @property
    def title(self) -> str:
        """The text that it is chosen by."""
        return next(iter([*self.prompts.values(), *self.references, self.name]))


@dataclass(frozen=True)
class Gallery:
    """Items in the order of the test set."""

    architectures: list[str]
    items: list[Item]
    places: list[str]  # values of the axis
    seeds: list[str]


@dataclass(frozen=True)
class _Kept:
    """Files of one run and one task: by the item's id."""

    images: dict[str, Path]
    real: dict[str, Path]
    prompts: dict[str, str]
    captions: dict[str, dict[str, Any]]


_Runs = list[tuple[Point, dict[str, _Kept]]]  # every run, and what it kept, by the task's title


def build(sweep: Sweep) -> Gallery:
    """The first items of the runs that are done, as many as stay within ``BYTES`` and ``CELLS``."""
    done = [point for point in sweep.points if point.status == "done"]
    most = min(ITEMS, CELLS // max(1, len(done)) + 1)
    runs = [(point, {task.title: _kept(point, task, most) for task in sweep.tasks.values()}) for point in done]
    architectures = list(dict.fromkeys(point.settings["architecture"] for point in done))
    ids = list(dict.fromkeys(name for _, kept in runs for name in list(_ids(kept))[:most]))[:most]
    items: list[Item] = []
    size = 0
    for name in ids:
        item = _item(sweep, name, runs, architectures)
        shown = [uri for row in item.rows for cell in row.cells for uri in cell.images.values()]
        size += len(item.real) + sum(map(len, shown))
        if items and size > BYTES:
            break
        items.append(item)
    rows = [row for item in items for row in item.rows]
    places = list(dict.fromkeys(row.at for row in rows if row.at))
    return Gallery(architectures, items, places, list(dict.fromkeys(row.seed for row in rows)))


def _item(sweep: Sweep, name: str, runs: _Runs, architectures: list[str]) -> Item:
    prompts, real, references = dict[str, str](), "", list[str]()
    rows: dict[tuple[Any, Any], dict[str, Cell]] = {}
    for point, kept in runs:
        cell = Cell()
        for task, mine in kept.items():
            if name in mine.prompts:
                prompts.setdefault(task, mine.prompts[name])
            real = real or _shown(mine.real.get(name), point)
            if image := _shown(mine.images.get(name), point):
                cell.images[task] = image
            if name in mine.captions:
                cell.captions[task] = mine.captions[name]["caption"]
                references = references or mine.captions[name]["references"]
        at = None if sweep.x.is_architecture else point.settings.get(sweep.x.column)
        rows.setdefault((at, point.settings["seed"]), {}).setdefault(point.settings["architecture"], cell)
    arranged = [
        Row("" if at is None else sweep.x.text(at), str(seed),
            [cells.get(architecture, Cell()) for architecture in architectures])
        for (at, seed), cells in sorted(rows.items(), key=lambda row: (row[0][0] or 0, row[0][1]))
    ]  # fmt: skip
    return Item(name, prompts, real, references, arranged)


def _kept(point: Point, task: Task, most: int) -> _Kept:
    """Files of the first ``most`` items."""
    folder = point.task_folder(task.name)
    prompts = read_lines(folder / "prompts.jsonl", most) if task.output == "image" else []
    captions = read_lines(folder / "captions.jsonl", most) if task.output == "text" else []
    images, real = ({line["id"]: folder / name / line["sample"] for line in prompts} for name in ("samples", "real"))
    return _Kept(
        images,
        real,
        {line["id"]: line["prompt"] for line in prompts},
        {line["id"]: line for line in captions},
    )


def _shown(file: Path | None, point: Point) -> str:
    """The image as a data URI; "" where there is none, or it was changed since it landed."""
    return _uri(file) if file and results.image_is_unchanged(point.folder, file, point.result) else ""


def _ids(kept: dict[str, _Kept]) -> dict[str, None]:
    return dict.fromkeys(name for one in kept.values() for name in [*one.images, *one.captions])


def _uri(file: Path) -> str:
    """The file as it is where it is small; a larger one scaled down."""
    from PIL import Image

    with Image.open(file) as image:
        if max(image.size) <= SIDE:
            return "data:image/png;base64," + base64.b64encode(file.read_bytes()).decode()
        whole = image.convert("RGB")
    whole.thumbnail((SIDE, SIDE))
    buffer = io.BytesIO()
    whole.save(buffer, "JPEG", quality=85)
    return "data:image/jpeg;base64," + base64.b64encode(buffer.getvalue()).decode()
