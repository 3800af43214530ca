"""Shared parts of all command lines: requests of the form `[PRESET] [key=value ...]`, and exit statuses.

0 done, 1 something failed while running, 2 the request was wrong, 130 interrupted.
"""

from __future__ import annotations

import argparse
import importlib
import signal
import sys
import traceback
from collections.abc import Callable
from typing import Any, NoReturn

from architectures import ArchitectureError
from bench.system import interrupts
from bench.system.errors import UserError, nearest


class Parser(argparse.ArgumentParser):
    """An argument parser with one-line errors."""

    def error(self, message: str) -> NoReturn:
        """Raise UserError instead of printing the usage."""
        raise UserError(f"{message} (see {self.prog} --help)")


def chosen(package: str, commands: dict[str, str], name: str, epilog: str | None = None) -> tuple[Any, Parser]:
    """The module of `python -m PACKAGE NAME`, by `commands` (name -> file of PACKAGE/commands), and a parser for it.

    Raises UserError for an unknown command.
    """
    if name not in commands:
        raise UserError(f"unknown command '{name}'{nearest(name, commands)}")
    module = importlib.import_module(f"{package}.commands.{commands[name]}")
    parser = Parser(
        prog=f"python -m {package} {name}",
        description=module.__doc__,
        epilog=epilog,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    return module, parser


def asks_for_help(arguments: list[str]) -> bool:
    """Whether the arguments ask for help."""
    return not arguments or arguments[0] in ("-h", "--help", "help")


def add_request(parser: argparse.ArgumentParser) -> None:
    """Let `parser` take `[PRESET] [key=value ...]`."""
    words = "a preset (default: default), then settings such as train.steps=100"
    parser.add_argument("request", nargs="*", metavar="[PRESET] [key=value ...]", help=words)


def split_request(words: list[str]) -> tuple[str, list[str]]:
    """The preset and the overrides of a request."""
    if words and "=" not in words[0]:
        return words[0], words[1:]
    return "default", words


def exit_status(main: Callable[[], int]) -> int:
    """Run `main`; turn an exception into a message on stderr and an exit status."""
    interrupts.handle(signal.SIGINT, signal.SIGTERM)  # `kill` stops as cleanly as Ctrl-C
    try:
        return main()
    except (UserError, ArchitectureError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print("\ninterrupted: the same command goes on where this one stopped", file=sys.stderr)
        return 130
    except BrokenPipeError:
        sys.stderr.close()
        return 1
    except Exception:
        traceback.print_exc()
        return 1
