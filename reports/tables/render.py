"""A table as Markdown and as LaTeX (booktabs)."""

from __future__ import annotations

from reports.stored.runs import Sweep
from reports.tables.table import NOTHING, Cell, Table

LATEX = {"\\": r"\textbackslash{}", "±": r"$\pm$", "–": "--", "↓": r"$\downarrow$", "↑": r"$\uparrow$"}
LATEX |= {character: "\\" + character for character in "%&#_{}$"} | {"^": r"\^{}", "~": r"\~{}"}
INTERVALS = """\
Over seeds: for other seeds on the same items. Over items: for other items at the same seeds. Both are Student's t.
FID and KID are of whole sets and have none over items."""
OVER = ("over_seeds", "over_items")  # the intervals of a cell
BEST = "Bold: best mean among the rows of one block, where they have the same items and seeds."
CONTROLS = "In italics: controls, which are never marked as best. What each rules out:"
STRUCK = "Struck out: a metric that failed its self-test; its numbers are not to be believed."


def markdown(sweep: Sweep, table: Table) -> str:
    """The table with its question, its notes, and under each metric its unit, N and whose weights measured it."""
    lines = [f"# {table.title}", "", sweep.question.strip(), "", f"Source: {sweep.source.strip()}", ""]
    heads = [f"{h.name} {h.arrow}".strip() + f"<br>{h.unit}<br>N = {h.n}<br>{h.weights}" for h in table.headers]
    lines.append(_line([*table.corner, *heads]))
    lines.append(_line([*["---"] * len(table.corner), *["---:"] * len(table.headers)]))
    for row in [row for block in table.blocks for row in block]:
        lines.append(_line([_markdown_cell(cell) for cell in row]))
    for row in table.references:
        lines.append(_line([f"*{_plain(cell.text)}*" if cell.text else "" for cell in row]))
    notes = [*table.notes, *([BEST] if _any_best(table) else []), *([STRUCK] if _any_failed(table) else [])]
    lines += ["", *[f"- {_plain(note)}" for note in notes]]
    if table.controls:
        lines += ["", CONTROLS, "", *[f"- **{_plain(name)}**: {_plain(said)}" for name, said in table.controls]]
    return "\n".join([*lines, *_intervals(table)]).rstrip() + "\n"


def _intervals(table: Table) -> list[str]:
    """A second table: for each row a line for other seeds and one for other items, where there are any."""
    width, rows = len(table.corner), [row for block in table.blocks for row in block]
    lines = []
    for row in rows:
        for over in OVER:
            cells = [_struck(cell, getattr(cell, over)) for cell in row[width:]]
            if any(cells):
                names = [_struck(cell, _plain(cell.text)) for cell in row[:width]]
                lines.append(_line([*names, over.replace("_", " "), *[cell or NOTHING for cell in cells]]))
    if not lines:
        return []
    head = _line([*table.corner, "interval", *[f"{header.name} {header.arrow}".strip() for header in table.headers]])
    rule = _line([*["---"] * (width + 1), *["---:"] * len(table.headers)])
    return ["", "## 95 % intervals of the means", "", INTERVALS, "", head, rule, *lines]


def latex(table: Table) -> str:
    """A `tabular` that needs `booktabs`; units, N and weights stand in rows under the metrics' names."""
    before = len(table.corner)
    empty = [""] * before
    lines = [
        rf"% needs \usepackage{{booktabs{',xcolor' if _any_failed(table) or table.controls else ''}}}",
        f"% {_escape(table.title)}",
        rf"\begin{{tabular}}{{{'l' * before}{'r' * len(table.headers)}}}",
        r"\toprule",
        _latex_line([*table.corner, *[f"{header.name} {header.arrow}".strip() for header in table.headers]]),
        _latex_line([*empty, *[header.unit for header in table.headers]]),
        _latex_line([*empty, *[f"N = {header.n}" for header in table.headers]]),
        _latex_line([*empty, *[header.weights for header in table.headers]]),
    ]
    for block in [*table.blocks, table.references]:
        if block:
            lines += [r"\midrule", *[line for row in block for line in _latex_rows(row, before)]]
    lines += [r"\bottomrule", r"\end{tabular}"]
    said = [f"{name}: {text}" for name, text in table.controls]
    lines += [rf"\par\smallskip\footnotesize {_escape(note)}" for note in [*table.notes, *said]]
    return "\n".join(lines) + "\n"


def _latex_rows(row: list[Cell], width: int) -> list[str]:
    """A row, and under it in small type its intervals."""
    lines = [_latex_cells(row)]
    for over in OVER:
        if any(getattr(cell, over) for cell in row[width:]):
            texts = [over.replace("_", " "), *[getattr(cell, over) for cell in row[width:]]]
            small = [rf"\scriptsize {_escape(text)}" if text else "" for text in texts]
            greyed = [_greyed(cell, text) for cell, text in zip(row[width - 1 :], small, strict=True)]
            lines.append(" & ".join([*[""] * (width - 1), *greyed]) + r" \\")
    return lines


def _any_failed(table: Table) -> bool:
    return any(header.failed for header in table.headers)


def _any_best(table: Table) -> bool:
    return any(cell.best for block in table.blocks for row in block for cell in row)


def _markdown_cell(cell: Cell) -> str:
    return f"**{cell.text}**" if cell.best else _struck(cell, _plain(cell.text))


def _struck(cell: Cell, text: str) -> str:
    """Struck out where it is not to be believed, in italics where it is a control's."""
    text = f"~~{text}~~" if cell.struck and text else text
    return f"*{text}*" if cell.control and text else text


def _plain(text: str) -> str:
    """No character that Markdown would read as the border of a cell."""
    return text.replace("|", "\\|")


def _line(cells: list[str]) -> str:
    return "| " + " | ".join(cells) + " |"


def _latex_line(texts: list[str]) -> str:
    return _latex_cells([Cell(text) for text in texts])


def _latex_cells(cells: list[Cell]) -> str:
    return " & ".join(map(_latex_cell, cells)) + r" \\"


def _latex_cell(cell: Cell) -> str:
    return rf"\textbf{{{_escape(cell.text)}}}" if cell.best else _greyed(cell, _escape(cell.text))


def _greyed(cell: Cell, latex: str) -> str:
    return rf"\textcolor{{gray}}{{{latex}}}" if (cell.struck or cell.control) and latex else latex


def _escape(text: str) -> str:
    return "".join(LATEX.get(character, character) for character in text)
