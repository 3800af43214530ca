"""Shapes of model and batch that are measured. No torch."""

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
    images: int  # generated at once
    dtype: str = "float32"  # of weights, states and the optimizer's moments

    @property
    def head_width(self) -> int:
        return self.width // self.heads

    @property
    def image_tokens(self) -> int:
        return self.image_side**2

    @property
    def t2i_rows(self) -> int:
        """Text-to-image rows."""
        return round(self.rows * 2 / 3)

    @property
    def i2t_rows(self) -> int:
        """Image-to-text rows."""
        return self.rows - self.t2i_rows

    @property
    def itemsize(self) -> int:
        """Bytes of a number."""
        return {"float32": 4, "bfloat16": 2}[self.dtype]

    def __str__(self) -> str:
        return (
            f"width {self.width}, {self.layers} layers, {self.image_tokens} image and {self.text_tokens} text tokens, "
            f"rows: {self.t2i_rows} text-to-image and {self.i2t_rows} image-to-text, {self.dtype}"
        )


BASE = "single_tower"  # the architecture that the others are compared with
SHAPES = {
    shape.name: shape
    for shape in (
        Shape("embedded", 128, 4, 4, 2, 384, 580, 4, 8, 18, 32, images=16),
        Shape("mid", 512, 8, 8, 8, 1536, 4096, 16, 16, 64, 6, images=1),
        # Llama-3.2's; as many rows as 80 GB hold beside the literal step, the single tower and their moments
        Shape("llama-1b", 2048, 16, 32, 8, 8192, 128256, 16, 16, 128, 12, images=8, dtype="bfloat16"),
        Shape("llama-3b", 3072, 28, 24, 8, 8192, 128256, 16, 16, 128, 4, images=8, dtype="bfloat16"),
    )
}
USUAL = {"cpu": ("embedded", "mid"), "cuda": ("llama-1b", "llama-3b")}  # device -> shapes measured on it by default
