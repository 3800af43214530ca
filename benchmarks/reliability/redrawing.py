"""`python -m benchmarks.reliability.redrawing`: how long `make figures` takes over 1,000 stored runs.

The runs are made up, but of the size that the default preset leaves: 512 items, captions and prompts, all metrics.
"""

from __future__ import annotations

import contextlib
import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
from PIL import Image

import architectures
from bench.runs.folder import RunFolder

PROJECT = Path(__file__).parents[2]
NOISES, SEEDS, ITEMS, PICTURES, STEPS = (0, 0.25, 0.5, 0.75, 1), 50, 512, 16, 1200
ATTRIBUTES = ("attributes", "all_right", "colour", "shape")
OF_ITEMS = [f"{kind}_{name}" for kind in ("image", "caption") for name in ATTRIBUTES]
OF_ITEMS += ["clip_score", "cider", "exam_before", "exam_after"]
OF_SETS = ["fid", "kid", "perplexity_before", "perplexity_after"]
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
        ask(points)
        (first, one), (second, two) = drawn(), drawn()
    print(f"make figures over {len(points):,} runs: {first:.1f} s and {second:.1f} s (asked: {LONGEST:g} s)")
    print(f"{len(one)} files: {'the same bytes twice' if one == two else 'THE BYTES DIFFER'}")
    return 0 if min(first, second) < LONGEST and one == two else 1


def drawn() -> tuple[float, dict[str, bytes]]:
    """Seconds of the whole command, and every file it left."""
    begin = time.perf_counter()
    words = [sys.executable, "-m", "reports", "figures"]
    subprocess.run(words, check=True, stdout=subprocess.DEVNULL, env=os.environ | {"PYTHONPATH": str(PROJECT)})
    seconds = time.perf_counter() - begin
    return seconds, {str(path): path.read_bytes() for path in sorted(Path("results").rglob("*")) if path.is_file()}


def leave(architecture: str, noise: float, seed: int, random: np.random.Generator) -> dict:
    """A finished run; returns its point of sweep.json."""
    run = RunFolder(Path("runs") / f"{architecture}-{seed:05d}{int(100 * noise):05d}")
    run.create("", {"architecture": architecture}, {"code": "c0de"})
    items = {name: (random.random(ITEMS) - noise / 4).tolist() for name in OF_ITEMS}
    values = {name: float(np.mean(items[name])) for name in OF_ITEMS}
    values |= {name: 5 + 2 * noise + float(random.random()) for name in OF_SETS}
    facts = {"n": ITEMS, "unit": "share right", "weights": None, "chance": None, "ceiling": None, "note": None}
    metrics = {
        name: {"value": value, "direction": "lower" if name in OF_SETS else "higher"} | facts
        for name, value in values.items()
    }
    train = {"steps": STEPS, "batch_size": 32, "i2t_noise": noise, "t2i_fraction": 0.6667}
    with run.attempt() as attempt:
        for where in ("samples", "real"):
            (attempt / where).mkdir()
            for index in range(PICTURES):
                noise_of = random.integers(0, 256, (32, 32, 3), np.uint8)
                Image.fromarray(noise_of).save(attempt / where / f"{index:05d}.png")
        lines = [{"id": f"test-{i:06d}", "sample": f"{i:05d}.png", "prompt": "a red star " * 6} for i in range(ITEMS)]
        (attempt / "prompts.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))
        written = [{"id": f"test-{i:06d}", "caption": "a star", "references": ["a star"] * 5} for i in range(ITEMS)]
        (attempt / "captions.jsonl").write_text("".join(json.dumps(line) + "\n" for line in written))
        (attempt / "per_item.json").write_text(json.dumps(items))
        result = {
            "run_id": run.run_id, "eval_id": "e0", "step": STEPS, "architecture": architecture, "seed": seed,
            "i2t_noise": noise, "t2i_fraction": 0.6667, "n_images": ITEMS, "n_captions": ITEMS, "metrics": metrics,
            "train_identity": {"train": train, "model": {"architecture": architecture}},
            "seen": {f"{task}_{what}": 1000 for task in ("t2i", "i2t") for what in ("pairs", "tokens")},
            "cost": {"trainable_params": 7, "total_params": 9, "train_flops": 1e9, "train_seconds": 3.5 + seed,
                     "peak_memory_mb": 400.0},
        }  # fmt: skip
        run.land_result("e0", STEPS, attempt, result)
    overrides = [f"seed={seed}", f"model.architecture={architecture}", f"train.i2t_noise={noise}"]
    return {"run_id": run.run_id, "eval_id": "e0", "step": STEPS, "overrides": overrides}


def ask(points: list[dict]) -> None:
    """A results folder that asks for these runs."""
    folder = Path("results/noise")
    folder.mkdir(parents=True)
    content = {
        "schema": 1, "name": "noise", "preset": "default", "question": "How noisy?", "source": "made up",
        "plot": {"x": "i2t_noise", "y": ["fid", "clip_score", "image_attributes", "cider", "caption_attributes"]},
        "runs_root": "../../runs", "points": points,
    }  # fmt: skip
    (folder / "sweep.json").write_text(json.dumps(content))


if __name__ == "__main__":
    sys.exit(main())
