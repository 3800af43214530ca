"""`python -m reports build FOLDER`: redraw the tables, figures and samples of a results folder from its stored runs."""

from __future__ import annotations

import sys
from pathlib import Path

from bench.command_line import Parser, exit_status


def main(arguments: list[str]) -> int:
    """Run the command line; returns the exit status. Raises UserError for a wrong request."""
    parser = Parser(prog="python -m reports", description=__doc__)
    parser.add_argument("command", choices=["build"], help="runs.csv, table.*, figure.*, samples.* of a results folder")
    parser.add_argument("folder", type=Path, metavar="FOLDER", help="a results folder, such as results/noise")
    asked = parser.parse_args(arguments)

    from reports.build import build  # pandas: not for --help

    for path in build(asked.folder):
        print(path)
    return 0


if __name__ == "__main__":
    sys.exit(exit_status(lambda: main(sys.argv[1:])))
