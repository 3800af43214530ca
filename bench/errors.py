"""Errors that speak to the user: one line, exit status 2, no traceback."""

from __future__ import annotations

from collections.abc import Iterable
from difflib import get_close_matches


class UserError(Exception):
    """The request was wrong. The message is one line: what is wrong, where, and the nearest right thing."""


def nearest(name: str, choices: Iterable[str]) -> str:
    """Return ``" (did you mean 'x'?)"`` for the choice most like ``name``, or the list of choices if none is close."""
    choices = sorted(choices)
    close = get_close_matches(name, choices, n=1)
    if close:
        return f" (did you mean '{close[0]}'?)"
    return f" (choose from {', '.join(choices)})" if choices else ""
