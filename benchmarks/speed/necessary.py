"""The FLOPs of a training step that its equations need, counted from the layout alone.

A matrix product of m x k by k x n counts 2 m k n, in the forward pass, for the gradient of its input where something
below is trained, and for the gradient of its weights where they are. Attention counts every query-key pair, twice
forward and five times backward (fused kernels make the scores again), as `torch.utils.flop_counter` does.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from benchmarks.speed.shapes import Shape

FORWARD, AND_INPUT, AND_WEIGHTS = 1, 2, 3  # passes over a product: its result, its input's gradient, its weights'
BOTH = 3.5  # attention forward and backward: two products, then five


@dataclass(frozen=True)
class Parts:
    """Floating point operations of one layer, forward: per token, and of whole attentions."""

    shape: Shape

    @property
    def keys_values(self) -> int:
        return 4 * self.shape.width * self.shape.key_value_heads * self.shape.head_width

    @property
    def query(self) -> int:
        return 2 * self.shape.width * self.shape.width

    @property
    def rest(self) -> int:
        """Output projection and MLP."""
        return 2 * self.shape.width * self.shape.width + 6 * self.shape.width * self.shape.mlp_width

    @property
    def mapped(self) -> int:
        return self.query + self.rest

    def attention(self, rows: int, queries: int, keys: int) -> int:
        return 4 * rows * self.shape.width * queries * keys


class _WithoutAttention(Parts):
    def attention(self, rows: int, queries: int, keys: int) -> int:
        return 0


def necessary_flops(shape: Shape, architecture: str) -> int:
    """Necessary FLOPs of one step, forward and backward, heads included. The architecture is one of ``LAYERS``."""
    values = 2 * shape.width * shape.channels
    patches = values * shape.image_tokens * (2 * shape.rows + 3 * shape.t2i_rows)  # latents need no gradient
    words = AND_INPUT * 2 * shape.width * shape.vocabulary * shape.i2t_rows * (shape.text_tokens - 1)
    sigmas = 2 * (256 * shape.width + shape.width**2) * shape.rows * AND_WEIGHTS
    return _body(Parts(shape), architecture) + patches + words + sigmas


def attention_share(shape: Shape, architecture: str) -> float:
    """Attention's part of the necessary FLOPs, from 0 to 1."""
    attention = _body(Parts(shape), architecture) - _body(_WithoutAttention(shape), architecture)
    return attention / necessary_flops(shape, architecture)


def _body(parts: Parts, architecture: str) -> int:
    last = parts.shape.layers - 1
    return sum(LAYERS[architecture](parts, layer == 0, layer == last) for layer in range(last + 1))


def _tokens(shape: Shape) -> tuple[int, int, int, int]:
    """Tokens of [text, image] and of [image, text]: text, image, image, text."""
    t2i, i2t = shape.t2i_rows, shape.i2t_rows
    n, m = shape.text_tokens, shape.image_tokens
    return t2i * n, t2i * m, i2t * m, i2t * n


def _attentions(parts: Parts) -> tuple[int, int, int, int]:
    """Forward FLOPs of attention in the same four segments."""
    shape = parts.shape
    t2i, i2t = shape.t2i_rows, shape.i2t_rows
    n, m = shape.text_tokens, shape.image_tokens
    sizes = ((t2i, n, n), (t2i, m, n + m), (i2t, m, m), (i2t, n, n + m))
    first, second, third, fourth = (parts.attention(*size) for size in sizes)
    return first, second, third, fourth


def _whole(parts: Parts, passes: int, last: bool) -> float:
    """A block on every token; in the last layer, what no loss reads is keys and values only."""
    text, generated, seen, caption = _tokens(parts.shape)
    attention = _attentions(parts)
    tokens = generated + caption if last else text + generated + seen + caption
    read = attention[1] + attention[3] if last else sum(attention)
    return passes * (parts.keys_values * (text + generated + seen + caption) + parts.mapped * tokens) + BOTH * read


def _single_tower(parts: Parts, first: bool, last: bool) -> int:
    return round(_whole(parts, AND_WEIGHTS, last))


def _gated_layer(parts: Parts, first: bool, last: bool) -> int:
    whole = _whole(parts, AND_WEIGHTS, last) + _whole(parts, AND_INPUT, last)
    if first:  # word embeddings are frozen: under them, the frozen block's gradients end where attention has mixed
        text, _, _, caption = _tokens(parts.shape)
        whole -= parts.keys_values * (text + caption) + parts.query * caption
        whole -= 0 if last else parts.mapped * text + (BOTH - 1) * _attentions(parts)[0]
    return round(whole)


def _frozen_text(parts: Parts, first: bool, last: bool) -> float:
    """The text tower on text: a constant before an image, and behind one the way of the caption's gradient."""
    text, _, _, caption = _tokens(parts.shape)
    before, _, _, behind = _attentions(parts)
    constant = 0 if last else parts.mapped * text + before
    passes = FORWARD if first else AND_INPUT
    return constant + (passes * (parts.keys_values + parts.query) + AND_INPUT * parts.rest) * caption + BOTH * behind


def _vision(parts: Parts, last: bool) -> float:
    """The vision tower on images, without keys and values."""
    _, generated, seen, _ = _tokens(parts.shape)
    attention = _attentions(parts)
    return AND_WEIGHTS * parts.mapped * (generated + (0 if last else seen)) + BOTH * (
        attention[1] + (0 if last else attention[2])
    )


def _dual_projection(parts: Parts, first: bool, last: bool) -> int:
    text, generated, seen, _ = _tokens(parts.shape)
    keys_values = parts.keys_values * (text + AND_WEIGHTS * (generated + seen))
    return round(_frozen_text(parts, first, last) + _vision(parts, last) + keys_values)


def _dual_tower(parts: Parts, first: bool, last: bool) -> int:
    text, generated, seen, _ = _tokens(parts.shape)
    of_vision = AND_WEIGHTS * (text + generated + (0 if last else seen))
    of_text = (0 if last else text) + AND_INPUT * seen
    return round(_frozen_text(parts, first, last) + _vision(parts, last) + parts.keys_values * (of_vision + of_text))


LAYERS: dict[str, Callable[[Parts, bool, bool], int]] = {
    "single_tower": _single_tower,
    "gated_layer": _gated_layer,
    "dual_projection": _dual_projection,
    "dual_tower": _dual_tower,
}
