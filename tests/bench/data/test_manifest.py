"""Pictures are hashed once: the second digest opens none, sees every change, and is the digest it always was."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import SimpleNamespace

import pytest
from coco_files import edit
from PIL import Image

from bench.data import data_digest, manifest

PLACES: list[str] = []  # paths that this process opens, while it is being watched
WATCHED: list[bool] = []


def _watch(event: str, arguments: tuple) -> None:
    if WATCHED and event == "open":
        PLACES.append(str(arguments[0]))


sys.addaudithook(_watch)


@contextmanager
def pictures_opened() -> Iterator[list[str]]:
    names: list[str] = []
    PLACES.clear()
    WATCHED.append(True)
    try:
        yield names
    finally:
        WATCHED.clear()
        names += sorted({Path(place).name for place in PLACES if "/images/" in place})


@pytest.fixture(autouse=True)
def settled(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(manifest, "SETTLED", 0)


@pytest.fixture
def cache(tmp_path: Path) -> Path:
    return tmp_path / "cache"


def digest(root: Path, cache: Path | None) -> str:
    return data_digest(SimpleNamespace(name="coco", root=str(root)), cache and str(cache))


def truth(root: Path) -> str:
    """The digest as it was before hashes were kept; run ids depend on it."""
    whole = hashlib.sha256()
    for name in ("captions_train.json", "captions_val.json"):
        content = json.loads((root / name).read_text(encoding="utf-8"))
        for image in content["images"]:
            captions = [a["caption"] for a in content["annotations"] if a["image_id"] == image["id"]]
            file = root / "images" / image["file_name"]
            held = hashlib.sha256(file.read_bytes()).hexdigest() if file.exists() else None
            whole.update(json.dumps([name, str(image["id"]), image["file_name"], captions, held]).encode())
    return whole.hexdigest()[:12]


def kept(cache: Path) -> Path:
    (file,) = cache.rglob("*.json")
    assert [path for path in cache.rglob("*") if path.is_file()] == [file], "drafts were left"
    return file


def test_the_second_call_opens_no_picture(coco_folder: Path, cache: Path) -> None:
    (coco_folder / "images" / "3.png").unlink()
    with pictures_opened() as first:
        before = digest(coco_folder, cache)
    with pictures_opened() as second:
        assert digest(coco_folder, cache) == before
    assert before == truth(coco_folder)
    assert len([name for name in first if name.endswith(".png")]) == 42 and second == []
    assert digest(coco_folder, None) == truth(coco_folder)


@pytest.mark.parametrize("edited", ["same size and time", "removed", "replaced", "named anew"])
def test_a_change_is_seen(coco_folder: Path, cache: Path, edited: str) -> None:
    before = digest(coco_folder, cache)
    path = coco_folder / "images" / "7.png"
    status, content = path.stat(), bytearray(path.read_bytes())
    time.sleep(0.05)  # more than a tick of the file system's clock
    if edited == "same size and time":
        content[-1] ^= 1
        path.write_bytes(content)
        os.utime(path, ns=(status.st_atime_ns, status.st_mtime_ns))
        assert (path.stat().st_size, path.stat().st_mtime_ns) == (status.st_size, status.st_mtime_ns)
    elif edited == "removed":
        path.unlink()
    elif edited == "replaced":
        shutil.copy2(coco_folder / "images" / "8.png", path)
    else:
        edit(coco_folder, lambda content: content["images"][7].update(file_name="8.png"))
    with pictures_opened() as names:
        after = digest(coco_folder, cache)
    assert after == truth(coco_folder) != before
    assert names == (["7.png"] if edited in ("same size and time", "replaced") else [])


def test_a_file_just_written_is_not_relied_on(
    coco_folder: Path, cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(manifest, "SETTLED", 10**12)  # two writes within a tick of the clock look alike
    digest(coco_folder, cache)
    with pictures_opened() as names:
        digest(coco_folder, cache)
    assert len(names) == 43


@pytest.mark.parametrize("content", [b"", b"{}", b"\xff\xfe", b"[" * 100_000, b"0" * 64 + b"\n{}", "cut", "changed"])
def test_a_damaged_manifest_is_made_anew(coco_folder: Path, cache: Path, content: bytes | str) -> None:
    digest(coco_folder, cache)
    path = kept(cache)
    whole = path.read_bytes()
    if isinstance(content, str):
        content = whole[:-9] if content == "cut" else whole.replace(b'", "', b'0", "', 1).replace(b'a"', b'b"')
    path.write_bytes(content)
    assert digest(coco_folder, cache) == truth(coco_folder)
    assert kept(cache).read_bytes() == whole


@pytest.mark.parametrize("obstacle", ["a file", "a coco_folder for the manifest", "read-only"])
def test_a_cache_that_cannot_be_written_costs_only_time(
    coco_folder: Path, cache: Path, obstacle: str, caplog: pytest.LogCaptureFixture) -> None:
    if obstacle == "a file":
        cache.write_text("in the way", encoding="utf-8")
    elif obstacle == "read-only":
        cache = Path("/proc/no/cache")  # which root cannot write either
    else:
        digest(coco_folder, cache)
        path = kept(cache)
        path.unlink()
        path.mkdir()
    assert digest(coco_folder, cache) == truth(coco_folder) == digest(coco_folder, cache)
    assert "cannot write" in caplog.text


def test_two_folders_and_several_processes_share_a_cache(coco_folder: Path, cache: Path, tmp_path: Path) -> None:
    other = tmp_path / "other"
    shutil.copytree(coco_folder, other)
    Image.new("RGB", (20, 16), "red").save(other / "images" / "0.png")
    code = (
        "import sys; from types import SimpleNamespace; from bench.data import data_digest, manifest\n"
        "manifest.SETTLED = 0\n"
        "for _ in range(5):\n"
        "    print({data_digest(SimpleNamespace(name='coco', root=root), sys.argv[1]) for root in sys.argv[2:]})"
    )
    command = [sys.executable, "-c", code, str(cache), str(coco_folder), str(other)]
    racers = [subprocess.Popen(command, stdout=subprocess.PIPE, text=True) for _ in range(3)]
    said = {line for racer in racers for line in racer.communicate()[0].splitlines()}
    assert [racer.returncode for racer in racers] == [0] * 3
    assert len(said) <= 2 and all(truth(coco_folder) in line and truth(other) in line for line in said)
    assert len(list(cache.rglob("*.json"))) == 2
    with pictures_opened() as names:
        digests = digest(coco_folder, cache), digest(other, cache)
    assert names == [] and digests == (truth(coco_folder), truth(other))
