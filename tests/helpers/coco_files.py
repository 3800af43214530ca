"""Caption files as COCO has them, written and edited."""

from __future__ import annotations

import json
from pathlib import Path

CAPTIONS = ("a picture", "a thing")


def write_captions(path: Path, names: list[str], captions: tuple[str, ...] = CAPTIONS, first: int = 0) -> None:
    images = [{"id": first + i, "file_name": name} for i, name in enumerate(names)]
    annotations = [{"id": 10 * i + j, "image_id": image["id"], "caption": caption}
                   for i, image in enumerate(images) for j, caption in enumerate(captions)]
    path.write_text(json.dumps({"images": images, "annotations": annotations}), encoding="utf-8")


def edit(root: Path, change, name: str = "captions_train.json") -> None:
    content = json.loads((root / name).read_text(encoding="utf-8"))
    change(content)
    (root / name).write_text(json.dumps(content), encoding="utf-8")
