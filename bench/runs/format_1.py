"""Results of format 1, read as if they were of format 2: their tasks, settings and metrics under the names of today.

Format 1 declared nothing, so what it left unsaid stands here. Pure: a result in, a result out.
"""

from __future__ import annotations

from collections.abc import Mapping
from fractions import Fraction
from typing import Any

from bench.runs.format import RENAMED

FORMAT = 1
TASKS = {
    "t2i": {"title": "text-to-image", "noun": "images", "layout": ["text", "image"], "output": "image"},
    "i2t": {"title": "image-to-text", "noun": "captions", "layout": ["image", "text"], "output": "text"},
}
AXES = {
    "i2t_noise": ("noise cap on I2T images", "%"),
    "t2i_fraction": ("share of text-to-image samples", "%"),
    "i2t_fraction": ("share of image-to-text samples", "%"),
}
TABLE = {  # metric -> title, task, meaning; in the order of a table
    "fid": ("FID", "t2i", "text-to-image: distance of the features of generated images from those of real ones, as two "
            "Gaussians"),
    "kid": ("KID", "t2i", "text-to-image: the same distance without Gaussians, and unbiased on few images"),
    "clip_score": ("CLIP score", "t2i", "text-to-image: how well a generated image fits its prompt, by an "
                   "image-text model"),
    "cider": ("CIDEr", "i2t", "image-to-text: how much a caption shares with the image's own captions (CIDEr-D)"),
    "image_attributes": ("image attributes", "t2i", "text-to-image: attributes of the prompt (colour, shape, size, "
                         "place, background) seen in the generated image"),
    "image_all_right": ("images all right", "t2i", "text-to-image: generated images with every attribute right"),
    "caption_attributes": ("caption attributes", "i2t", "image-to-text: attributes of the image that its caption names "
                           "rightly"),
    "caption_all_right": ("captions all right", "i2t", "image-to-text: captions with every attribute right"),
    "exam": ("exact-match QA", None, "language: questions of text alone that are answered exactly, after training"),
    "perplexity": ("perplexity", None, "language: how surprising ordinary text is to the model after training"),
    "caption_length": ("caption length", "i2t", "image-to-text: words of a caption"),
}  # fmt: skip
HEADLINES = ("fid", "kid", "clip_score", "cider", "image_attributes", "caption_attributes", "exam")
PARTS = ("colour", "shape", "size", "position", "background")
METRICS = {name: {"title": title, "task": task, "meaning": meaning, "headline": name in HEADLINES, "table": True}
           for name, (title, task, meaning) in TABLE.items()} | {
    f"{kind}_{part}": {"title": f"{kind} {part}", "task": task, "meaning": f"{TASKS[task]['title']}: {part} right",
                       "headline": False, "table": False}
    for kind, task in (("image", "t2i"), ("caption", "i2t")) for part in PARTS
}  # fmt: skip
"""Declarations of the metrics, under the names of format 2."""


def upgraded(result: Mapping[str, Any]) -> dict[str, Any]:
    """The result as format 2 has it."""
    cap, share = result["i2t_noise"], result["t2i_fraction"]
    parts = Fraction(share).limit_denominator(100)
    shares = {"t2i": parts.numerator, "i2t": parts.denominator - parts.numerator}
    samples = {"t2i": result["n_images"], "i2t": result["n_captions"]}
    values = {"i2t_noise": cap, "t2i_fraction": share, "i2t_fraction": round(1 - share, 4)}
    rest = {key: value for key, value in result.items() if key not in ("i2t_noise", "t2i_fraction")}
    return rest | {
        "metrics": _metrics(result["metrics"]),
        "tasks": {name: said | {"share": shares[name], "samples": samples[name]} for name, said in TASKS.items()},
        "axes": {name: {"key": f"train.{name}", "title": title, "unit": unit, "value": values[name]}
                 for name, (title, unit) in AXES.items()},
        "seen": seen(result.get("seen", {})),
    }  # fmt: skip


def name(old: str) -> str:
    """The metric's name of today."""
    return RENAMED.get(old, old)


def seen(counts: Mapping[str, Any]) -> dict[str, Any]:
    """Counts of what was seen: the mean noise had the name of its cap."""
    return {"i2t_mean_noise" if key == "i2t_noise" else key: value for key, value in counts.items()}


def per_item(items: Mapping[str, Any]) -> dict[str, Any]:
    """Values by metric, one an item; those before training under the name of their column."""
    return {key.removesuffix("_after") if key in RENAMED else key: values for key, values in items.items()}


def _metrics(scores: Mapping[str, Any]) -> dict[str, Any]:
    found = {}
    for new in dict.fromkeys([*METRICS, *map(name, scores)]):
        score = scores.get(f"{new}_after" if new in RENAMED.values() else new)
        if score is not None:
            before = scores.get(f"{new}_before", {}).get("value")
            plain = {"title": new.replace("_", " "), "task": None, "meaning": "", "headline": False, "table": False}
            found[new] = score | {"before": before} | METRICS.get(new, plain)
    return found
