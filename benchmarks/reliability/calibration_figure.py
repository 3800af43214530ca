"""The share of A/A studies that get *no relevant difference*, by seeds and by how wide arms are spread."""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np

from bench.system.files import write_atomically
from benchmarks.reliability.calibration import no_difference
from benchmarks.reliability.synthetic import SPREADS

RATIOS = np.geomspace(0.05, 2.0, 40)  # spread of the narrowest arm over seeds, in margins
DRAWN = ("alike", "one 3 times as wide", "1 to 10 in steps")
SEEDS = (3, 5, 10, 20)


def draw(file: Path, seed: int, studies: int) -> None:
    """Write the figure, a panel for each kind of spread, in the format of the file's name."""
    from matplotlib import rc_context
    from matplotlib.figure import Figure

    with rc_context({"font.size": 9, "axes.spines.top": False, "axes.spines.right": False}):
        figure = Figure(figsize=(9, 3.1), layout="constrained")
        panels = figure.subplots(1, len(DRAWN), sharey=True)
        for panel, spread in zip(panels, DRAWN, strict=True):
            for shade, seeds in zip(np.linspace(0.75, 0.0, len(SEEDS)), SEEDS, strict=True):
                share = no_difference(seed, studies, RATIOS, seeds, spread)
                panel.plot(RATIOS, 100 * share, color=(shade, shade, 0.6 + 0.4 * shade), label=f"{seeds} seeds")
            panel.set(xscale="log", title=f"arms' spread: {spread}", ylim=(0, 101))
            panel.set_xticks([0.05, 0.1, 0.2, 0.5, 1, 2], ["0.05", "0.1", "0.2", "0.5", "1", "2"])
            whose = "spread of the narrowest arm" if max(SPREADS[spread]) > 1 else "spread over seeds"
            panel.set_xlabel(f"{whose} / margin")
            panel.minorticks_off()
            panel.grid(alpha=0.3)
        panels[0].set_ylabel("all six pairs of four equal arms\nshown to be alike (% of studies)")
        panels[0].legend(frameon=False)
        drawn = io.BytesIO()
        figure.savefig(drawn, format=file.suffix.lstrip("."), dpi=150)
        write_atomically(file, drawn.getvalue())
