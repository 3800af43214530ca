"""The way from settings to verdicts: one run from left to right, many runs around it."""

from __future__ import annotations

from dataclasses import dataclass

from docs.figures.svg import Drawing


@dataclass(frozen=True)
class Stage:
    """A box: what happens, in two lines, and where in the repository."""

    name: str
    lines: tuple[str, ...]
    path: str


ROWS = (  # each row from left to right; the arrow between two boxes says what passes
    (
        "Before the first step",
        (
            Stage("settings", ("a preset, then key=value;", "they give the run its name"), "bench/config/"),
            Stage("data set", ("images and captions", "in splits, with a digest"), "bench/data/sets/"),
            Stage("encoding", ("images → latents (VAE)", "captions → token ids"), "bench/data/encoded.py"),
            Stage("model", ("language model", "+ architecture"), "bench/models/build.py"),
        ),
    ),
    (
        "One training step, a function of seed and step",
        (
            Stage("pairs", ("which images, captions,", "noise and noise levels"), "bench/data/mixing.py"),
            Stage("tasks", ("pairs → segments:", "[text, image], [image, text]"), "bench/tasks/"),
            Stage("forward pass", ("all tasks in one pass,", "segment by segment"), "architectures/"),
            Stage("losses", ("weighted sum, AdamW,", "average of the weights"), "bench/training/"),
        ),
    ),
    (
        "Evaluation, with the averaged weights",
        (
            Stage("generation", ("images from prompts,", "captions from images"), "bench/models/generation.py"),
            Stage("metrics", ("of images, of captions,", "of language alone"), "bench/evaluation/"),
            Stage("result.json", ("numbers and samples,", "published by one rename"), "bench/runs/"),
            Stage("reports", ("tables, figures, verdicts;", "read results only"), "reports/"),
        ),
    ),
)  # fmt: skip
SWEEP = "sweeps/: a YAML file of axes makes many such runs, on this machine or on a cluster, and none of them twice."

BOX_WIDTH, BOX_HEIGHT, GAP = 196, 92, 30
LEFT, TOP, ROW = 12, 40, 150


def draw() -> Drawing:
    """Three rows of stages; a row ends where the next one begins."""
    width = 2 * LEFT + 4 * BOX_WIDTH + 3 * GAP
    drawing = Drawing(width, TOP + len(ROWS) * ROW - 12, "From settings to verdicts")
    for number, (heading, stages) in enumerate(ROWS):
        y = TOP + number * ROW
        drawing.words(LEFT + 34 * bool(number), y - 14, heading, "name")
        for place, stage in enumerate(stages):
            x = LEFT + place * (BOX_WIDTH + GAP)
            _stage(drawing, stage, x, y)
            if place:
                drawing.arrow([(x - GAP + 2, y + BOX_HEIGHT / 2), (x - 3, y + BOX_HEIGHT / 2)])
        if number:
            _next_row(drawing, y)
    drawing.words(LEFT, TOP + len(ROWS) * ROW - 26, SWEEP, "quiet")
    return drawing


def _stage(drawing: Drawing, stage: Stage, x: float, y: float) -> None:
    drawing.box(x, y, BOX_WIDTH, BOX_HEIGHT, "plain")
    drawing.words(x + 12, y + 22, stage.name, "name")
    for number, line in enumerate(stage.lines):
        drawing.words(x + 12, y + 41 + 17 * number, line)
    drawing.words(x + 12, y + 81, stage.path, "path")


def _next_row(drawing: Drawing, y: float) -> None:
    """From the last box of the row above to the first one of this row."""
    last, above = LEFT + 3 * (BOX_WIDTH + GAP) + BOX_WIDTH / 2, y - ROW + BOX_HEIGHT
    drawing.arrow([(last, above + 1), (last, above + 16), (LEFT + 18, above + 16), (LEFT + 18, y - 3)])
