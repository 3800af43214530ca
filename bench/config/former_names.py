"""Former names of settings: stored overrides are read by them, and a user who writes one is told today's."""

from __future__ import annotations

RENAMED = {"runtime.products": "runtime.matmul_backend"}
REMOVED = {"runtime.keep_texts": "the text-state cache saved too little to keep"}  # none of them changed a number


def hint(key: str) -> str:
    """The end of a message about an unknown setting: what became of it; "" for a key that never was one."""
    if key in RENAMED:
        return f" (did you mean '{RENAMED[key]}'?)"
    return f" (it is gone: {REMOVED[key]}; leave it out)" if key in REMOVED else ""


def updated(overrides: list[str]) -> list[str]:
    """Stored `key=value` overrides under today's names, without those of settings that are gone."""
    said = [text.partition("=") for text in overrides]
    return [f"{RENAMED.get(key, key)}{equals}{value}" for key, equals, value in said if key not in REMOVED]
