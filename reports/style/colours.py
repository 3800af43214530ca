"""A colour and a marker for every architecture: distinct without colour vision, and the same in every figure."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable

from reports.style import labels

CONTROL = "#8C8C8C"  # with the marker of the architecture that it is a control of
Style = tuple[str, str]  # colour, marker

KNOWN: dict[str, Style] = {  # Okabe and Ito's palette
    "dual_tower": ("#0072B2", "o"),
    "single_tower": ("#E69F00", "s"),
    "dual_projection": ("#009E73", "^"),
    "gated_layer": ("#D55E00", "D"),
}
SPARE: list[Style] = [  # Okabe and Ito's other two, then Tol's muted ones
    ("#CC79A7", "v"),
    ("#56B4E9", "P"),
    ("#332288", "X"),
    ("#999933", "<"),
    ("#882255", ">"),
    ("#661100", "*"),
]


MARKERS = "osD^vP"  # of ordered values, from the smallest


def ordered(values: Iterable[float]) -> dict[float, Style]:
    """Styles for the values of a setting, from dark to light in their order (cividis needs no colour vision)."""
    from matplotlib import colormaps
    from matplotlib.colors import to_hex

    levels = sorted(set(values))
    shades = [0.85 * place / max(1, len(levels) - 1) for place in range(len(levels))]
    return {
        level: (to_hex(colormaps["cividis"](shade)), MARKERS[place % len(MARKERS)])
        for place, (level, shade) in enumerate(zip(levels, shades, strict=True))
    }


def styles(architectures: Iterable[str]) -> dict[str, Style]:
    """A style each. A name not in ``KNOWN`` starts at a place given by its hash and takes the next one that is free."""
    given = set(architectures)
    chosen: dict[str, Style] = {}
    taken: set[int] = set()
    for name in sorted({name.partition(labels.BESIDE)[0] for name in given}):
        if name in KNOWN:
            chosen[name] = KNOWN[name]
            continue
        place = int(hashlib.sha256(name.encode()).hexdigest(), 16) % len(SPARE)
        if len(taken) < len(SPARE):
            while place in taken:
                place = (place + 1) % len(SPARE)
        taken.add(place)
        chosen[name] = SPARE[place]
    of = {name: chosen[name.partition(labels.BESIDE)[0]] for name in sorted(given)}
    return {name: (CONTROL, style[1]) if labels.is_control(name) else style for name, style in of.items()}
