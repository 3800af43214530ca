"""All stored evaluations in one table for other tools: a row each, with every setting, count, score and cost."""

from __future__ import annotations

import io
import json
from typing import Any

from reports.stored.settings import Run


def files(runs: list[Run]) -> dict[str, bytes]:
    """`runs.parquet`."""
    import pandas as pd

    frame = pd.DataFrame([_row(run) for run in runs])
    buffer = io.BytesIO()
    frame.to_parquet(buffer, index=False)
    return {"runs.parquet": buffer.getvalue()}


def _row(run: Run) -> dict[str, Any]:
    result = run.point.result
    row: dict[str, Any] = {"run_id": run.point.run_id, "eval_id": run.point.eval_id, "step": run.point.step}
    row |= {key: _plain(value) for key, value in run.settings.items()}
    row |= {f"seen.{name}": value for name, value in result.get("seen", {}).items()}
    row |= {f"cost.{name}": value for name, value in result.get("cost", {}).items()}
    for name, score in result["metrics"].items():
        row |= {name: score["value"], f"{name}.n": score["n"], f"{name}.weights": score["weights"]}
        row |= {f"{name}_before": score["before"]} if score["before"] is not None else {}
    return row | {"code": " ".join(run.point.codes)}


def _plain(value: Any) -> Any:
    """A column holds one kind of value: lists and mappings are written out."""
    return json.dumps(value) if isinstance(value, list | dict) else value
