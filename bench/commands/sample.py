"""`sample`: generate an image from a prompt. `caption`: caption an image. Both by a finished training."""

from __future__ import annotations

import argparse
from pathlib import Path

from bench.commands.train import fix_threads, refuse_untrained
from bench.config.load import load
from bench.config.schema import Config
from bench.system.command_line import add_request, split_request
from bench.system.errors import UserError


def add_arguments(parser: argparse.ArgumentParser, command: str) -> None:
    """Add a request, and a prompt or an image."""
    add_request(parser)
    if command == "sample":
        parser.add_argument("--prompt", required=True, metavar="TEXT", help="what the image shows")
        parser.add_argument("--output", type=Path, default=Path("sample.png"), metavar="FILE", help="(sample.png)")
    else:
        parser.add_argument("--image", type=Path, required=True, metavar="FILE", help="the image to caption")


def run(command: str, args: argparse.Namespace) -> int:
    """Generate; returns 0. Raises UserError if the training is not finished or the image is broken."""
    config = load(*split_request(args.request))
    refuse_untrained(config)
    fix_threads(config.runtime.threads)
    if command == "sample":
        _sample(config, args.prompt, args.output)
    else:
        _caption(config, args.image)
    return 0


def _sample(config: Config, prompt: str, output: Path) -> None:
    from PIL import Image as PILImage

    from bench.evaluation import evaluate
    from bench.experiment import execute
    from bench.models.generation import generate_images

    model, assets = execute.finished_model(config)
    with evaluate.precision(model, config):
        images = generate_images(model, assets, config.eval, [prompt])  # 1 H W 3
    try:
        PILImage.fromarray(images[0]).save(output)
    except (OSError, ValueError) as error:
        raise UserError(f"--output: cannot write {output}: {error}") from error
    print(f"{prompt!r} generated into {output}")


def _caption(config: Config, path: Path) -> None:
    from bench.data.images import BrokenImage, open_image

    try:
        image = open_image(path, config.data.image_size)  # H W 3
    except BrokenImage as error:
        raise UserError(f"--image: {path}: {error}") from error
    from bench.evaluation import evaluate
    from bench.experiment import execute
    from bench.models.codec import encode_images
    from bench.models.generation import generate_captions

    model, assets = execute.finished_model(config)
    latents = encode_images(assets.vae, image[None].copy())  # 1 C h w; the image itself is read-only
    with evaluate.precision(model, config):
        print(generate_captions(model, assets, config.eval, latents)[0])
