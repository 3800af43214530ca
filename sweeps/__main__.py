"""Run many experiments, none of them twice.

  python -m sweeps plan   NAME [PRESET] [key=value ...]   what is done, what is not, and what that should cost
  python -m sweeps run    NAME [PRESET] [key=value ...]   do what is not done
  python -m sweeps status NAME [PRESET] [key=value ...]   what it is doing, live with --watch
  python -m sweeps why    NAME [PRESET] [key=value ...]   what makes runs differ from those that are done
  python -m sweeps retry  NAME [PRESET] [key=value ...]   do only what failed
  python -m sweeps clean  NAME [PRESET] [key=value ...]   remove what is needed no more, asked first
  python -m sweeps tune   NAME [PRESET] [key=value ...]   each arm's own learning rate, into tuned/NAME.yaml

A setting that is an axis of the sweep replaces its values: seed=[0,1] model.architecture=[dual_tower,single_tower]
Any other setting holds for every run: train.steps=500
Results go to results/NAME, those of another preset or of a part of the grid to a folder of their own.
--until-decided adds seeds until every claim is decided, given up, or --at-most N seeds are done.
With --tuned tuned/NAME.yaml every arm has its own rate, and the report both.
A run that is done is never trained again; a run that was interrupted goes on where it stopped.
"""

from __future__ import annotations

import sys
import time
from pathlib import Path

from bench.config.overrides import split
from bench.system.command_line import add_request, asks_for_help, chosen, exit_status, split_request
from bench.system.errors import UserError
from sweeps import grid, plan
from sweeps.sequential import seeds

COMMANDS = {  # command -> its module in sweeps/commands
    "plan": "plan",
    "run": "run",
    "retry": "run",
    "status": "status",
    "why": "why",
    "clean": "clean",
    "tune": "tune",
}
OUTSIDE = ("launcher", "tune")  # groups of settings that are no part of any run


def main(arguments: list[str]) -> int:
    """Run the command line; returns the exit status. Raises UserError for a wrong request."""
    if asks_for_help(arguments):
        print((__doc__ or "").strip())
        return 0
    command, *rest = arguments
    module, parser = chosen("sweeps", COMMANDS, command)
    parser.add_argument("name", metavar="NAME", help=f"the sweep: {', '.join(grid.names())}, or a YAML file of yours")
    add_request(parser)
    anew = parser.add_mutually_exclusive_group()
    anew.add_argument("--fresh", action="store_true", help="train everything anew, in new run and results folders")
    anew.add_argument("--into", metavar="NAME", help="go on with the --fresh run and results folders of this name")
    words = "add seeds where a claim is open, and stop once all are decided; results go to a folder of their own"
    parser.add_argument("--until-decided", action="store_true", help=words)
    words = "seeds at most (default: 20, or what the sweep was begun with)"
    parser.add_argument("--at-most", type=int, metavar="N", help=words)
    if command != "tune":
        parser.add_argument("--tuned", type=Path, metavar="FILE", help="with the rates that `tune` wrote into a file")
    module.add_arguments(parser, command)
    args = parser.parse_intermixed_args(rest)
    if args.into and ("/" in args.into or args.into.startswith(".")):
        raise UserError(f"--into: '{args.into}' is no plain folder name")
    if args.at_most is not None and not args.until_decided:
        raise UserError("--at-most: how many seeds `--until-decided` may go on to: give both")
    preset, overrides = split_request(args.request)
    for group in OUTSIDE:
        said = [text.removeprefix(f"{group}.") for text in overrides if text.startswith(f"{group}.")]
        setattr(args, group, dict(split(text) for text in said))
        overrides = [text for text in overrides if not text.startswith(f"{group}.")]
    into = f"fresh-{time.strftime('%Y%m%d-%H%M%S')}" if args.fresh else args.into
    tuned = None if command == "tune" else args.tuned
    if args.tune and command != "tune":
        raise UserError(f"tune.{next(iter(args.tune))}: is a setting of `python -m sweeps tune`, not of {command}")
    if args.until_decided:
        found = seeds.make(args.name, preset, overrides, into, args.at_most, tuned)
    else:
        found = plan.make(args.name, preset, overrides, into, tuned)
    return module.run(command, found, args)


if __name__ == "__main__":
    sys.exit(exit_status(lambda: main(sys.argv[1:])))
