"""Base class of data sets. Importing it imports no torch."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

from bench.system.plugins import NoSettings, Plugin

if TYPE_CHECKING:
    from bench.data.captioned_images import CaptionedImages


class DataSet(Plugin):
    """Images with captions, in splits. ``data`` is the config's section of that name, with the settings of all sets."""

    kind = "data set"
    settings: ClassVar[type] = NoSettings  # a dataclass; its fields join `data`, so their names must be unique
    not_hashed: ClassVar[tuple[str, ...]] = ()  # settings that change no number, such as a path

    @classmethod
    def check(cls, data: Any) -> None:
        """Raise UserError for settings that do not go together, before anything is read."""

    @classmethod
    def open(cls, data: Any, split: str) -> CaptionedImages:
        """Open a split ("train", "validation" or "test"). Raises UserError where it cannot be read."""
        raise NotImplementedError

    @classmethod
    def digest(cls, data: Any, cache: str | None = None) -> str:
        """Twelve hex digits of the images and captions, wherever they lie. Needs no torch.

        Runs are named by it, and encoded images are kept under it. In the folder ``cache`` hashes of files
        may be kept.
        """
        raise NotImplementedError
