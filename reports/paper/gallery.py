"""All definitions, drawn of whatever runs are stored, and a list of those that have none yet."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from bench.system.files import write_all
from reports.figures import samples
from reports.figures.panels import plot_style
from reports.paper import costs, curves, definitions, published
from reports.paper.definitions import Definition
from reports.paper.groups import Group, largest
from reports.stored.declared import GENERAL
from reports.stored.frames import parquet, scores_frame
from reports.stored.runs import NOT_BELIEVED, Point, Reader, Sweep, read_point
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
    files: Files = {"runs.parquet": parquet(stored)}
    entries = []
    for definition in definitions.read():
        group = largest(definition, stored, only) if definition.kind else Group([], [])
        drawn = _drawn(definition, group) if group.runs else {}
        files |= drawn
        entries.append(_entry(definition, group, drawn))
    files["index.md"] = _index(entries, [point for point in points if point.status in NOT_BELIEVED]).encode()
    return write_all(folder, files)


def _drawn(definition: Definition, group: Group) -> Files:
    """The files of one definition; none where its runs have not measured what it shows."""
    if definition.kind == "table":
        return _table(definition, _trained(group.runs))
    if definition.kind == "samples":
        found = samples.draw(_sweep(definition, _trained(group.runs)))
        return {f"{definition.name}{Path(name).suffix}": content for name, content in found.items()}
    with plot_style():
        if definition.kind == "costs":
            frame = costs.table(definition, _trained(group.runs))
            drawn = _figure(definition, costs.draw(definition, frame))
        else:
            assert definition.kind == "curves", definition.kind
            frame = curves.along(definition, group.runs)
            drawn = _figure(definition, curves.draw(definition, group.runs, frame))
    return drawn | {f"{definition.name}.csv": frame.drop(columns="title").to_csv(index=False).encode()} if drawn else {}


def _figure(definition: Definition, figure: Figure | None) -> Files:
    return {f"{definition.name}.{kind}": rendered(figure, kind) for kind in KINDS} if figure else {}


def _table(definition: Definition, runs: list[Run]) -> Files:
    """As a sweep's, with the paper's own numbers under ours."""
    sweep = _sweep(definition, runs)
    scores = scores_frame(sweep)
    scores = scores[scores["metric"].isin(definition.metrics)]
    if scores.empty:
        return {}
    summary = with_intervals(summarise(scores), sweep, scores)
    arranged = table.build(sweep, scores, summary)
    rows, note = _published(definition, arranged, [run.settings["model.architecture"] for run in runs])
    arranged = replace(arranged, references=[*arranged.references, *rows], notes=[*arranged.notes, *note])
    return {
        f"{definition.name}.csv": summary.drop(columns=["x", "title"]).to_csv(index=False).encode(),
        f"{definition.name}.md": render.markdown(sweep, arranged).encode(),
        f"{definition.name}.tex": render.latex(arranged).encode(),
    }


def _published(
    definition: Definition, ours: table.Table, names: Iterable[str]
) -> tuple[list[list[table.Cell]], list[str]]:
    """A row an architecture of what the paper printed, where it printed any, and what to make of it."""
    rows = []
    for name in dict.fromkeys(names):
        sides = [{definition.by: name}]
        cells = [published.beside(definition.published, sides, header.metric) for header in ours.headers]
        if any(cells):
            first = table.Cell(f"{labels.architecture(name)}, the paper's")
            gap = [table.Cell("")] * (len(ours.corner) - 1)
            rows.append([first, *gap, *[table.Cell(cell or table.NOTHING) for cell in cells]])
    note = f"The paper's: {published.content()['source']}; other data, other models, other weights: not comparable."
    return rows, [note, *published.slips()] if rows else []


def _trained(runs: list[Run]) -> list[Run]:
    """Runs scored after the last step of their training."""
    return [run for run in runs if run.point.step == run.settings.get("train.steps")]


def _sweep(definition: Definition, runs: list[Run]) -> Sweep:
    points, x = [run.point for run in runs], GENERAL["architecture"]
    question = f"Runs that differ in {definition.by} and seed alone, such as `{definition.command}` makes."
    return Sweep(definition.title, "", question, definition.source, x, list(definition.metrics), points)


def _entry(definition: Definition, group: Group, drawn: Files) -> str:
    """The entry of a definition in the list."""
    head = f"## {definition.title}\n\nSource: {definition.source}.\n\n"
    if definition.needs:
        return f"{head}This version cannot make such runs: it lacks {definition.needs}.\n"
    if not drawn:
        return f"{head}No runs yet. They are made by `{definition.command}`.\n"
    seeds = sorted({run.settings["seed"] for run in group.runs})
    names = " ".join(f"[{name}]({name})" for name in sorted(drawn))
    text = f"{head}{names}\n\n{len(group.runs)} evaluations of {len({run.point.run_id for run in group.runs})} runs, "
    text += f"seeds {', '.join(map(str, seeds))}. More: `{definition.command}`\n"
    if group.others:
        text += "\nNot comparable with these and left out: runs with " + "; ".join(group.others) + ".\n"
    return text


def _index(entries: list[str], doubtful: list[Point]) -> str:
    lines = ["# Figures and tables of the stored runs", "", "All runs: [runs.parquet](runs.parquet)", "", *entries]
    if doubtful:
        lines += ["## Not believed, and left out", ""]
        lines += [f"- {p.run_id}, step {p.step}: {p.status}: {p.error[:REASON_AT_MOST]}" for p in doubtful]
    return "\n".join(lines).rstrip() + "\n"
