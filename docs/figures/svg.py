"""A drawing as SVG text: boxes, words, arrows and tokens, in colours for light and for dark pages."""

from __future__ import annotations

import re
from collections.abc import Sequence
from html import escape

STYLE = """
  text { font-family: -apple-system, "Segoe UI", Helvetica, Arial, sans-serif; font-size: 13px; fill: #1f2328; }
  .title { font-size: 17px; font-weight: 600; }
  .formula { font-family: Georgia, "DejaVu Serif", serif; font-style: italic; font-size: 14px; }
  .name { font-weight: 600; }
  .quiet { fill: #59636e; font-size: 12px; }
  .path { fill: #59636e; font-family: ui-monospace, Menlo, "DejaVu Sans Mono", monospace; font-size: 11px; }
  .frame { fill: none; stroke: #d1d9e0; }
  .frozen { fill: #dff1fd; stroke: #2f81c7; }
  .trained { fill: #ffe2bf; stroke: #d4700a; }
  .plain { fill: #f3f5f7; stroke: #818b98; }
  .part { fill: #ffffff; fill-opacity: 0.72; }
  .text-token { fill: #e4e0f5; stroke: #6e5bb8; }
  .image-token { fill: #d3efd9; stroke: #2b8a4a; }
  .text-line { stroke: #6e5bb8; fill: none; }
  .image-line { stroke: #2b8a4a; fill: none; }
  .plain-line { stroke: #59636e; fill: none; }
  .text-head { fill: #6e5bb8; } .image-head { fill: #2b8a4a; } .plain-head { fill: #59636e; }
  .flake { stroke: #2f81c7; fill: none; stroke-width: 1.4; }
  .thick { stroke-width: 2.4; } .dashed { stroke-width: 1.6; stroke-dasharray: 5 4; }
  @media (prefers-color-scheme: dark) {
    text { fill: #e6edf3; }
    .quiet, .path { fill: #9198a1; }
    .frame { stroke: #3d444d; }
    .frozen { fill: #10344f; stroke: #6cb6ff; }
    .trained { fill: #57340c; stroke: #f0a04b; }
    .plain { fill: #212830; stroke: #818b98; }
    .part { fill: #ffffff; fill-opacity: 0.09; }
    .text-token { fill: #362d63; stroke: #a99bf0; }
    .image-token { fill: #163d23; stroke: #56c47a; }
    .text-line { stroke: #a99bf0; } .image-line { stroke: #56c47a; } .plain-line { stroke: #9198a1; }
    .text-head { fill: #a99bf0; } .image-head { fill: #56c47a; } .plain-head { fill: #9198a1; }
    .flake { stroke: #6cb6ff; }
  }
"""
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

    def arrow(self, points: Sequence[Point], colour: str = "plain", stroke: str = "thick", head: bool = True) -> None:
        """A line through points, with a head at its end."""
        where = " ".join(f"{x:g},{y:g}" for x, y in points)
        end = f' marker-end="url(#{colour}-arrow)"' if head else ""
        self.elements.append(f'<polyline class="{colour}-line {stroke}" points="{where}"{end}/>')

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
        return "\n".join(
            [
                f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {self.width} {self.height}" '
                f'width="{self.width}" height="{self.height}" role="img">',
                f"<title>{escape(self.title)}</title>",
                f"<style>{STYLE}</style>",
                f"<defs>{heads}</defs>",
                *self.elements,
                "</svg>\n",
            ]
        )
