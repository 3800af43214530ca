"""All definitions, drawn of whatever runs are stored, and a list of those that have none yet."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from bench.system.errors import writing_to
from bench.system.files import remove_drafts, write_atomically
from reports.figures import samples
from reports.figures.panels import house_style
from reports.paper import costs, curves, definitions, published
from reports.paper.definitions import Exhibit
from reports.paper.groups import Group, largest
from reports.stored import parquet
from reports.stored.runs import NOT_BELIEVED, Point, Reader, Sweep, read_point, scores_frame
from reports.stored.settings import Run, Settings, everything, finished
from reports.style import labels
from reports.style.output import KINDS, rendered
from reports.tables import render, table
from reports.tables.intervals import with_intervals
from reports.tables.summary import REASON_AT_MOST, summarise

if TYPE_CHECKING:
    from matplotlib.figure import Figure

Files = dict[str, bytes]


def build(runs: Path, folder: Path, only: Settings, read: Reader = read_point) -> list[Path]:
    """Draw everything into `folder`, of the runs that have the settings `only`, and return what was written.

    The same runs give the same bytes. Raises ``UserError`` where there are no runs, or `folder` cannot be written.
    """
    points = everything(runs, read)
    stored = finished(points)
    files: Files = parquet.files(stored)
    entries = []
    for exhibit in definitions.read():
        group = largest(exhibit, stored, only) if exhibit.kind else Group([], [])
        drawn = _drawn(exhibit, group) if group.runs else {}
        files |= drawn
        entries.append(_entry(exhibit, group, drawn))
    files["index.md"] = _index(entries, [point for point in points if point.status in NOT_BELIEVED]).encode()
    with writing_to(folder):
        folder.mkdir(parents=True, exist_ok=True)
        remove_drafts(folder)
        for name, content in files.items():
            write_atomically(folder / name, content)
    return [folder / name for name in files]


def _drawn(exhibit: Exhibit, group: Group) -> Files:
    """The files of one exhibit; none where its runs have not measured what it shows."""
    if exhibit.kind == "table":
        return _table(exhibit, _trained(group.runs))
    if exhibit.kind == "samples":
        found = samples.draw(_sweep(exhibit, _trained(group.runs)))
        return {f"{exhibit.name}{Path(name).suffix}": content for name, content in found.items()}
    with house_style():
        if exhibit.kind == "costs":
            frame = costs.table(exhibit, _trained(group.runs))
            drawn = _figure(exhibit, costs.draw(exhibit, frame))
        else:
            assert exhibit.kind == "curves", exhibit.kind
            frame = curves.along(exhibit, group.runs)
            drawn = _figure(exhibit, curves.draw(exhibit, frame))
    return drawn | {f"{exhibit.name}.csv": frame.to_csv(index=False).encode()} if drawn else {}


def _figure(exhibit: Exhibit, figure: Figure | None) -> Files:
    return {f"{exhibit.name}.{kind}": rendered(figure, kind) for kind in KINDS} if figure else {}


def _table(exhibit: Exhibit, runs: list[Run]) -> Files:
    """As a sweep's, with the paper's own numbers under ours."""
    sweep = _sweep(exhibit, runs)
    scores = scores_frame(sweep)
    scores = scores[scores["metric"].isin([*exhibit.metrics, "exam_before"])]
    if scores.empty:
        return {}
    summary = with_intervals(summarise(scores), sweep, scores)
    arranged = table.build(sweep, scores, summary)
    rows, note = _published(exhibit, arranged, [run.settings["model.architecture"] for run in runs])
    arranged = replace(arranged, references=[*arranged.references, *rows], notes=[*arranged.notes, *note])
    return {
        f"{exhibit.name}.csv": summary.drop(columns="x").to_csv(index=False).encode(),
        f"{exhibit.name}.md": render.markdown(sweep, arranged).encode(),
        f"{exhibit.name}.tex": render.latex(arranged).encode(),
    }


def _published(exhibit: Exhibit, ours: table.Table, names: Iterable[str]) -> tuple[list[list[table.Cell]], list[str]]:
    """A row an architecture of what the paper printed, where it printed any, and what to make of it."""
    rows = []
    for name in dict.fromkeys(names):
        cells = [published.beside(exhibit.published, [{exhibit.by: name}], header.metric) for header in ours.headers]
        if any(cells):
            first = table.Cell(f"{labels.architecture(name)}, the paper's")
            gap = [table.Cell("")] * (len(ours.corner) - 1)
            rows.append([first, *gap, *[table.Cell(cell or table.NOTHING) for cell in cells]])
    note = f"The paper's: {published.content()['source']}; other data, other models, other weights: not comparable."
    return rows, [note, *published.slips()] if rows else []


def _trained(runs: list[Run]) -> list[Run]:
    """Those scored after the last step of their training."""
    return [run for run in runs if run.point.step == run.settings.get("train.steps")]


def _sweep(exhibit: Exhibit, runs: list[Run]) -> Sweep:
    points = [run.point for run in runs]
    question = f"Runs that differ in {exhibit.by} and seed alone, such as `{exhibit.command}` makes."
    return Sweep(exhibit.title, "", question, exhibit.source, "architecture", list(exhibit.metrics), points)


def _entry(exhibit: Exhibit, group: Group, drawn: Files) -> str:
    """What is said of an exhibit in the list."""
    head = f"## {exhibit.title}\n\nSource: {exhibit.source}.\n\n"
    if exhibit.needs:
        return f"{head}This version cannot make such runs: it lacks {exhibit.needs}.\n"
    if not drawn:
        return f"{head}No runs yet. They are made by `{exhibit.command}`.\n"
    seeds = sorted({run.settings["seed"] for run in group.runs})
    names = " ".join(f"[{name}]({name})" for name in sorted(drawn))
    text = f"{head}{names}\n\n{len(group.runs)} evaluations of {len({run.point.run_id for run in group.runs})} runs, "
    text += f"seeds {', '.join(map(str, seeds))}. More: `{exhibit.command}`\n"
    if group.others:
        text += "\nNot comparable with these and left out: runs with " + "; ".join(group.others) + ".\n"
    return text


def _index(entries: list[str], doubtful: list[Point]) -> str:
    lines = ["# Figures and tables of the stored runs", "", "All runs: [runs.parquet](runs.parquet)", "", *entries]
    if doubtful:
        lines += ["## Not believed, and left out", ""]
        lines += [f"- {p.run_id}, step {p.step}: {p.status}: {p.error[:REASON_AT_MOST]}" for p in doubtful]
    return "\n".join(lines).rstrip() + "\n"
