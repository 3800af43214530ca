"""What the models drew and wrote: the same prompts side by side, at the sweep's first x and seed."""

from __future__ import annotations

import io
import json
import textwrap
from pathlib import Path
from typing import Any

from bench import results
from reports import labels
from reports.runs import Point, Sweep

PROMPTS = 8
CELL, GAP, MARGIN, HEAD, PROMPT, FONT = 160, 12, 20, 110, 430, 20  # pixels
CHARACTERS = 34  # of a prompt in a line

Pictures = dict[tuple[str, str], Path]  # of a sample's name and its prompt


def draw(sweep: Sweep) -> dict[str, bytes]:
    """`samples.png` and `samples.md`, of the runs that are done; nothing where none kept its samples."""
    points = _chosen(sweep)
    pictures = {name: _pictures(point) for name, point in points.items()}
    captions = {name: _lines(point.folder / "captions.jsonl")[:PROMPTS] for name, point in points.items()}
    pictures = {name: drawn for name, drawn in pictures.items() if drawn}
    captions = {name: written for name, written in captions.items() if written}
    where = _where(sweep, next(iter(points.values()))) if points else ""
    files = {}
    if pictures:
        files["samples.png"] = _grid(pictures, where)
    if captions:
        files["samples.md"] = _captions(captions, where).encode()
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
    parts = [f"{sweep.name}, preset {sweep.preset}"]
    if sweep.x != "architecture":
        name = labels.axis(sweep.x).removesuffix(" (%)")
        parts.append(f"{name} {labels.axis_value(sweep.x, point.settings.get(sweep.x))}")
    return ", ".join([*parts, f"seed {point.settings['seed']}"])


def _pictures(point: Point) -> Pictures:
    """Those of the first prompts; one that was changed since it was drawn is left out."""
    lines = sorted(_lines(point.folder / "prompts.jsonl"), key=lambda line: line["sample"])[:PROMPTS]
    files = {(line["sample"], line["prompt"]): point.folder / "samples" / line["sample"] for line in lines}
    return {which: file for which, file in files.items() if results.picture_is_whole(file, point.result)}


def _grid(pictures: dict[str, Pictures], where: str) -> bytes:
    """A row a prompt, a column an architecture."""
    from matplotlib import get_data_path
    from PIL import Image, ImageDraw, ImageFont

    font = ImageFont.truetype(Path(get_data_path()) / "fonts" / "ttf" / "DejaVuSans.ttf", FONT)
    rows = sorted({which for drawn in pictures.values() for which in drawn})
    step = CELL + GAP
    size = (MARGIN + PROMPT + step * len(pictures), 2 * MARGIN + HEAD + step * len(rows))
    page = Image.new("RGB", size, "white")
    write = ImageDraw.Draw(page)
    write.text((MARGIN, MARGIN), where, "black", font)
    for row, (_, prompt) in enumerate(rows):
        text = textwrap.fill(textwrap.shorten(prompt, 5 * CHARACTERS, placeholder=" …"), CHARACTERS)
        middle = MARGIN + HEAD + step * row + CELL // 2
        write.multiline_text((MARGIN, middle), text, "black", font, anchor="lm", spacing=6)
    for column, (name, drawn) in enumerate(pictures.items()):
        left = MARGIN + PROMPT + step * column
        title = textwrap.fill(labels.architecture(name), 12)
        place = (left + CELL // 2, MARGIN + HEAD - GAP)
        write.multiline_text(place, title, "black", font, anchor="md", align="center", spacing=6)
        for which, file in drawn.items():
            with Image.open(file) as picture:
                whole = picture.convert("RGB").resize((CELL, CELL), Image.Resampling.NEAREST)
            page.paste(whole, (left, MARGIN + HEAD + step * rows.index(which)))
    buffer = io.BytesIO()
    page.save(buffer, "PNG")
    return buffer.getvalue()


def _captions(captions: dict[str, list[dict[str, Any]]], where: str) -> str:
    """A section a picture: a reference, and what each architecture wrote."""
    lines = ["# Captions written", "", f"{where}. *Reference*: the first of the picture's own captions.", ""]
    first = next(iter(captions.values()))
    written = {name: {line["id"]: line["caption"] for line in rows} for name, rows in captions.items()}
    lines.append("| picture | reference | " + " | ".join(map(labels.architecture, written)) + " |")
    lines.append("| --- " * (2 + len(written)) + "|")
    for line in first:
        cells = [line["id"], line["references"][0], *[rows.get(line["id"], "") for rows in written.values()]]
        lines.append("| " + " | ".join(_plain(str(cell)) for cell in cells) + " |")
    return "\n".join(lines) + "\n"


def _plain(text: str) -> str:
    """One line without the characters that make a table in Markdown."""
    return " ".join(text.replace("|", "\\|").split()) or "(empty)"


def _lines(path: Path) -> list[dict[str, Any]]:
    if not path.is_file():
        return []
    return [json.loads(line) for line in path.read_text().splitlines() if line.strip()]
