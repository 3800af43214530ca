"""Open one image file as a square of 8-bit RGB, whatever mode, depth or orientation it was saved in."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

import numpy as np
from PIL import Image as PILImage
from PIL import ImageOps

from bench.data.named_files import open_regular

LARGEST_FILE = 2**28  # bytes
MOST_PIXELS = 178_956_970  # where Pillow too takes an image for a decompression bomb


class BrokenImage(Exception):
    """An image file that is missing or cannot be decoded; the message says why in a few words."""


class ReadImage(NamedTuple):
    """Pixels of an image file."""

    pixels: np.ndarray  # (size, size, 3) uint8
    repaired: bool  # whether a broken Exif tag was skipped


def open_image(path: Path, size: int) -> np.ndarray:
    """The pixels that `read_image` returns: ``(size, size, 3)`` uint8."""
    return read_image(path, size).pixels


def read_image(path: Path, size: int) -> ReadImage:
    """Centre-crop the image to a square and resize it, antialiased, to ``(size, size, 3)`` uint8.

    Raises ``BrokenImage`` where the file is missing, no image, truncated, or larger than any image should be.
    """
    try:
        with open_regular(path, LARGEST_FILE) as file, PILImage.open(file) as image:
            if image.width * image.height > MOST_PIXELS:
                raise PILImage.DecompressionBombError
            if image.format == "EPS":
                raise BrokenImage("EPS is a program to run, not pixels")
            upright, repaired = _upright(image)
            rgb = _to_rgb(upright)
    except (FileNotFoundError, NotADirectoryError):
        raise BrokenImage("missing") from None
    except PILImage.UnidentifiedImageError:
        raise BrokenImage("not an image") from None
    except PILImage.DecompressionBombError:
        raise BrokenImage(f"more than {MOST_PIXELS:,} pixels") from None
    except Exception as error:  # a decoder may raise nearly anything on damaged bytes
        said = getattr(error, "strerror", None) or str(error)
        raise BrokenImage(" ".join(said.split()) or type(error).__name__) from error
    return ReadImage(np.asarray(ImageOps.fit(rgb, (size, size), PILImage.Resampling.BICUBIC)), repaired)


def _upright(image: PILImage.Image) -> tuple[PILImage.Image, bool]:
    """Turn the image as its orientation says; also whether other tags had to be dropped for that."""
    image.load()  # damaged pixels are not to be repaired
    try:
        return ImageOps.exif_transpose(image), False
    except Exception:  # it writes all tags anew, and fails at a broken one; the orientation has been read by now
        for block in ("exif", "Raw profile type exif"):
            image.info.pop(block, None)
        return ImageOps.exif_transpose(image), True


def _to_rgb(image: PILImage.Image) -> PILImage.Image:
    if image.mode.startswith("I"):  # Pillow clips 16 bits at 255 instead of scaling them
        grey = np.asarray(image).astype(np.float64) / 257
        return PILImage.fromarray(grey.round().clip(0, 255).astype(np.uint8)).convert("RGB")
    if image.mode == "F":
        raise BrokenImage("floating-point pixels have no agreed white")
    if image.has_transparency_data:
        image = image.convert("RGBA")
        return PILImage.alpha_composite(PILImage.new("RGBA", image.size, "white"), image).convert("RGB")
    return image.convert("RGB")
