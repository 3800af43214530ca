"""The feature net: 64 features for FID and KID, and heads on them that classify a scene's attributes."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import torch
from safetensors.torch import load_file, save_file
from torch import Tensor, nn
from torch.nn import functional as F

from bench.scenes.scene import BACKGROUNDS, COLOURS, POSITIONS, SHAPES, SIZES, Object, Scene

HEADS = {"presence": 1, "colour": len(COLOURS), "shape": len(SHAPES), "size": len(SIZES)}  # logits per quadrant
BATCH = 256


class FeatureNet(nn.Module):
    """A small convolutional net on 32 x 32 images whose last map is 2 x 2: one cell per quadrant.

    The four cells of `quadrant_features` channels, joined, are the features; all heads are linear in them.
    """

    image_size = 32

    def __init__(self, widths: tuple[int, ...] = (32, 48, 64, 64, 80, 80), quadrant_features: int = 16) -> None:
        super().__init__()
        self.config = {"widths": list(widths), "quadrant_features": quadrant_features}
        strides = (1, 2, 1, 2, 1, 2)
        inputs = (3, *widths[:-1])
        self.stages = nn.ModuleList(
            nn.Sequential(nn.Conv2d(a, b, 3, stride, 1, bias=False), nn.BatchNorm2d(b), nn.SiLU())
            for a, b, stride in zip(inputs, widths, strides, strict=True)
        )
        self.squeeze = nn.Conv2d(widths[-1], quadrant_features, 2, stride=2)
        self.quadrant_head = nn.Linear(quadrant_features, sum(HEADS.values()))
        self.background_head = nn.Linear(4 * quadrant_features, len(BACKGROUNDS))

    def maps(self, pixels: Tensor) -> list[Tensor]:
        """The activations after every stage, for pixels (n, 3, 32, 32) in [-1, 1]."""
        found = []
        for stage in self.stages:
            pixels = stage(pixels)
            found.append(pixels)
        return found

    def embed(self, pixels: Tensor) -> Tensor:
        """Features of pixels (n, 3, 32, 32) in [-1, 1]: (n, 4, quadrant_features), quadrants in order of POSITIONS."""
        return self.squeeze(self.maps(pixels)[-1]).flatten(2).transpose(1, 2)

    def heads(self, embedded: Tensor) -> dict[str, Tensor]:
        """Logits from `embed`: per quadrant (n, 4, k) for each of HEADS, and "background" (n, 4)."""
        parts = self.quadrant_head(embedded).split(list(HEADS.values()), dim=-1)
        return dict(zip(HEADS, parts, strict=True)) | {"background": self.background_head(embedded.flatten(1))}

    def forward(self, pixels: Tensor) -> dict[str, Tensor]:
        """Logits of pixels (n, 3, 32, 32) in [-1, 1]; see `heads`."""
        return self.heads(self.embed(pixels))

    @torch.inference_mode()
    def features(self, images: np.ndarray) -> np.ndarray:
        """Features of uint8 images (n, H, W, 3): (n, 64) float32."""
        return self._embed_images(images).flatten(1).cpu().numpy()

    @torch.inference_mode()
    def read(self, images: np.ndarray) -> list[Scene]:
        """Scenes predicted for uint8 images (n, H, W, 3), of zero to four objects each."""
        logits = self.heads(self._embed_images(images))
        present = (logits["presence"][..., 0] > 0).tolist()
        best = {name: logits[name].argmax(-1).tolist() for name in ("colour", "shape", "size", "background")}
        return [
            Scene(
                tuple(
                    Object(
                        COLOURS[best["colour"][i][q]], SHAPES[best["shape"][i][q]], SIZES[best["size"][i][q]], position
                    )
                    for q, position in enumerate(POSITIONS)
                    if present[i][q]
                ),
                BACKGROUNDS[best["background"][i]],
            )
            for i in range(len(images))
        ]

    def _embed_images(self, images: np.ndarray) -> Tensor:
        device = self.squeeze.weight.device
        batches = (images[start : start + BATCH] for start in range(0, len(images), BATCH))
        found = [self.embed(to_pixels(batch, self.image_size).to(device)).float() for batch in batches]
        return torch.cat(found) if found else torch.empty(0, 4, self.squeeze.out_channels, device=device)

    def save_pretrained(self, folder: Path | str) -> None:
        """Write config.json and model.safetensors."""
        folder = Path(folder)
        folder.mkdir(parents=True, exist_ok=True)
        config = {"model_type": "xfusion-features"} | self.config
        (folder / "config.json").write_text(json.dumps(config, indent=2) + "\n", encoding="utf-8")
        save_file({k: v.contiguous() for k, v in self.state_dict().items()}, folder / "model.safetensors")

    @classmethod
    def from_pretrained(cls, folder: Path | str) -> FeatureNet:
        """Load a folder of `save_pretrained`, in eval mode."""
        config = json.loads((Path(folder) / "config.json").read_text(encoding="utf-8"))
        net = cls(tuple(config["widths"]), config["quadrant_features"])
        net.load_state_dict(load_file(Path(folder) / "model.safetensors"))
        return net.eval()


def to_pixels(images: np.ndarray, size: int) -> Tensor:
    """uint8 images (n, H, W, 3) to pixels (n, 3, size, size) in [-1, 1], resized (antialiased) where need be."""
    pixels = torch.from_numpy(np.ascontiguousarray(images)).permute(0, 3, 1, 2).float() / 127.5 - 1
    if pixels.shape[-2:] != (size, size):
        pixels = F.interpolate(pixels, (size, size), mode="bilinear", antialias=True, align_corners=False)
    return pixels.contiguous(memory_format=torch.channels_last)
