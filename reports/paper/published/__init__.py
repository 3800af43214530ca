"""Numbers that the paper printed, and what its text says of them."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import Any

from bench.config import user_yaml

FILE = Path(__file__).with_name("xfusion.yaml")


@cache
def content() -> dict[str, Any]:
    """The whole file."""
    return user_yaml.read(FILE.read_text(encoding="utf-8"))


def scale() -> dict[str, float]:
    """Sizes of the paper's experiments, at least."""
    return content()["scale"]


def value(table: str, settings: dict[str, Any], metric: str) -> float | None:
    """The number that a table prints for runs of these settings, None where it has none."""
    rows = content()["tables"].get(table, {}).get("rows", [])
    found = (row for row in rows if "runs" in row and row["runs"].items() <= settings.items())
    return next((row[metric] for row in found if metric in row), None)


def beside(table: str, sides: list[dict[str, Any]], metric: str) -> str:
    """The paper's numbers for the same comparison: "FID 14.2, 19.1"; nothing where it printed none."""
    measure = content()["stands_beside"].get(metric)
    if not measure:
        return ""
    numbers = [number for side in sides if (number := value(table, side, measure["key"])) is not None]
    return f"{measure['name']} {', '.join(f'{number:g}' for number in numbers)}" if len(numbers) == len(sides) else ""


def slips() -> list[str]:
    """Where the text and its own table part, in per cent of change."""
    said = []
    for claim in content()["arithmetic"]:
        of, against = (
            value(claim["table"], {"model.architecture": claim[side]}, claim["metric"]) for side in ("of", "against")
        )
        assert of is not None and against is not None
        change = 100 * (of / against - 1)
        if abs(change - claim["text"]) > 0.5:
            said.append(
                f"The paper's text says {claim['text']:+.0f} % {claim['metric'].upper()} for the "
                f"{claim['of'].replace('_', ' ')} against the {claim['against'].replace('_', ' ')}; "
                f"its own table gives {change:+.1f} % ({of} against {against})."
            )
    return said
