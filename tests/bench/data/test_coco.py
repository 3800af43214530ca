"""The COCO folder: conversions against pixel values worked out by hand, splits, digests, and bad input."""

from __future__ import annotations

import shutil
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from coco_files import edit, write_captions
from PIL import Image

from bench.data import data_digest, open_split
from bench.data.images import BrokenImage, open_image
from bench.data.sets.coco import CocoSplit
from bench.system.errors import UserError


def opened(root: Path, split: str = "train", max_broken: int = 0) -> CocoSplit:
    return CocoSplit(root, split, 8, max_broken)


def refusal(root: Path, **settings) -> str:
    with pytest.raises(UserError) as error:
        opened(root, **settings)
    assert "\n" not in str(error.value)
    return str(error.value)


def test_splits_partition_the_training_file_and_keep_the_test_file_apart(coco_folder: Path) -> None:
    train, validation, test = (opened(coco_folder, split) for split in ("train", "validation", "test"))
    assert sorted(train.ids + validation.ids, key=int) == [str(i) for i in range(40)]
    assert 0 < len(validation) < 12 and len(train) + len(validation) == 40
    assert test.ids == ["40", "41", "42"]
    for split in (train, validation, test):
        pictures = split.images(range(len(split)))
        assert pictures.shape == (len(split), 8, 8, 3) and pictures.dtype == np.uint8
        for image_id, picture in zip(split.ids, pictures, strict=True):  # each id came with its own picture
            assert (picture == [int(image_id), 2 * int(image_id), 200]).all()
    assert train.captions(0) == ["a picture", "a thing"] and train.scenes is None


def test_a_new_picture_moves_no_other_between_splits(coco_folder: Path) -> None:
    before = opened(coco_folder).ids
    edit(coco_folder, lambda c: (c["images"].insert(0, {"id": 999, "file_name": "0.png"}),
                            c["annotations"].append({"image_id": 999, "caption": "one more"})))
    assert [i for i in opened(coco_folder).ids if i != "999"] == before


def test_reading_from_disk_equals_reading_from_memory(coco_folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    held = opened(coco_folder).images([3, 1, 1])
    monkeypatch.setattr("bench.data.sets.coco.MEMORY_LIMIT", 0)
    assert (opened(coco_folder).images([3, 1, 1]) == held).all()


def test_the_package_opens_the_folder_by_its_settings(coco_folder: Path) -> None:
    data = SimpleNamespace(name="coco", root=str(coco_folder), image_size=16, max_broken=0)
    assert open_split(data, "test").images([0]).shape == (1, 16, 16, 3)
    with pytest.raises(UserError, match="did you mean 'coco'"):
        open_split(SimpleNamespace(name="cocoa", root=None), "test")
    with pytest.raises(UserError, match="did you mean 'validation'"):
        open_split(data, "valid")
    with pytest.raises(UserError, match="data.root=FOLDER"):
        data_digest(SimpleNamespace(name="coco", root=None))


def test_digest_follows_the_content_and_not_the_place(coco_folder: Path, tmp_path: Path) -> None:
    def digest(root: Path) -> str:
        return data_digest(SimpleNamespace(name="coco", root=str(root)))

    before = digest(coco_folder)
    assert len(before) == 12 and int(before, 16) >= 0
    moved = tmp_path / "elsewhere"
    shutil.move(coco_folder, moved)
    (moved / "images" / "unrelated.txt").write_text("named by no captions file", encoding="utf-8")
    assert digest(moved) == before
    Image.new("RGB", (20, 16), "red").save(moved / "images" / "0.png")
    repainted = digest(moved)
    edit(moved, lambda c: c["annotations"][0].update(caption="other words"))
    assert len({before, repainted, digest(moved)}) == 3


def test_centre_crop_and_antialiased_resize(tmp_path: Path) -> None:
    wide = np.zeros((32, 64, 3), np.uint8)
    wide[:, :16], wide[:, 48:] = [255, 0, 0], [0, 0, 255]  # both sides are cropped away
    wide[::2, 16:48] = 255  # lines one pixel high average to grey; without antialiasing they would stay black or white
    Image.fromarray(wide).save(tmp_path / "wide.png")
    picture = open_image(tmp_path / "wide.png", 8).astype(int)
    assert picture.shape == (8, 8, 3)
    assert (picture[:, 2:-2, 0] == picture[:, 2:-2, 2]).all(), "a side of the picture was not cropped away"
    assert abs(picture[2:-2, 2:-2] - 127.5).max() < 8


def test_every_mode_becomes_rgb(tmp_path: Path) -> None:
    def shown(image: Image.Image, name: str, **options) -> list[int]:
        image.save(tmp_path / name, **options)
        return open_image(tmp_path / name, 4)[1, 1].tolist()

    assert shown(Image.new("L", (6, 6), 90), "grey.png") == [90, 90, 90]
    assert shown(Image.new("1", (6, 6), 1), "bit.png") == [255, 255, 255]
    assert shown(Image.new("RGB", (6, 6), (10, 200, 30)).quantize(4), "palette.png") == [10, 200, 30]
    assert shown(Image.new("RGBA", (6, 6), (255, 0, 0, 0)), "clear.png") == [255, 255, 255]
    assert shown(Image.new("RGBA", (6, 6), (255, 0, 0, 51)), "half.png") == [255, 204, 204]  # a fifth red on white
    assert shown(Image.new("LA", (6, 6), (0, 0)), "grey_clear.png") == [255, 255, 255]
    assert shown(Image.new("P", (6, 6), 0), "palette_clear.png", transparency=0) == [255, 255, 255]
    red = shown(Image.new("CMYK", (6, 6), (0, 255, 255, 0)), "cmyk.jpg", quality=100)
    assert red[0] > 245 and max(red[1:]) < 10
    deep = Image.fromarray(np.full((6, 6), 128 * 257, np.uint16))
    assert shown(deep, "deep.png") == [128, 128, 128]
    assert shown(deep, "deep.tif") == [128, 128, 128]


def test_exif_orientation_is_applied(tmp_path: Path) -> None:
    pixels = np.zeros((8, 8, 3), np.uint8)
    pixels[:, :4] = 255  # white on the left as stored
    exif = Image.Exif()
    exif[0x0112] = 6  # shown a quarter turn clockwise: white on top
    Image.fromarray(pixels).save(tmp_path / "turned.jpg", quality=100, exif=exif)
    picture = open_image(tmp_path / "turned.jpg", 8)
    assert picture[:3].min() > 200 and picture[5:].max() < 50


def test_pictures_that_cannot_be_read(tmp_path: Path) -> None:
    noise = np.random.default_rng(0).integers(0, 256, (64, 64, 3), dtype=np.uint8)
    Image.fromarray(noise).save(tmp_path / "whole.png")
    (tmp_path / "cut.png").write_bytes((tmp_path / "whole.png").read_bytes()[:3000])
    (tmp_path / "text.png").write_text("no picture at all", encoding="utf-8")
    (tmp_path / "empty.png").touch()
    Image.fromarray(np.ones((4, 4), np.float32)).save(tmp_path / "float.tif")
    for name, reason in [("absent.png", "missing"), ("cut.png", "truncated"), ("text.png", "not an image"),
                         ("empty.png", "not an image"), ("float.tif", "no agreed white")]:
        with pytest.raises(BrokenImage, match=reason):
            open_image(tmp_path / name, 8)


def test_broken_pictures_are_named_skipped_and_counted(coco_folder: Path, caplog: pytest.LogCaptureFixture) -> None:
    names = [f"{image_id}.png" for image_id in opened(coco_folder).ids[:2]]
    (coco_folder / "images" / names[0]).unlink()
    (coco_folder / "images" / names[1]).write_bytes(b"\x89PNG damaged")
    message = refusal(coco_folder, max_broken=1)
    assert f"{names[0]} (missing)" in message and f"{names[1]} (not an image)" in message
    assert "2 images" in message and "data.max_broken=1" in message
    assert "data.max_broken=0" in refusal(coco_folder)
    whole = 40 - len(opened(coco_folder, "validation"))
    kept = opened(coco_folder, max_broken=2)
    assert len(kept) == whole - 2 and kept.images([0])[0, 0, 0, 0] == int(kept.ids[0])
    assert all(name in caplog.text for name in names)


def test_many_broken_pictures_make_a_short_message(coco_folder: Path) -> None:
    for picture in (coco_folder / "images").iterdir():
        picture.unlink()
    assert "more" in refusal(coco_folder) and len(refusal(coco_folder)) < 400 + len(str(coco_folder))


def test_folders_that_are_no_coco_folder(coco_folder: Path) -> None:
    assert "no such folder" in refusal(coco_folder / "nowhere")
    (coco_folder / "captions_val.json").unlink()
    assert "no captions_val.json" in refusal(coco_folder)
    shutil.rmtree(coco_folder / "images")
    assert "no images" in refusal(coco_folder)


@pytest.mark.parametrize(
    ("content", "reason"),
    [("{broken", "is no JSON"), ("", "is no JSON"), ("\xff", "is no JSON"), ("[1, 2]", "'images'"), ("{}", "'images'"),
     ('{"images": []}', "'annotations'"), ('{"images": {}, "annotations": []}', "'images'"),
     ('{"images": [{"id": 1}], "annotations": []}', r"images[0]"),
     ('{"images": [], "annotations": [{"image_id": 1}]}', "annotations[0]"),
     ('{"images": [], "annotations": [{"image_id": 7, "caption": "x"}]}', "image 7"),
     ('{"images": [], "annotations": []}', "holds no images")],
)
def test_captions_files_that_are_none(coco_folder: Path, content: str, reason: str) -> None:
    (coco_folder / "captions_train.json").write_bytes(content.encode("latin-1"))
    message = refusal(coco_folder)
    assert reason in message and "captions_train.json" in message


def test_two_images_of_one_id(coco_folder: Path) -> None:
    edit(coco_folder, lambda c: c["images"].append({"id": 3, "file_name": "4.png"}))
    assert "two images have the id 3" in refusal(coco_folder)


def test_an_image_without_captions_is_named(coco_folder: Path) -> None:
    edit(coco_folder, lambda c: c["annotations"].clear() or c["annotations"].extend(
        {"image_id": i, "caption": " \n" if i == 5 else "fine"} for i in range(40) if i != 7))
    message = refusal(coco_folder)
    assert "2 images without captions: 5.png, 7.png" in message


def test_line_breaks_in_captions_become_spaces(coco_folder: Path) -> None:
    write_captions(coco_folder / "captions_val.json", ["40.png"], ("a\r\nred\u2028 star\x0b",), first=40)
    assert opened(coco_folder, "test").captions(0) == ["a red star"]
