"""Errors for the user: one line, exit status 2, no traceback."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from difflib import get_close_matches
from pathlib import Path

LONGEST = 1000  # characters of a message, which may quote its input


class UserError(Exception):
    """The request was wrong. The message is one line: what is wrong, where, and the nearest right thing."""

    def __init__(self, message: str) -> None:
        """Make one printable line of `message`."""
        line = "".join(map(_shown, " ".join(message.splitlines())))
        super().__init__(line if len(line) <= LONGEST else f"{line[: LONGEST // 2]} ... {line[-LONGEST // 2 :]}")


def _shown(character: str) -> str:
    return character if character.isprintable() else character.encode("unicode_escape").decode()


def nearest(name: str, choices: Iterable[str]) -> str:
    """Return ``" (did you mean 'x'?)"`` for the choice most like ``name``, or the list of choices if none is close."""
    choices = sorted(choices)
    close = get_close_matches(name, choices, n=1)
    if close:
        return f" (did you mean '{close[0]}'?)"
    return f" (choose from {', '.join(choices)})" if choices else ""


@contextmanager
def writing_to(folder: Path) -> Iterator[None]:
    """Turn an OSError into a UserError that names the folder."""
    try:
        yield
    except OSError as error:
        raise UserError(f"cannot write to {folder}: {(error.strerror or str(error)).lower()}") from error
