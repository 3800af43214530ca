"""How settings and metrics are called in tables and figures."""

from __future__ import annotations

from typing import Any

METRICS = {
    "fid": "FID",
    "kid": "KID",
    "clip_score": "CLIP score",
    "cider": "CIDEr",
    "image_attributes": "image attributes",
    "image_all_right": "images all right",
    "caption_attributes": "caption attributes",
    "caption_all_right": "captions all right",
    "exam_before": "language exam before",
    "exam_after": "language exam",
    "perplexity_before": "perplexity before",
    "perplexity_after": "perplexity",
    "caption_length": "caption length",
}
"""The metrics of a table, in its order; whatever else was measured stands in table.csv and runs.csv."""

MEANINGS = {
    "fid": "drawing: how far the features of drawn pictures lie from those of real ones, as two Gaussians",
    "kid": "drawing: the same distance without Gaussians, and unbiased on few pictures",
    "clip_score": "drawing: how well each drawn picture fits its prompt, by an image-text model",
    "image_attributes": "drawing: attributes of the prompt (colour, shape, size, place, background) seen in it",
    "image_all_right": "drawing: pictures with every attribute right",
    "cider": "describing: how much a caption shares with the picture's own captions (CIDEr-D)",
    "caption_attributes": "describing: attributes of the picture that its caption tells rightly",
    "caption_all_right": "describing: captions with every attribute right",
    "exam_after": "language: the language model's own exam, answered without a picture, after training",
    "perplexity_after": "language: how surprising ordinary text is to the model after training",
}
"""What a metric tells, and of which task."""

AXES = {
    "i2t_noise": "noise cap on I2T images",
    "t2i_fraction": "share of T2I samples",
    "architecture": "architecture",
    "step": "training steps",
    "t2i_tokens": "tokens of text-to-image pairs",
    "i2t_tokens": "tokens of image-to-text pairs",
    "trainable_params": "trainable parameters",
    "train_flops": "training FLOPs",
    "train_seconds": "training time (s)",
    "peak_memory_mb": "peak memory (MB)",
}
FRACTIONS = ("i2t_noise", "t2i_fraction")
ARROWS = {"lower": "↓", "higher": "↑"}


def metric(name: str) -> str:
    """A metric's name for readers."""
    return METRICS.get(name, name.replace("_", " "))


def axis(name: str) -> str:
    """A setting's name for readers, with its unit."""
    return AXES.get(name, name.replace("_", " ")) + (" (%)" if name in FRACTIONS else "")


def axis_value(name: str, value: Any) -> str:
    """One value of a setting, fractions as per cent."""
    if name in FRACTIONS:
        return f"{100 * float(value):.0f} %"
    return architecture(str(value)) if name == "architecture" else str(value)


def architecture(name: str) -> str:
    """An architecture's name for readers."""
    return name.replace("_", " ")


def weights(label: str) -> str:
    """Whose weights measured a number, from "embedded:features:3fa9c1d2e4b5": "embedded features 3fa9c1"."""
    if not label:
        return "no network"
    whose, _, rest = label.partition(":")
    kind, _, digest = rest.partition(":")
    return " ".join(part for part in (whose, kind, digest[:6]) if part)
