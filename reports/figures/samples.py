"""What the models drew and wrote: the same prompts side by side, at the sweep's first x and seed."""

from __future__ import annotations

import io
import itertools
import json
import re
import textwrap
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from bench.runs import results
from reports.stored.runs import Point, Sweep
from reports.style import labels

if TYPE_CHECKING:
    from PIL import ImageFont

PROMPTS = 8
CELL, GAP, MARGIN, HEAD, PROMPT, WRITTEN = 160, 12, 20, 110, 430, 760  # pixels
FONT, SMALL = 20, 16  # pixels
CHARACTERS, WRITTEN_CHARACTERS = 34, 74  # in a line of a prompt, and of a caption
REAL = "real picture"


class Item(NamedTuple):
    """What was asked for: the file it was drawn to, whose caption it is, and the words."""

    sample: str
    id: str
    prompt: str


Pictures = dict[Item, Path]
Captions = dict[str, list[dict[str, Any]]]  # the lines of captions.jsonl, by who wrote them


def draw(sweep: Sweep) -> dict[str, bytes]:
    """`samples.png` and `samples.md`, of the runs that are done; nothing where none kept its samples."""
    points = _chosen(sweep)
    pictures = {labels.architecture(name): _pictures(point, "samples") for name, point in points.items()}
    captions = {name: read_lines(point.folder / "captions.jsonl") for name, point in points.items()}
    captions = {labels.architecture(name): lines for name, lines in captions.items() if lines}
    where = _where(sweep, next(iter(points.values()))) if points else ""
    files = {}
    if any(pictures.values()):
        real = _pictures(next(iter(points.values())), "real")
        columns = {REAL: real, **pictures} if real else pictures
        files["samples.png"] = _grid({name: drawn for name, drawn in columns.items() if drawn}, captions, where)
    if captions:
        files["samples.md"] = _captions({name: lines[:PROMPTS] for name, lines in captions.items()}, where).encode()
    return files


def _chosen(sweep: Sweep) -> dict[str, Point]:
    """The first done run of each architecture that has the x and the seed of the sweep's first done run."""
    done = [point for point in sweep.points if point.status == "done"]
    chosen: dict[str, Point] = {}
    for point in done:
        same_x = sweep.x == "architecture" or point.settings.get(sweep.x) == done[0].settings.get(sweep.x)
        if same_x and point.settings["seed"] == done[0].settings["seed"]:
            chosen.setdefault(point.settings["architecture"], point)
    return chosen


def _where(sweep: Sweep, point: Point) -> str:
    parts = [sweep.title]
    if sweep.x != "architecture":
        name = labels.axis(sweep.x).removesuffix(" (%)")
        parts.append(f"{name} {labels.axis_value(sweep.x, point.settings.get(sweep.x))}")
    return ", ".join([*parts, f"seed {point.settings['seed']}"])


def _pictures(point: Point, folder: str) -> Pictures:
    """Those of the first prompts, in samples/ or real/; one that was changed since is left out."""
    asked = [Item(line["sample"], line["id"], line["prompt"]) for line in read_lines(point.folder / "prompts.jsonl")]
    files = {item: point.folder / folder / item.sample for item in sorted(asked)[:PROMPTS]}
    return {item: file for item, file in files.items() if results.image_is_unchanged(file, point.result)}


def _grid(pictures: dict[str, Pictures], captions: Captions, where: str) -> bytes:
    """A row a prompt; the real picture, what each architecture drew, and what each wrote of the real one."""
    from PIL import Image, ImageDraw

    items = sorted({item for drawn in pictures.values() for item in drawn})
    step = CELL + GAP
    written = REAL in pictures and bool(captions)
    left = MARGIN + PROMPT + step * len(pictures)
    size = (left + MARGIN + WRITTEN * written, 2 * MARGIN + HEAD + step * len(items))
    page = Image.new("RGB", size, "white")
    write = ImageDraw.Draw(page)
    write.text((MARGIN, MARGIN), where, "black", _font(FONT))
    for row, item in enumerate(items):
        middle = MARGIN + HEAD + step * row + CELL // 2
        prompt = textwrap.fill(textwrap.shorten(item.prompt, 5 * CHARACTERS, placeholder=" …"), CHARACTERS)
        write.multiline_text((MARGIN, middle), prompt, "black", _font(FONT), anchor="lm", spacing=6)
        if written:
            said = _written(item, captions)
            write.multiline_text((left + GAP, middle), said, "black", _font(SMALL), anchor="lm", spacing=5)
    for column, (name, drawn) in enumerate(pictures.items()):
        corner = MARGIN + PROMPT + step * column
        place = (corner + CELL // 2, MARGIN + HEAD - GAP)
        title = textwrap.fill(name, 12)
        write.multiline_text(place, title, "black", _font(FONT), anchor="md", align="center", spacing=6)
        for item, file in drawn.items():
            with Image.open(file) as picture:
                whole = picture.convert("RGB").resize((CELL, CELL), Image.Resampling.NEAREST)
            page.paste(whole, (corner, MARGIN + HEAD + step * items.index(item)))
    if written:
        place = (left + GAP, MARGIN + HEAD - GAP)
        write.text(place, f"captions of the {REAL}", "black", _font(FONT), anchor="ld")
    buffer = io.BytesIO()
    page.save(buffer, "PNG")
    return buffer.getvalue()


def _written(item: Item, captions: Captions) -> str:
    """What each architecture wrote of the picture that a prompt belongs to."""
    said = []
    for name, lines in captions.items():
        caption = next((line["caption"] for line in lines if line["id"] == item.id), None)
        if caption is not None:
            text = textwrap.shorten(f"{name}: {caption or '(empty)'}", 2 * WRITTEN_CHARACTERS, placeholder=" …")
            said.append(textwrap.fill(text, WRITTEN_CHARACTERS, subsequent_indent="    "))
    return "\n".join(said)


def _font(size: int) -> ImageFont.FreeTypeFont:
    from matplotlib import get_data_path
    from PIL import ImageFont

    return ImageFont.truetype(Path(get_data_path()) / "fonts" / "ttf" / "DejaVuSans.ttf", size)


def _captions(captions: Captions, where: str) -> str:
    """A section a picture: a reference, and what each architecture wrote."""
    lines = ["# Captions written", "", f"{where}. *Reference*: the first of the picture's own captions.", ""]
    first = next(iter(captions.values()))
    written = {name: {line["id"]: line["caption"] for line in rows} for name, rows in captions.items()}
    lines.append("| picture | reference | " + " | ".join(written) + " |")
    lines.append("| --- " * (2 + len(written)) + "|")
    for line in first:
        cells = [line["id"], line["references"][0], *[rows.get(line["id"], "") for rows in written.values()]]
        lines.append("| " + " | ".join(_plain(str(cell)) for cell in cells) + " |")
    return "\n".join(lines) + "\n"


def _plain(text: str) -> str:
    """One line in which no character makes a table, a link or HTML in Markdown."""
    return " ".join(re.sub(r"[\\|<>&`\[\]]", r"\\\g<0>", text).split()) or "(empty)"


def read_lines(path: Path, most: int | None = None) -> list[dict[str, Any]]:
    """What the first lines, or all, of a file of prompts or captions say; nothing where there is none."""
    if not path.is_file():
        return []
    with path.open(encoding="utf-8") as file:
        return [json.loads(line) for line in itertools.islice(file, most)]
