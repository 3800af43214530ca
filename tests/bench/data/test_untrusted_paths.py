"""A captions file that someone else wrote names nothing outside `images/`, hangs nobody, and is refused in one line."""

from __future__ import annotations

import json
import os
import socket
import struct
import unicodedata
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from coco_files import edit
from PIL import Image
from test_coco import opened, refusal

from bench.data import captions_file, data_digest
from bench.data import images as pictures
from bench.data.images import BrokenImage, open_image, read_image
from bench.evaluation.evaluate import Evaluated, save
from bench.system.errors import UserError
from bench.tasks.base import GeneratedCaption, GeneratedImage
from reports.figures.samples import _table

TURNED = (0x0112, 3, 1, 6)  # the tag of the orientation: shown a quarter turn clockwise


def first_named(root: Path, name: str) -> None:
    edit(root, lambda content: content["images"][0].update(file_name=name))


def refusals(root: Path) -> str:
    """The one line in which both opening a split and the digest refuse."""
    message = refusal(root)
    with pytest.raises(UserError) as error:
        data_digest(SimpleNamespace(name="coco", root=str(root)))
    assert str(error.value) == message
    assert "captions_train.json" in message and "images[0]" in message and len(message) < 700
    return message


@pytest.mark.parametrize(("name", "reason"), [
    ("{outside}", "absolute"), ("C:/0.png", "absolute"), ("c:0.png", "absolute"), ("../../outside.png", "'..'"),
    ("sub/../../../outside.png", "'..'"), ("..", "'..'"), ("0.png\0.jpg", "NUL"), ("", "empty"), (".", "a folder"),
    ("sub\\0.png", "backslash"), ("..\\outside.png", "backslash"), ("x" * 300 + ".png", "longer"),
    ("x/" * 3000, "longer"), ("\ud800.png", "surrogate"),
])  # fmt: skip
def test_a_name_that_is_none_is_refused(coco_folder: Path, tmp_path: Path, name: str, reason: str) -> None:
    (tmp_path / "outside.png").write_bytes((coco_folder / "images" / "0.png").read_bytes())
    first_named(coco_folder, name.format(outside=tmp_path / "outside.png"))
    assert reason in refusals(coco_folder)


@pytest.mark.parametrize("name", ["link.png", "linked/0.png", "deep/link.png", "dangling.png"])
def test_a_link_out_of_the_folder_is_refused(coco_folder: Path, tmp_path: Path, name: str) -> None:
    images, outside = coco_folder / "images", tmp_path / "images2"  # a name that begins like the folder's
    outside.mkdir()
    Image.new("RGB", (8, 8)).save(outside / "0.png")
    (images / "deep").mkdir()
    (images / "link.png").symlink_to(outside / "0.png")
    (images / "linked").symlink_to(outside)
    (images / "deep" / "link.png").symlink_to("../../../images2/0.png")
    (images / "dangling.png").symlink_to(outside / "later.png")
    first_named(coco_folder, name)
    assert "leads out of images/" in refusals(coco_folder)


def test_links_that_stay_inside_are_followed(coco_folder: Path, tmp_path: Path) -> None:
    images = coco_folder / "images"
    (images / "deep").mkdir()
    (images / "deep" / "link.png").symlink_to("../0.png")
    first_named(coco_folder, "./deep//link.png")
    before = opened(coco_folder)
    images.rename(tmp_path / "elsewhere")
    images.symlink_to(tmp_path / "elsewhere")  # the coco_folder itself is its owner's choice
    assert (opened(coco_folder).images(range(3)) == before.images(range(3))).all()


@pytest.mark.parametrize("kind", ["fifo", "socket", "folder", "device"])
def test_only_regular_files_are_opened(coco_folder: Path, kind: str, monkeypatch: pytest.MonkeyPatch) -> None:
    path = coco_folder / "images" / "odd"
    if kind == "fifo":
        os.mkfifo(path)
    elif kind == "socket":
        monkeypatch.chdir(path.parent)  # the address of a socket must be short
        socket.socket(socket.AF_UNIX).bind("odd")
    elif kind == "folder":
        path.mkdir()
    elif os.geteuid() == 0:
        try:
            os.mknod(path, 0o020666, os.makedev(1, 5))  # /dev/zero, which never ends
        except PermissionError:
            pytest.skip("no devices may be made here")
    else:
        pytest.skip("only root makes devices")
    first_named(coco_folder, "odd")
    assert "no regular file" in refusals(coco_folder)
    with pytest.raises(BrokenImage, match="not a regular file"):  # a picture given by hand
        open_image(path, 8)


def test_a_captions_file_that_is_a_pipe_or_too_large(coco_folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(captions_file, "LARGEST", 100)
    assert "captions_train.json: cannot be read (larger than 100 bytes)" in refusal(coco_folder)
    (coco_folder / "captions_train.json").unlink()
    os.mkfifo(coco_folder / "captions_train.json")
    assert "captions_train.json: cannot be read (not a regular file)" in refusal(coco_folder)


@pytest.mark.parametrize("content", ["[" * 100_000 + "]" * 100_000, '{"a":' * 100_000 + "1" + "}" * 100_000])
def test_a_file_nested_deep_is_refused(coco_folder: Path, content: str) -> None:
    (coco_folder / "captions_train.json").write_text(content, encoding="utf-8")
    assert "captions_train.json" in refusal(coco_folder) and "nested too deep" in refusal(coco_folder)


def test_pictures_larger_than_pictures_are(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    Image.new("1", (20_000, 20_000)).save(tmp_path / "bomb.png")  # 400 million pixels in 50 KB
    for limit in (Image.MAX_IMAGE_PIXELS, None):  # other libraries take Pillow's limit away
        monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", limit)
        with pytest.raises(BrokenImage, match="more than 178,956,970 pixels"):
            open_image(tmp_path / "bomb.png", 8)
    monkeypatch.setattr(pictures, "LARGEST_FILE", 1000)
    with pytest.raises(BrokenImage, match="larger than 1,000 bytes"):
        open_image(tmp_path / "bomb.png", 8)


def test_no_picture_is_a_program(tmp_path: Path) -> None:
    Image.new("RGB", (8, 8)).save(tmp_path / "page.png", "EPS")
    with pytest.raises(BrokenImage, match="EPS"):
        open_image(tmp_path / "page.png", 8)


@pytest.mark.parametrize(("on_disk", "listed"), [("NFC", "NFD"), ("NFD", "NFC")])
def test_a_name_in_the_other_normal_form_is_hinted_at(coco_folder: Path, on_disk: str, listed: str) -> None:
    name = opened(coco_folder).ids[0]
    (coco_folder / "images" / f"{name}.png").rename(coco_folder / "images" / unicodedata.normalize(on_disk, "café.png"))
    edit(coco_folder, lambda c: c["images"][int(name)].update(file_name=unicodedata.normalize(listed, "café.png")))
    assert "missing" in refusal(coco_folder) and f"Unicode form {on_disk} is there" in refusal(coco_folder)


@pytest.mark.parametrize(("write", "twin"), [(float, "0.0"), (lambda n: f"{n:04}", "0000")])
def test_an_id_written_in_two_ways_is_hinted_at(coco_folder: Path, write, twin: str) -> None:
    edit(coco_folder, lambda content: [image.update(id=write(image["id"])) for image in content["images"]])
    assert f"annotations[0] is about image 0, which is not listed there (it is {twin}" in refusal(coco_folder)
    edit(coco_folder, lambda content: content["annotations"][0].update(image_id="elsewhere"))
    assert refusal(coco_folder).endswith("image elsewhere, which is not listed there")


@pytest.mark.parametrize("part", ["id", "caption"])
def test_half_a_surrogate_pair_is_no_text(coco_folder: Path, part: str) -> None:
    edit(coco_folder, lambda c: c["images"][0].update(id="\ud800") if part == "id" else c["annotations"][0].update(
        caption="a \udfff"))
    assert "half a surrogate pair" in refusal(coco_folder) and "[0]" in refusal(coco_folder)


def test_an_id_names_no_file_and_is_no_markup(tmp_path: Path) -> None:
    ids = ["../../escaped", "/escaped", "<b onclick=x>|"]
    images = np.zeros((3, 8, 8, 3), np.uint8)
    (tmp_path / "run").mkdir()
    pictures = [GeneratedImage(name, "a", image) for name, image in zip(ids, images, strict=True)]
    texts = [GeneratedCaption(name, "b", ["<i>c</i>"]) for name in ids]
    save(Evaluated({}, {}, {"t2i": pictures, "i2t": texts}, {"t2i": images}), tmp_path / "run")
    assert sorted(p.name for p in tmp_path.rglob("*.png")) == sorted(2 * [f"{n:05d}.png" for n in range(3)])
    assert [p.name for p in tmp_path.iterdir()] == ["run"]
    assert sorted(p.name for p in (tmp_path / "run").iterdir()) == ["i2t", "per_item.json", "t2i"]
    for name in ("t2i/prompts.jsonl", "i2t/captions.jsonl"):
        lines = (tmp_path / "run" / name).read_text(encoding="utf-8").splitlines()
        assert [json.loads(line)["id"] for line in lines] == ids
    page = _table("here", {"One": [json.loads(line) for line in lines]})
    assert r"\<b onclick=x\>\|" in page and r"\<i\>c\</i\>" in page


def exif(*entries: tuple[int, int, int, int]) -> bytes:
    """A TIFF block of one directory, with a fraction over 0 behind it."""
    rows = b"".join(struct.pack("<HHII", *entry) for entry in entries)
    return b"Exif\0\0II*\0" + struct.pack("<IH", 8, len(entries)) + rows + struct.pack("<III", 0, 1, 0)


BROKEN_TAGS = {
    "the maker's name is a fraction": exif((0x010F, 5, 1, 38), TURNED),
    "the resolution is a byte": exif(TURNED, (0x011A, 1, 1, 0)),
    "the resolution is negative": exif(TURNED, (0x011A, 6, 1, 2**32 - 1)),
}


def turned(path: Path, block: bytes) -> None:
    """White on the left as stored, on the top as shown."""
    pixels = np.zeros((16, 16, 3), np.uint8)
    pixels[:, :8] = 255
    Image.fromarray(pixels).save(path, quality=100, exif=block)


@pytest.mark.parametrize("suffix", ["jpg", "png", "webp"])
@pytest.mark.parametrize("fault", BROKEN_TAGS)
def test_a_broken_tag_costs_neither_pixels_nor_orientation(tmp_path: Path, fault: str, suffix: str) -> None:
    path = tmp_path / f"picture.{suffix}"
    turned(path, BROKEN_TAGS[fault])
    read = read_image(path, 16)
    assert read.repaired and read.pixels[:6].min() > 200 and read.pixels[10:].max() < 50
    turned(path, exif(TURNED))
    whole = read_image(path, 16)
    assert not whole.repaired and (whole.pixels == read.pixels).all()


def test_tags_that_are_no_tags_are_passed_over(tmp_path: Path) -> None:
    turned(tmp_path / "picture.png", b"Exif\0\0no directory at all")
    read = read_image(tmp_path / "picture.png", 16)
    assert read.repaired and read.pixels[:, :6].min() > 200 and read.pixels[:, 10:].max() < 50


def test_repaired_pictures_are_counted(coco_folder: Path, caplog: pytest.LogCaptureFixture) -> None:
    names = [f"{image_id}.png" for image_id in opened(coco_folder).ids[:2]]
    assert "repaired" not in caplog.text
    for name, block in zip(names, BROKEN_TAGS.values(), strict=False):
        turned(coco_folder / "images" / name, block)
    opened(coco_folder)
    assert "2 images of the train split repaired" in caplog.text and names[0] in caplog.text


def test_pixels_that_break_off_are_not_repaired(tmp_path: Path) -> None:
    noise = np.random.default_rng(0).integers(0, 256, (64, 64, 3), dtype=np.uint8)
    Image.fromarray(noise).save(tmp_path / "whole.jpg", exif=BROKEN_TAGS["the resolution is a byte"])
    (tmp_path / "cut.jpg").write_bytes((tmp_path / "whole.jpg").read_bytes()[:2000])
    with pytest.raises(BrokenImage, match="truncated"):
        open_image(tmp_path / "cut.jpg", 8)
