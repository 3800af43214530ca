"""Open one picture file as a square of 8-bit RGB, whatever mode, depth or orientation it was saved in."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

import numpy as np
from PIL import Image, ImageOps

from bench.data.named_files import open_regular

LARGEST_FILE = 2**28  # bytes
MOST_PIXELS = 178_956_970  # where Pillow too takes a picture for a decompression bomb


class BrokenImage(Exception):
    """A picture file that is missing or cannot be decoded; the message says why in a few words."""


class ReadImage(NamedTuple):
    """What a picture file holds."""

    pixels: np.ndarray  # (size, size, 3) uint8
    repaired: bool  # whether a broken Exif tag was passed over


def open_image(path: Path, size: int) -> np.ndarray:
    """The pixels that `read_image` returns: ``(size, size, 3)`` uint8."""
    return read_image(path, size).pixels


def read_image(path: Path, size: int) -> ReadImage:
    """Centre-crop the picture to a square and resize it, antialiased, to ``(size, size, 3)`` uint8.

    Raises ``BrokenImage`` where the file is missing, no picture, breaks off, or is larger than any picture should be.
    """
    try:
        with open_regular(path, LARGEST_FILE) as file, Image.open(file) as picture:
            if picture.width * picture.height > MOST_PIXELS:
                raise Image.DecompressionBombError
            if picture.format == "EPS":
                raise BrokenImage("EPS is a program to run, not pixels")
            upright, repaired = _upright(picture)
            rgb = _to_rgb(upright)
    except (FileNotFoundError, NotADirectoryError):
        raise BrokenImage("missing") from None
    except Image.UnidentifiedImageError:
        raise BrokenImage("not a picture") from None
    except Image.DecompressionBombError:
        raise BrokenImage(f"more than {MOST_PIXELS:,} pixels") from None
    except Exception as error:  # a decoder may raise nearly anything on damaged bytes
        said = getattr(error, "strerror", None) or str(error)
        raise BrokenImage(" ".join(said.split()) or type(error).__name__) from error
    return ReadImage(np.asarray(ImageOps.fit(rgb, (size, size), Image.Resampling.BICUBIC)), repaired)


def _upright(picture: Image.Image) -> tuple[Image.Image, bool]:
    """Turn the picture as its orientation says; also whether other tags had to be dropped for that."""
    picture.load()  # damaged pixels are not to be repaired
    try:
        return ImageOps.exif_transpose(picture), False
    except Exception:  # it writes all tags anew, and fails at a broken one; the orientation has been read by now
        for block in ("exif", "Raw profile type exif"):
            picture.info.pop(block, None)
        return ImageOps.exif_transpose(picture), True


def _to_rgb(picture: Image.Image) -> Image.Image:
    if picture.mode.startswith("I"):  # Pillow clips 16 bits at 255 instead of scaling them
        grey = np.asarray(picture).astype(np.float64) / 257
        return Image.fromarray(grey.round().clip(0, 255).astype(np.uint8)).convert("RGB")
    if picture.mode == "F":
        raise BrokenImage("floating-point pixels have no agreed white")
    if picture.has_transparency_data:
        picture = picture.convert("RGBA")
        return Image.alpha_composite(Image.new("RGBA", picture.size, "white"), picture).convert("RGB")
    return picture.convert("RGB")
