"""The sizes that are measured. No torch."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Shape:
    """A language model and one training step's batch: text-to-image rows are two of three, as in the paper."""

    name: str
    width: int
    layers: int
    heads: int
    key_value_heads: int
    mlp_width: int
    vocabulary: int
    image_side: int  # tokens along one side of an image
    channels: int
    text_tokens: int  # of a caption, with its beginning and end; no padding
    rows: int

    @property
    def head_width(self) -> int:
        return self.width // self.heads

    @property
    def image_tokens(self) -> int:
        return self.image_side**2

    @property
    def drawn_rows(self) -> int:
        """Rows that go from text to image."""
        return round(self.rows * 2 / 3)

    @property
    def described_rows(self) -> int:
        """Rows that go from image to text."""
        return self.rows - self.drawn_rows


BASE = "single_tower"  # the architecture that the others are compared with
SHAPES = {
    shape.name: shape
    for shape in (
        Shape("embedded", 128, 4, 4, 2, 384, 580, 4, 8, 18, 32),
        Shape("mid", 512, 8, 8, 8, 1536, 4096, 16, 16, 64, 6),
    )
}
