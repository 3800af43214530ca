"""A table as Markdown and as LaTeX (booktabs)."""

from __future__ import annotations

from reports.runs import Sweep
from reports.table import Cell, Table

LATEX = {"\\": r"\textbackslash{}", "±": r"$\pm$", "–": "--", "↓": r"$\downarrow$", "↑": r"$\uparrow$"}
LATEX |= {character: "\\" + character for character in "%&#_{}$"} | {"^": r"\^{}", "~": r"\~{}"}
BEST = "Bold: best mean among the rows of one block, where they have the same items and seeds."


def markdown(sweep: Sweep, table: Table) -> str:
    """The table with its question, its notes, and under each metric its unit, N and whose weights measured it."""
    lines = [f"# {table.title}", "", sweep.question.strip(), "", f"Source: {sweep.source.strip()}", ""]
    heads = [f"{h.name} {h.arrow}".strip() + f"<br>{h.unit}<br>N = {h.n}<br>{h.weights}" for h in table.headers]
    lines.append(_line([*table.corner, *heads]))
    lines.append(_line([*["---"] * len(table.corner), *["---:"] * len(table.headers)]))
    for row in [row for block in table.blocks for row in block]:
        lines.append(_line([f"**{cell.text}**" if cell.best else _plain(cell.text) for cell in row]))
    for row in table.references:
        lines.append(_line([f"*{_plain(cell.text)}*" if cell.text else "" for cell in row]))
    notes = [*table.notes, *([BEST] if _any_best(table) else [])]
    return "\n".join([*lines, "", *[f"- {_plain(note)}" for note in notes]]).rstrip() + "\n"


def latex(table: Table) -> str:
    """A `tabular` that needs `booktabs`; units, N and weights stand in rows under the metrics' names."""
    before = len(table.corner)
    empty = [""] * before
    lines = [
        r"% needs \usepackage{booktabs}",
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
            lines += [r"\midrule", *[_latex_cells(row) for row in block]]
    lines += [r"\bottomrule", r"\end{tabular}"]
    lines += [rf"\par\smallskip\footnotesize {_escape(note)}" for note in table.notes]
    return "\n".join(lines) + "\n"


def _any_best(table: Table) -> bool:
    return any(cell.best for block in table.blocks for row in block for cell in row)


def _plain(text: str) -> str:
    """No character that Markdown would read as the border of a cell."""
    return text.replace("|", "\\|")


def _line(cells: list[str]) -> str:
    return "| " + " | ".join(cells) + " |"


def _latex_line(texts: list[str]) -> str:
    return _latex_cells([Cell(text) for text in texts])


def _latex_cells(cells: list[Cell]) -> str:
    texts = [rf"\textbf{{{_escape(cell.text)}}}" if cell.best else _escape(cell.text) for cell in cells]
    return " & ".join(texts) + r" \\"


def _escape(text: str) -> str:
    return "".join(LATEX.get(character, character) for character in text)
