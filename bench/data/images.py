"""Open one picture file as a square of 8-bit RGB, whatever mode, depth or orientation it was saved in."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from PIL import Image, ImageOps


class BrokenPicture(Exception):
    """A picture file that is missing or cannot be decoded; the message says why in a few words."""


def open_picture(path: Path, size: int) -> np.ndarray:
    """Centre-crop the picture to a square and resize it, antialiased, to ``(size, size, 3)`` uint8.

    Raises ``BrokenPicture`` where the file is missing, is no picture, or breaks off.
    """
    if not path.is_file():
        raise BrokenPicture("missing")
    try:
        with Image.open(path) as picture:
            rgb = _to_rgb(ImageOps.exif_transpose(picture))
    except Image.UnidentifiedImageError:
        raise BrokenPicture("not a picture") from None
    except Exception as error:  # a decoder may raise nearly anything on damaged bytes
        raise BrokenPicture(" ".join(str(error).split()) or type(error).__name__) from error
    return np.asarray(ImageOps.fit(rgb, (size, size), Image.Resampling.BICUBIC))


def _to_rgb(picture: Image.Image) -> Image.Image:
    if picture.mode.startswith("I"):  # Pillow clips 16 bits at 255 instead of scaling them
        grey = np.asarray(picture).astype(np.float64) / 257
        return Image.fromarray(grey.round().clip(0, 255).astype(np.uint8)).convert("RGB")
    if picture.mode == "F":
        raise BrokenPicture("floating-point pixels have no agreed white")
    if picture.has_transparency_data:
        picture = picture.convert("RGBA")
        return Image.alpha_composite(Image.new("RGBA", picture.size, "white"), picture).convert("RGB")
    return picture.convert("RGB")
