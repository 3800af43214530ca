"""Everything that is made of one results folder."""

from __future__ import annotations

from pathlib import Path

from bench.system.files import write_all
from reports.figures import figure, samples
from reports.page import both_rates
from reports.page import build as page
from reports.stored.frames import runs_frame, scores_frame
from reports.stored.runs import Reader, Sweep, read_point, read_sweep
from reports.tables import render, table
from reports.tables.intervals import with_intervals
from reports.tables.summary import summarise
from reports.verdicts import facts, text
from reports.verdicts.hypotheses import read as read_claims
from reports.verdicts.judging import Verdict, judged
from reports.verdicts.study import judged_study


def build(folder: Path, claims: Path | None = None, read: Reader = read_point) -> list[Path]:
    """Write all files of a results folder and return their paths; the same runs give the same bytes.

    `claims`: a file or folder of claims to be judged, beside the paper's. `read`: how stored runs are read.

    Raises ``UserError`` where the folder is no results folder of this schema, or cannot be written.
    """
    sweep = read_sweep(folder, read)
    scores = scores_frame(sweep)
    runs = runs_frame(sweep, scores)
    summary = with_intervals(summarise(scores), sweep, scores)
    asked = read_claims(claims, sweep)
    study = judged_study(sweep, asked)
    found = study.verdicts, study.effects, study.looks
    arranged = table.build(sweep, scores, summary)
    before = judged(sweep.common, asked) if sweep.common else []
    both = _both_rates(sweep, sweep.common, arranged, study.verdicts, before) if sweep.common else None
    untold = ["x", "title"] if sweep.x.is_architecture else ["title"]
    tidy = summary.drop(columns=untold).rename(columns={"x": sweep.x.column})
    files: dict[str, bytes] = {
        "runs.csv": runs.to_csv(index=False).encode(),
        "table.csv": tidy.to_csv(index=False).encode(),
        "table.md": render.markdown(sweep, arranged).encode(),
        "table.tex": render.latex(arranged).encode(),
        **figure.draw(sweep, scores, summary),
        **samples.draw(sweep),
        "verdicts.md": text.markdown(sweep, *found).encode(),
        "verdicts.json": facts.as_json(sweep, *found).encode(),
        **({"tuned.md": both_rates.markdown(sweep, both).encode()} if both else {}),
        **page.draw(sweep, runs, scores, summary, arranged, *found, both),
    }
    return write_all(folder, files)


def _both_rates(
    sweep: Sweep, common: Sweep, arranged: table.Table, verdicts: list[Verdict], before: list[Verdict]
) -> both_rates.BothRates:
    scores = scores_frame(common)
    untuned = table.build(common, scores, with_intervals(summarise(scores), common, scores))
    return both_rates.build(sweep, arranged, untuned, verdicts, before)
