"""Writes the drawings into docs/figures, or into the folder named."""

from __future__ import annotations

import sys
from pathlib import Path

from docs.figures import architectures, data_flow

FIGURES = {"architectures.svg": architectures.draw, "data_flow.svg": data_flow.draw}


def write(folder: Path) -> None:
    """Draw every figure."""
    for name, draw in FIGURES.items():
        (folder / name).write_text(draw().svg(), encoding="utf-8")


if __name__ == "__main__":
    write(Path(sys.argv[1]) if len(sys.argv) > 1 else Path(__file__).parent)
