"""Format version of the files that this project writes: files of another are refused, never misread."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from bench.system.errors import UserError

FORMAT = 2  # of new files, under their key "schema"
READABLE = (1, FORMAT)
RENAMED = {f"{name}_{when}": name for name in ("exam", "perplexity") for when in ("after", "before")}
"""Metrics of format 1 that are part of another one since."""

IDENTITY = 1  # what identities hash: a new layout of files renames no run


def read_own(path: Path) -> dict[str, Any] | None:
    """Content of a JSON file of this project, None if there is none. Raises UserError for another format."""
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
        found = content["schema"]
    except (FileNotFoundError, NotADirectoryError):
        return None
    except OSError as error:
        raise UserError(f"cannot read {path}: {error.strerror}") from error
    except (ValueError, KeyError, TypeError, RecursionError) as error:
        raise UserError(f"{path} is not a file of xfusion-bench: move it away, or name another folder") from error
    if found not in READABLE:
        known = " and ".join(map(str, READABLE))
        raise UserError(f"{path} has format {found}, this version reads {known}: move it away, or name another folder")
    return content
