"""`python -m benchmarks.reliability.redrawing`: how long `make figures` takes over 1,000 stored runs.

The runs are made up, but of the size that the default preset leaves: 512 items, captions and prompts, all metrics.
"""

from __future__ import annotations

import contextlib
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
from PIL import Image

import architectures
from benchmarks import fake_results

PROJECT = Path(__file__).parents[2]
NOISES, SEEDS, ITEMS, IMAGES, STEPS = (0, 0.25, 0.5, 0.75, 1), 50, 512, 16, 1200
ATTRIBUTES = ("attributes", "all_right", "colour", "shape")
OF_ITEMS = [f"{kind}_{name}" for kind in ("image", "caption") for name in ATTRIBUTES]
OF_ITEMS += ["clip_score", "cider", "exam"]
OF_SETS = ["fid", "kid", "perplexity"]
LANGUAGE = ("exam", "perplexity")
SHOWN = ("fid", "clip_score", "image_attributes", "cider", "caption_attributes")
LONGEST = 10.0  # seconds


def main() -> int:
    """Print both times, beside what is asked for; exit status 1 where it is not kept, or the files differ."""
    random = np.random.default_rng(0)
    with tempfile.TemporaryDirectory() as place, contextlib.chdir(place):
        points = [
            leave(architecture, noise, seed, random)
            for seed in range(SEEDS)
            for architecture in architectures.catalogue()
            for noise in NOISES
        ]
        fake_results.ask(Path("results/noise"), points, "i2t_noise", SHOWN, preset="default")
        (first, one), (second, two) = redraw(), redraw()
    print(f"make figures over {len(points):,} runs: {first:.1f} s and {second:.1f} s (asked: {LONGEST:g} s)")
    print(f"{len(one)} files: {'the same bytes twice' if one == two else 'THE BYTES DIFFER'}")
    return 0 if min(first, second) < LONGEST and one == two else 1


def redraw() -> tuple[float, dict[str, bytes]]:
    """Run `reports figures`; returns its seconds and every file it wrote."""
    begin = time.perf_counter()
    words = [sys.executable, "-m", "reports", "figures"]
    subprocess.run(words, check=True, stdout=subprocess.DEVNULL, env=os.environ | {"PYTHONPATH": str(PROJECT)})
    seconds = time.perf_counter() - begin
    return seconds, {str(path): path.read_bytes() for path in sorted(Path("results").rglob("*")) if path.is_file()}


def leave(architecture: str, noise: float, seed: int, random: np.random.Generator) -> dict:
    """Write a finished run; returns its point of sweep.json."""
    items = {name: (random.random(ITEMS) - noise / 4).tolist() for name in OF_ITEMS}
    values = {name: float(np.mean(items[name])) for name in OF_ITEMS}
    values |= {name: 5 + 2 * noise + float(random.random()) for name in OF_SETS}
    metrics = {
        name: fake_results.score(value, "lower" if name in OF_SETS else "higher", ITEMS, "share right",
                                 before=1.0 if name in LANGUAGE else None)
        for name, value in values.items()
    }
    return fake_results.land(
        Path("runs") / f"{architecture}-{seed:05d}{int(100 * noise):05d}", architecture, seed, STEPS, metrics,
        train={"i2t_noise": noise}, cost={"train_seconds": 3.5 + seed}, items=items,
        images={where: [noise_image(random) for _ in range(IMAGES)] for where in ("samples", "real")},
        prompts=["a red star " * 6] * ITEMS, captions=["a star"] * ITEMS, references=["a star"] * 5,
        n_images=ITEMS, n_captions=ITEMS,
    )  # fmt: skip


def noise_image(random: np.random.Generator) -> Image.Image:
    """An image of 32 x 32 pixels of noise."""
    return Image.fromarray(random.integers(0, 256, (32, 32, 3), np.uint8))


if __name__ == "__main__":
    sys.exit(main())
