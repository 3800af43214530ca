"""A made-up study of the noise cap, whose numbers are worked out by hand, and readers of its report."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from PIL import Image

from benchmarks import fake_results

FOUR = ["dual_tower", "single_tower", "dual_projection", "gated_layer"]
STEPS = [-0.3, -0.2, 0.0, 0.1, 0.4]  # of a run's items from their mean
FEATURES = "embedded:features:3fa9c1d2e4b5"
SHOWN = ["fid", "clip_score", "cider", "exam"]


def fid_of(architecture: str, noise: float, seed: int) -> float:
    """An FID that no two runs share; the dual tower has the lowest of every noise."""
    return 10.0 + 20 * len(architecture) % 37 + 8 * noise + 1.5 * seed


def scores(architecture: str, noise: float, seed: int, weights: str = FEATURES, note: str | None = None) -> dict:
    """The metrics of a run."""

    def entry(value: float, direction: str, unit: str, n: int = 512, **more: Any) -> dict:
        return fake_results.score(value, direction, n, unit, **more)

    right = 0.99 - 0.01 * len(architecture) - 0.2 * noise + 0.01 * seed
    llm = {"weights": "embedded:llm:abc123456789", "chance": 0.05}
    return {
        "fid": entry(fid_of(architecture, noise, seed), "lower", "squared distance of features", weights=weights,
                     ceiling=1.2, note=note),
        "clip_score": entry(30 - 5 * noise + seed / 3, "higher", "100 x cosine", weights="embedded:clip:77aa01bc23de"),
        "cider": entry(6 - 4 * noise + seed / 5, "higher", "CIDEr-D x 10", 256, chance=0.8),
        "caption_attributes": entry(right, "higher", "share of attributes", 256, chance=0.225, ceiling=1.0),
        "image_colour": entry(right, "higher", "share of objects", weights=weights, chance=0.125),
        "exam": entry(1.0 if architecture != "single_tower" else 0.17, "higher", "share right", 200, before=1.0, **llm),
    }  # fmt: skip


def folder_of(runs: Path, architecture: str, noise: float, seed: int) -> Path:
    """Where a run lies."""
    return runs / f"{architecture}-{seed}{int(100 * noise):09d}"


def land(runs: Path, architecture: str, noise: float, seed: int, metrics: dict, code: str = "c0de") -> None:
    """Leave a run folder as training does, with a few samples and captions."""
    fake_results.land(
        folder_of(runs, architecture, noise, seed), architecture, seed, 100, metrics, code=code,
        train={"i2t_noise": noise}, n_images=512, n_captions=256,
        items={"cider": [metrics["cider"]["value"] + step for step in STEPS], "fid": [1.0, 2.0]},
        images={where: [Image.new("RGB", (32, 32), (25 * index, green, 30 * seed)) for index in range(9)]
                for where, green in (("samples", 90), ("real", 200))},
        prompts=[f"a large red star {i} at the bottom left" for i in range(9)],
        captions=[f"{architecture} saw | {i}" for i in range(9)],
    )  # fmt: skip


def ask(results: Path, points: list[tuple[str, float, int]], x: str = "i2t_noise") -> Path:
    """Write the sweep.json of a results folder beside `runs/`."""
    asked = [fake_results.point(folder_of(Path(), a, n, s).name, a, s, 100, n) for a, n, s in points]
    for point in asked:
        point["overrides"].append('runtime.runs="runs"')
    said = {"name": "noise", "question": "Does noise hurt?", "source": "a paper, Fig. 6"}
    return fake_results.ask(results, asked, x, SHOWN, **said)


def grid(architectures: list[str], noises: list[float], seeds: int) -> list[tuple[str, float, int]]:
    return [(a, n, s) for s in range(seeds) for a in architectures for n in noises]


def finished(tmp_path: Path, points: list[tuple[str, float, int]], **settings) -> Path:
    for point in points:
        land(tmp_path / "runs", *point, scores(*point, **settings))
    return ask(tmp_path / "results" / "noise", points)


def row(table: str, *starts: str) -> list[str]:
    """The cells of the one Markdown line that begins with these."""
    found = [line for line in table.partition("\n## ")[0].splitlines() if line.startswith("| " + " | ".join(starts))]
    assert len(found) == 1, found
    return [cell.strip() for cell in found[0].strip("|").split("|")]
