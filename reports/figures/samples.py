"""Generated images and captions: the same prompts side by side, at the sweep's first x and seed."""

from __future__ import annotations

import io
import itertools
import json
import re
import textwrap
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from bench.runs import results
from reports.stored.declared import Task
from reports.stored.runs import Point, Sweep
from reports.style import labels

if TYPE_CHECKING:
    from PIL import ImageFont
    from PIL.Image import Image as PILImage

PROMPTS = 8
CELL, GAP, MARGIN, HEAD, PROMPT, CAPTIONS = 160, 12, 20, 110, 430, 760  # pixels
FONT, SMALL = 20, 16  # pixels
CHARACTERS, CAPTION_CHARACTERS = 34, 74  # in a line of a prompt, and of a caption
REAL = "real image"


class Item(NamedTuple):
    """A prompt: the file of the image generated from it, the id of the record that it belongs to, and the words."""

    sample: str
    id: str
    prompt: str


Images = dict[str, dict[Item, Path]]  # of every column: a model's or the real ones
Captions = dict[str, list[dict[str, Any]]]  # the lines of captions.jsonl, by the model's name


def draw(sweep: Sweep) -> dict[str, bytes]:
    """`samples.png` and `samples.md`, of the runs that are done; nothing where none kept its samples.

    There is no room in the image for the captions of controls: they stand in `samples.md`.
    """
    points = _chosen(sweep)
    if not points:
        return {}
    where = _where(sweep, next(iter(points.values())))
    making = {output: [task for task in sweep.tasks.values() if task.output == output] for output in ("image", "text")}
    captions = {task.name: found for task in making["text"] if (found := _captions(points, task))}
    beside: Captions = {}
    for task_name, found in captions.items():
        whose = f" ({sweep.tasks[task_name].title})" if len(captions) > 1 else ""
        beside |= {f"{name}{whose}": lines for name, lines in found.items() if not labels.is_control(name)}
    grids: list[PILImage] = []
    for task in making["image"]:
        if images := _images(points, task):
            heading = where if len(making["image"]) == 1 else f"{where}: {task.title}"
            grids.append(_grid(images, {} if grids else beside, heading))
    files = {"samples.png": _stacked(grids)} if grids else {}
    if captions:
        several = len(making["text"]) > 1
        parts = [_table(sweep.tasks[name].title if several else "", found) for name, found in captions.items()]
        head = f"# Generated captions\n\n{where}. *Reference*: the first of the image's own captions.\n"
        files["samples.md"] = "\n".join([head, *parts]).encode()
    return files


def _chosen(sweep: Sweep) -> dict[str, Point]:
    """The first done run of each architecture that has the x and the seed of the sweep's first done run."""
    done = [point for point in sweep.points if point.status == "done"]
    fixed = ["seed"] if sweep.x.is_architecture else ["seed", sweep.x.column]
    chosen: dict[str, Point] = {}
    for point in done:
        if all(point.settings.get(name) == done[0].settings.get(name) for name in fixed):
            chosen.setdefault(point.settings["architecture"], point)
    return chosen


def _where(sweep: Sweep, point: Point) -> str:
    parts = [sweep.title]
    if not sweep.x.is_architecture:
        parts.append(f"{sweep.x.title} {sweep.x.text(point.settings.get(sweep.x.column))}")
    return ", ".join([*parts, f"seed {point.settings['seed']}"])


def _images(points: dict[str, Point], task: Task) -> Images:
    """The real images and those of each architecture, {} where no architecture kept any."""
    kept = {labels.architecture(name): _kept(point, task, "samples") for name, point in points.items()}
    found = {name: images for name, images in kept.items() if images}
    real = _kept(next(iter(points.values())), task, "real")
    return {REAL: real, **found} if found and real else found


def _kept(point: Point, task: Task, kind: str) -> dict[Item, Path]:
    """Images of the first prompts, in samples/ or real/; one that was changed since is left out."""
    folder = point.task_folder(task.name)
    asked = [Item(line["sample"], line["id"], line["prompt"]) for line in read_lines(folder / "prompts.jsonl")]
    files = {item: folder / kind / item.sample for item in sorted(asked)[:PROMPTS]}
    return {item: file for item, file in files.items() if results.image_is_unchanged(point.folder, file, point.result)}


def _captions(points: dict[str, Point], task: Task) -> Captions:
    read = {name: read_lines(point.task_folder(task.name) / "captions.jsonl") for name, point in points.items()}
    return {labels.architecture(name): lines for name, lines in read.items() if lines}


def _grid(images: Images, captions: Captions, where: str) -> PILImage:
    """A row a prompt; the real image, what each architecture generated, and each one's caption of the real image."""
    from PIL import Image, ImageDraw

    items = sorted({item for column in images.values() for item in column})
    step = CELL + GAP
    captioned = REAL in images and bool(captions)
    left = MARGIN + PROMPT + step * len(images)
    size = (left + MARGIN + CAPTIONS * captioned, 2 * MARGIN + HEAD + step * len(items))
    page = Image.new("RGB", size, "white")
    write = ImageDraw.Draw(page)
    write.text((MARGIN, MARGIN), where, "black", _font(FONT))
    for row, item in enumerate(items):
        middle = MARGIN + HEAD + step * row + CELL // 2
        prompt = textwrap.fill(textwrap.shorten(item.prompt, 5 * CHARACTERS, placeholder=" …"), CHARACTERS)
        write.multiline_text((MARGIN, middle), prompt, "black", _font(FONT), anchor="lm", spacing=6)
        if captioned:
            said = _captions_of(item, captions)
            write.multiline_text((left + GAP, middle), said, "black", _font(SMALL), anchor="lm", spacing=5)
    for place, (name, column) in enumerate(images.items()):
        corner = MARGIN + PROMPT + step * place
        title = textwrap.fill(name, 12)
        above = (corner + CELL // 2, MARGIN + HEAD - GAP)
        write.multiline_text(above, title, "black", _font(FONT), anchor="md", align="center", spacing=6)
        for item, file in column.items():
            with Image.open(file) as image:
                whole = image.convert("RGB").resize((CELL, CELL), Image.Resampling.NEAREST)
            page.paste(whole, (corner, MARGIN + HEAD + step * items.index(item)))
    if captioned:
        write.text((left + GAP, MARGIN + HEAD - GAP), f"captions of the {REAL}", "black", _font(FONT), anchor="ld")
    return page


def _stacked(grids: list[PILImage]) -> bytes:
    """The grids below each other, as a PNG file."""
    from PIL import Image

    size = max(grid.width for grid in grids), sum(grid.height for grid in grids)
    page, top = Image.new("RGB", size, "white"), 0
    for grid in grids:
        page.paste(grid, (0, top))
        top += grid.height
    buffer = io.BytesIO()
    page.save(buffer, "PNG")
    return buffer.getvalue()


def _captions_of(item: Item, captions: Captions) -> str:
    """Each architecture's caption of the image that a prompt belongs to."""
    said = []
    for name, lines in captions.items():
        caption = next((line["caption"] for line in lines if line["id"] == item.id), None)
        if caption is not None:
            text = textwrap.shorten(f"{name}: {caption or '(empty)'}", 2 * CAPTION_CHARACTERS, placeholder=" …")
            said.append(textwrap.fill(text, CAPTION_CHARACTERS, subsequent_indent="    "))
    return "\n".join(said)


def _font(size: int) -> ImageFont.FreeTypeFont:
    from matplotlib import get_data_path
    from PIL import ImageFont

    return ImageFont.truetype(Path(get_data_path()) / "fonts" / "ttf" / "DejaVuSans.ttf", size)


def _table(title: str, captions: Captions) -> str:
    """A row an image: a reference, and each architecture's caption."""
    written = {name: {line["id"]: line["caption"] for line in lines[:PROMPTS]} for name, lines in captions.items()}
    rows = [f"## {title}", ""] if title else []
    rows.append("| image | reference | " + " | ".join(written) + " |")
    rows.append("| --- " * (2 + len(written)) + "|")
    for line in next(iter(captions.values()))[:PROMPTS]:
        cells = [line["id"], line["references"][0], *[found.get(line["id"], "") for found in written.values()]]
        rows.append("| " + " | ".join(_plain(str(cell)) for cell in cells) + " |")
    return "\n".join(rows) + "\n"


def _plain(text: str) -> str:
    """One line in which no character makes a table, a link or HTML in Markdown."""
    return " ".join(re.sub(r"[\\|<>&`\[\]]", r"\\\g<0>", text).split()) or "(empty)"


def read_lines(path: Path, most: int | None = None) -> list[dict[str, Any]]:
    """The first lines, or all, of a file of prompts or captions; nothing where there is none."""
    if not path.is_file():
        return []
    with path.open(encoding="utf-8") as file:
        return [json.loads(line) for line in itertools.islice(file, most)]
