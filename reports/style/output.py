"""Figures as files that are the same bytes for the same runs."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from matplotlib.figure import Figure

NO_DATES = {  # nor versions: what the file says of its maker
    "png": {"Software": None},
    "svg": {"Creator": None, "Date": None},
    "pdf": {"Creator": None, "Producer": None, "CreationDate": None, "ModDate": None},
}


KINDS = tuple(NO_DATES)


def rendered(figure: Figure, kind: str) -> bytes:
    """The figure as a "png", "svg" or "pdf" file. Laid out the first time, it stays so: one layout for all kinds."""
    if layout := figure.get_layout_engine():
        layout.execute(figure)
        figure.set_layout_engine("none")
    buffer = io.BytesIO()
    figure.savefig(buffer, format=kind, metadata=NO_DATES[kind])
    return buffer.getvalue()
