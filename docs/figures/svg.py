"""A drawing as SVG text: boxes, words, arrows and tokens, in colours for light and for dark pages."""

from __future__ import annotations

import re
from collections.abc import Sequence
from html import escape
from pathlib import Path
from textwrap import indent

STYLE = Path(__file__).with_name("style.css")
HEAD = "text", "image", "plain"  # colours of arrows
Point = tuple[float, float]


class Drawing:
    """Elements in the order in which they are painted; x grows to the right, y downwards, in pixels."""

    def __init__(self, width: int, height: int, title: str) -> None:
        self.width, self.height, self.title = width, height, title
        self.elements: list[str] = []

    def box(self, x: float, y: float, width: float, height: float, kind: str, corner: float = 6) -> None:
        """A rectangle of a class of `STYLE`."""
        size = f'x="{x:g}" y="{y:g}" width="{width:g}" height="{height:g}" rx="{corner:g}"'
        self.elements.append(f'<rect class="{kind}" {size}/>')

    def words(self, x: float, y: float, text: str, kind: str = "", anchor: str = "start") -> None:
        """A line of text, where `F_txt` has an index; `anchor` is start, middle or end."""
        chosen = f' class="{kind}"' if kind else ""
        lowered = r'<tspan dy="3" font-size="78%">\1</tspan><tspan dy="-3">\2</tspan>'
        shown = re.sub(r"(?<=\b[A-Z])_([a-z]+)(.|$)", lowered, escape(text))
        self.elements.append(f'<text{chosen} x="{x:g}" y="{y:g}" text-anchor="{anchor}">{shown}</text>')

    def arrow(self, points: Sequence[Point], colour: str = "plain", stroke: str = "thick") -> None:
        """A line through points, with a head at its end."""
        where = " ".join(f"{x:g},{y:g}" for x, y in points)
        end = f'marker-end="url(#{colour}-arrow)"'
        self.elements.append(f'<polyline class="{colour}-line {stroke}" points="{where}" {end}/>')

    def circle(self, x: float, y: float, radius: float, kind: str) -> None:
        """A circle of a class of `STYLE`."""
        self.elements.append(f'<circle class="{kind}" cx="{x:g}" cy="{y:g}" r="{radius:g}"/>')

    def flake(self, x: float, y: float, size: float = 6) -> None:
        """A snowflake: these weights are frozen."""
        half, high = size * 0.5, size * 0.866
        strokes = f"M{x - size:g} {y:g}H{x + size:g}"
        strokes += f"M{x - half:g} {y - high:g}L{x + half:g} {y + high:g}"
        strokes += f"M{x - half:g} {y + high:g}L{x + half:g} {y - high:g}"
        self.elements.append(f'<path class="flake" d="{strokes}"/>')

    def svg(self) -> str:
        """The whole file."""
        heads = "".join(
            f'<marker id="{name}-arrow" viewBox="0 0 8 8" refX="7" refY="4" markerWidth="8" markerHeight="8" '
            f'markerUnits="userSpaceOnUse" orient="auto"><path class="{name}-head" d="M0 0L8 4L0 8z"/></marker>'
            for name in HEAD
        )
        style = indent(STYLE.read_text(encoding="utf-8"), "  ")
        return "\n".join(
            [
                f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {self.width} {self.height}" '
                f'width="{self.width}" height="{self.height}" role="img">',
                f"<title>{escape(self.title)}</title>",
                f"<style>\n{style}</style>",
                f"<defs>{heads}</defs>",
                *self.elements,
                "</svg>\n",
            ]
        )
