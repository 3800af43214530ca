"""Render scenes: signed distance functions on a pixel grid, so edges are antialiased and a whole batch is one array."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from bench.scenes.scene import BACKGROUND_JITTER, OBJECT_JITTER, POSITIONS, SHAPES, Scene

CANVAS = 32.0  # lengths below are in pixels of a 32 x 32 image
RADIUS = {"small": 3.9, "large": 6.7}
CENTRE = dict(zip(POSITIONS, [(8.0, 8.0), (24.0, 8.0), (8.0, 24.0), (24.0, 24.0)], strict=True))
RGB = {
    "red": (225, 30, 35), "orange": (255, 140, 20), "yellow": (250, 230, 40), "green": (30, 165, 55),
    "cyan": (50, 215, 230), "blue": (35, 70, 225), "purple": (135, 45, 180), "pink": (255, 130, 195),
    "black": (14, 14, 16), "white": (242, 242, 240), "gray": (128, 130, 132), "brown": (92, 58, 34),
}  # fmt: skip
JITTER = np.array([1.0, 1.0, 0.3, 0.14, 9.0, 9.0, 9.0])  # pixels, pixels, pixels, radians, three colour levels
BACKGROUND_LEVELS = 5.0
BATCH = 512


def render(scene: Scene, size: int = 32) -> np.ndarray:
    """Render one image, (size, size, 3) uint8."""
    return render_batch([scene], size)[0]


def render_batch(scenes: Sequence[Scene], size: int = 32) -> np.ndarray:
    """Render images of complete scenes (no attribute None), (n, size, size, 3) uint8."""
    images = np.empty((len(scenes), size, size, 3), np.uint8)
    for start in range(0, len(scenes), BATCH):
        images[start : start + BATCH] = _render(scenes[start : start + BATCH], size)
    return images


def _render(scenes: Sequence[Scene], size: int) -> np.ndarray:
    jitter = np.zeros((len(scenes), BACKGROUND_JITTER + OBJECT_JITTER * max(len(s.objects) for s in scenes)))
    for row, scene in zip(jitter, scenes, strict=True):
        row[: len(scene.jitter)] = scene.jitter
    paint = np.array([RGB[str(s.background)] for s in scenes]) + jitter[:, :BACKGROUND_JITTER] * BACKGROUND_LEVELS
    canvas = np.broadcast_to(paint[:, None, None], (len(scenes), size, size, 3)).astype(np.float32)
    grid = (np.arange(size) + 0.5) * CANVAS / size  # pixel centres
    for k in range(max(len(s.objects) for s in scenes)):
        offsets = jitter[:, BACKGROUND_JITTER + OBJECT_JITTER * k :][:, :OBJECT_JITTER] * JITTER
        for shape in SHAPES:
            rows = [i for i, s in enumerate(scenes) if len(s.objects) > k and s.objects[k].shape == shape]
            if not rows:
                continue
            objects = [scenes[i].objects[k] for i in rows]
            d = offsets[rows]
            centre = np.array([CENTRE[str(o.position)] for o in objects]) + d[:, :2]
            radius = (np.array([RADIUS[str(o.size)] for o in objects]) + d[:, 2])[:, None, None]
            cos, sin = np.cos(d[:, 3])[:, None, None], np.sin(d[:, 3])[:, None, None]
            x = grid[None, None, :] - centre[:, 0, None, None]  # (n, 1, size)
            y = grid[None, :, None] - centre[:, 1, None, None]  # (n, size, 1)
            distance = DISTANCE[shape]((cos * x + sin * y) / radius, (cos * y - sin * x) / radius) * radius
            cover = np.clip(0.5 - distance * size / CANVAS, 0, 1)[..., None].astype(np.float32)
            colour = (np.array([RGB[str(o.colour)] for o in objects]) + d[:, 4:])[:, None, None].astype(np.float32)
            canvas[rows] += cover * (colour - canvas[rows])
    return np.clip(np.rint(canvas), 0, 255).astype(np.uint8)


# Signed distances to shapes of radius about 1, negative inside; x runs right and y down.


def _circle(x: np.ndarray, y: np.ndarray) -> np.ndarray:
    return np.hypot(x, y) - 0.95


def _ring(x: np.ndarray, y: np.ndarray) -> np.ndarray:
    return np.abs(np.hypot(x, y) - 0.8) - 0.24


def _box(x: np.ndarray, y: np.ndarray, half_width: float, half_height: float) -> np.ndarray:
    dx, dy = np.abs(x) - half_width, np.abs(y) - half_height
    return np.hypot(np.maximum(dx, 0), np.maximum(dy, 0)) + np.minimum(np.maximum(dx, dy), 0)


def _square(x: np.ndarray, y: np.ndarray) -> np.ndarray:
    return _box(x, y, 0.86, 0.86)


def _cross(x: np.ndarray, y: np.ndarray) -> np.ndarray:
    return np.minimum(_box(x, y, 1.05, 0.3), _box(x, y, 0.3, 1.05))


def _polygon(x: np.ndarray, y: np.ndarray, corners: np.ndarray) -> np.ndarray:
    """Distance to the nearest edge; the sign flips at every edge that a ray from the pixel crosses."""
    nearest_edge = np.full(x.shape, np.inf)
    outside = np.ones(x.shape)
    for (ax, ay), (bx, by) in zip(corners, np.roll(corners, -1, axis=0), strict=True):
        ex, ey, px, py = bx - ax, by - ay, x - ax, y - ay
        along = np.clip((px * ex + py * ey) / (ex * ex + ey * ey), 0, 1)
        nearest_edge = np.minimum(nearest_edge, (px - along * ex) ** 2 + (py - along * ey) ** 2)
        crosses = ((ay <= y) != (by <= y)) & ((ex * py - ey * px) * np.sign(ey) < 0)
        outside[crosses] *= -1
    return outside * np.sqrt(nearest_edge)


def _corners(radii: Sequence[float]) -> np.ndarray:
    """Corners at the given radii, evenly spread in angle, the first one at the top."""
    turn = 2 * np.pi * np.arange(len(radii)) / len(radii)
    return np.stack([np.sin(turn), -np.cos(turn)], axis=1) * np.asarray(radii)[:, None]


_TRIANGLE = _corners([1.2] * 3) + [0, 0.2]  # moved down towards the middle of its box
_STAR = _corners([1.22, 0.5] * 5)


def _triangle(x: np.ndarray, y: np.ndarray) -> np.ndarray:
    return _polygon(x, y, _TRIANGLE)


def _star(x: np.ndarray, y: np.ndarray) -> np.ndarray:
    return _polygon(x, y, _STAR)


DISTANCE = {
    "circle": _circle, "square": _square, "triangle": _triangle, "star": _star, "cross": _cross, "ring": _ring,
}  # fmt: skip
