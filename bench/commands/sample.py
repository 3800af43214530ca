"""`sample`: draw a caption. `caption`: describe a picture. Both with a finished training, named by its settings."""

from __future__ import annotations

import argparse
from pathlib import Path

from bench.commands.train import fix_threads, refuse_untrained
from bench.config.load import load
from bench.config.schema import Config
from bench.system.command_line import add_request, split_request
from bench.system.errors import UserError


def add_arguments(parser: argparse.ArgumentParser, command: str) -> None:
    """A request, and what to draw or to describe."""
    add_request(parser)
    if command == "sample":
        parser.add_argument("--prompt", required=True, metavar="TEXT", help="what to draw")
        parser.add_argument("--output", type=Path, default=Path("sample.png"), metavar="FILE", help="(sample.png)")
    else:
        parser.add_argument("--image", type=Path, required=True, metavar="FILE", help="the picture to describe")


def run(command: str, args: argparse.Namespace) -> int:
    """Draw or describe; returns 0. Raises UserError if the training is not finished or the picture is broken."""
    config = load(*split_request(args.request))
    refuse_untrained(config)
    fix_threads(config.runtime.threads)
    if command == "sample":
        _draw(config, args.prompt, args.output)
    else:
        _describe(config, args.image)
    return 0


def _draw(config: Config, prompt: str, output: Path) -> None:
    from PIL import Image

    from bench.evaluation import evaluate
    from bench.experiment import execute

    model, world = execute.finished_model(config)
    with evaluate.precision(model, config):
        images = evaluate.draw(model, world, config, [prompt])  # 1 H W 3
    try:
        Image.fromarray(images[0]).save(output)
    except (OSError, ValueError) as error:
        raise UserError(f"--output: cannot write {output}: {error}") from error
    print(f"{prompt!r} drawn into {output}")


def _describe(config: Config, path: Path) -> None:
    from bench.data.images import BrokenPicture, open_picture

    try:
        picture = open_picture(path, config.data.image_size)  # H W 3
    except BrokenPicture as error:
        raise UserError(f"--image: {path}: {error}") from error
    from bench.data.encoded import encode_images
    from bench.evaluation import evaluate
    from bench.experiment import execute

    model, world = execute.finished_model(config)
    latents = encode_images(world.vae, picture[None].copy())  # 1 C h w; the picture itself is read-only
    with evaluate.precision(model, config):
        print(evaluate.write(model, world, config, latents)[0])
