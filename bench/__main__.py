"""Run one experiment: train a model by a config, and score it.

  python -m bench list                             architectures, presets, data sets, embedded weights
  python -m bench show    [PRESET] [key=value ...] the resolved settings and the identity; runs nothing
  python -m bench train   [PRESET] [key=value ...] train and score; the same command resumes after an interruption
  python -m bench eval    [PRESET] [key=value ...] score a finished training, with other eval settings for example
  python -m bench sample  [PRESET] [key=value ...] --prompt TEXT    generate an image with a finished training
  python -m bench caption [PRESET] [key=value ...] --image FILE     caption an image with a finished training
  python -m bench doctor                           what this machine lacks, and how to get it
  python -m bench metrics selftest [PRESET] [key=value ...]         check every metric on this data
  python -m bench zoo build|check [NAME ...]       make or measure the embedded weights
  python -m bench fingerprint --into FILE          quantities on the way from data to score, for `make regress`

Settings are written as in the presets' YAML, with dots: model.architecture=gated_layer train.lr=3e-3
"""

from __future__ import annotations

import sys

from bench.system.command_line import asks_for_help, chosen, exit_status

COMMANDS = {  # command -> its module in bench/commands
    "list": "show",
    "show": "show",
    "train": "train",
    "eval": "train",
    "sample": "sample",
    "caption": "sample",
    "doctor": "doctor",
    "metrics": "metrics",
    "zoo": "zoo",
    "fingerprint": "fingerprint",
}
EPILOG = "Settings: `python -m bench show` prints them all, docs/settings.md explains them."


def main(arguments: list[str]) -> int:
    """Run one command; returns the exit status. Raises UserError for a wrong request."""
    if asks_for_help(arguments):
        print((__doc__ or "").strip())
        return 0
    name, *rest = arguments
    module, parser = chosen("bench", COMMANDS, name, EPILOG)
    module.add_arguments(parser, name)
    return module.run(name, parser.parse_intermixed_args(rest))


if __name__ == "__main__":
    sys.exit(exit_status(lambda: main(sys.argv[1:])))
