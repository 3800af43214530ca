"""Tables, figures, samples and verdicts of a results folder, from its stored runs.

  python -m reports build    FOLDER                   runs.csv, table.*, figure.*, samples.*, verdicts.*
  python -m reports verdicts FOLDER [--claims FILE]   which claims its runs support, contradict or leave open
  python -m reports settle   FOLDER [--claims FILE]   what would settle those left open: more seeds, more images?

FOLDER is one such as results/noise. Claims are the paper's and those in claims/ here, or in FILE
(the form: reports/claims/*.yaml).
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from bench.command_line import Parser, exit_status


def main(arguments: list[str]) -> int:
    """Run the command line; returns the exit status. Raises UserError for a wrong request."""
    parser = Parser(
        prog="python -m reports", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("command", choices=["build", "verdicts", "settle"])
    parser.add_argument("folder", type=Path, metavar="FOLDER", help="a results folder, such as results/noise")
    parser.add_argument("--claims", type=Path, metavar="FILE", help="claims of yours, a file or folder")
    asked = parser.parse_args(arguments)
    if asked.command == "build":
        from reports.build import build  # pandas: not for --help

        for path in build(asked.folder, asked.claims):
            print(path)
        return 0

    from reports import claims, settling, verdict_text, verdicts
    from reports.runs import read_sweep

    sweep = read_sweep(asked.folder)
    found = verdicts.judged(sweep, claims.read(asked.claims))
    print(verdict_text.markdown(sweep, found) if asked.command == "verdicts" else settling.settle(sweep, found))
    return 0


if __name__ == "__main__":
    sys.exit(exit_status(lambda: main(sys.argv[1:])))
