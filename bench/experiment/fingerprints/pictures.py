"""A folder of pictures in COCO's layout, for data sets that read one: other sizes, modes and orientations."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
from PIL import Image as PILImage

from bench.scenes import captions, render_batch, sample_scenes

COUNTS = {"train": 44, "val": 12}
MODES = ("RGB", "L", "RGBA", "P", "I;16")
ORIENTATION = 0x0112  # the Exif tag


def write(folder: Path) -> Path:
    """Write it, and return it."""
    (folder / "images").mkdir(parents=True)
    scenes = sample_scenes("train", sum(COUNTS.values()), 1, 7)
    drawn = render_batch(scenes, 48)  # n H W 3
    number = 0
    for part, count in COUNTS.items():
        images, annotations = [], []
        for scene in scenes[number : number + count]:
            name = f"{number:03d}.png"
            _save(drawn[number], number, folder / "images" / name)
            images.append({"id": number, "file_name": name})
            said = [*captions(scene)[: 1 + number % 5], f" Number {number},\tseen\u00a0twice! "]
            annotations += [{"id": 10 * number + i, "image_id": number, "caption": text} for i, text in enumerate(said)]
            number += 1
        content = json.dumps({"images": images, "annotations": annotations[::-1]})
        (folder / f"captions_{part}.json").write_text(content, encoding="utf-8")
    return folder


def _save(pixels: np.ndarray, number: int, path: Path) -> None:
    mode, exif = MODES[number % len(MODES)], PILImage.Exif()
    exif[ORIENTATION] = 1 + number % 8
    image = PILImage.fromarray(pixels[: 48 - number % 7, number % 11 :])
    if mode == "I;16":
        image = PILImage.fromarray(np.asarray(image.convert("L")).astype(np.uint16) * 257)
    elif mode == "RGBA":
        image.putalpha(200 - number)
    elif mode != "RGB":
        image = image.convert(mode)
    image.save(path, exif=exif)
