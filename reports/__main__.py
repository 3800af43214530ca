"""Tables, figures, samples and verdicts, from stored runs; and the regression check.

  python -m reports figures  [KEY=VALUE ...]          every results folder, and the paper's figures of all runs
  python -m reports build    FOLDER [--claims FILE]   runs.csv, table.*, figure.*, samples.*, verdicts.*, report.html
  python -m reports verdicts FOLDER [--claims FILE]   which claims its runs support, contradict or leave open
  python -m reports settle   FOLDER [--claims FILE]   what would settle those left open: more seeds, more images?
  python -m reports looks    FOLDER [--claims FILE]   looks at a sweep that goes on until its claims are decided
  python -m reports regress  FILE|FOLDER              whether fingerprints, or runs, are as the baseline's; 1 if not
  python -m reports bless    FILE|FOLDER              make them the baseline: shows the difference, and asks

FOLDER is one such as results/noise. Claims are the paper's and those in claims/ here, or in FILE
(the form: reports/verdicts/claims/*.yaml).
"""

from __future__ import annotations

import sys

from bench.system.command_line import asks_for_help, chosen, exit_status

COMMANDS = {  # command -> its module in reports/commands
    "figures": "figures",
    "build": "folder",
    "verdicts": "folder",
    "settle": "folder",
    "looks": "folder",
    "regress": "regression",
    "bless": "regression",
}


def main(arguments: list[str]) -> int:
    """Run the command line; returns the exit status. Raises UserError for a wrong request."""
    if asks_for_help(arguments):
        print((__doc__ or "").strip())
        return 0
    command, *rest = arguments
    module, parser = chosen("reports", COMMANDS, command)
    module.add_arguments(parser, command)
    return int(module.run(command, parser.parse_args(rest)))


if __name__ == "__main__":
    sys.exit(exit_status(lambda: main(sys.argv[1:])))
