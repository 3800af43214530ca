"""Text is UTF-8 whatever the locale says: captions and names beyond ASCII survive where the locale knows only ASCII."""

from __future__ import annotations

import ast
import os
import subprocess
import sys
from pathlib import Path

from coco_files import edit

ROOT = Path(__file__).parents[2]
SOURCES = [p for room in ("architectures", "bench", "benchmarks", "reports", "sweeps", "tests")
           for p in sorted((ROOT / room).rglob("*.py"))]  # fmt: skip
CAPTION = "ein Café, 一只猫, naïve 🐈"
ROUND_TRIP = """
import locale, sys
from pathlib import Path
import numpy as np
from bench.data.sets.coco import CocoSplit, coco_digest
from bench.evaluation.evaluate import Evaluated, save
from bench.tasks.base import GeneratedCaption, GeneratedImage
from reports.figures.samples import read_lines

root, out, encoding, caption = Path(sys.argv[1]), Path(sys.argv[2]), *sys.argv[3:]
assert (locale.getpreferredencoding(False).lower() == "utf-8") == (encoding == "utf-8"), "this locale proves nothing"
split = CocoSplit(root, "test", 8)
assert [ascii(c) for c in split.captions(0)] == [caption]
image, name, captions = np.zeros((8, 8, 3), np.uint8), split.ids[0], split.captions(0)
samples = {"t2i": [GeneratedImage(name, *captions, image)], "i2t": [GeneratedCaption(name, *captions, captions)]}
save(Evaluated({}, {}, samples, {"t2i": image[None]}), out)
for name, key in (("i2t/captions", "caption"), ("t2i/prompts", "prompt")):
    assert [line[key] for line in read_lines(out / f"{name}.jsonl")] == split.captions(0)
print(coco_digest(root))
"""


def test_captions_and_names_survive_an_ascii_locale(coco_folder: Path, tmp_path: Path) -> None:
    def rewrite(content: dict) -> None:
        content["images"][0]["file_name"] = "café-猫.png"
        content["annotations"] = [note for note in content["annotations"] if note["id"] != 1]
        content["annotations"][0]["caption"] = CAPTION

    (coco_folder / "images" / "40.png").rename(coco_folder / "images" / "café-猫.png")
    edit(coco_folder, rewrite, "captions_val.json")
    said = {}
    settings = {
        "ascii": {"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"},
        "utf-8": {"PYTHONUTF8": "1"},
    }
    for name, locale in settings.items():
        out = tmp_path / name
        out.mkdir()
        command = [sys.executable, "-c", ROUND_TRIP, coco_folder, out, name, ascii(CAPTION)]
        environment = os.environ | locale | {"PYTHONPATH": str(ROOT)}
        done = subprocess.run(command, env=environment, capture_output=True, text=True)
        assert done.returncode == 0, done.stderr
        said[name] = (done.stdout, (out / "i2t" / "captions.jsonl").read_bytes())
    assert said["ascii"] == said["utf-8"] and CAPTION.encode() in said["ascii"][1]


def test_every_text_file_has_a_stated_encoding() -> None:
    """The lint rule sees only calls of which it knows that they are a path's."""
    bare = [f"{source.relative_to(ROOT)}:{node.lineno}" for source in SOURCES
            for node in ast.walk(ast.parse(source.read_text(encoding="utf-8")))
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute)
            and len(node.args) <= {"read_text": 0, "write_text": 1}.get(node.func.attr, -1)
            and not any(keyword.arg == "encoding" for keyword in node.keywords)]  # fmt: skip
    assert len(SOURCES) > 200 and not bare
