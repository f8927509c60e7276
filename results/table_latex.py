r"""A table as LaTeX to be pasted into a paper: booktabs, emphasised cells bold, everything else taken literally.

It compiles with pdfLaTeX and no package but booktabs, for wide tables graphicx, and for long ones longtable. A
character that pdfLaTeX's fonts have not is written as its code point, so that no case id keeps a paper from compiling.
"""

import re
from collections.abc import Sequence
from typing import Final

from .table import WORDS, Table

LONG: Final = 45
"""Rows beyond which a table no longer fits a page and becomes a longtable."""

WIDE: Final = 80
"""Characters of a row, separators included, beyond which it is wider than a column of text."""

_SPECIAL: Final = {
    **{character: f"\\{character}" for character in "{}$&#%_"},
    "\\": r"\textbackslash{}",
    "^": r"\textasciicircum{}",
    "~": r"\textasciitilde{}",
    "`": r"\textasciigrave{}",
    "<": r"\textless{}",
    ">": r"\textgreater{}",
    "|": r"\textbar{}",
    "–": "--",
    "—": "---",
    "…": r"\dots{}",
    "‘": "`",
    "’": "'",
    "“": "``",
    "”": "''",
    "→": r"$\rightarrow$",
    "−": "$-$",
    "±": r"$\pm$",
    "×": r"$\times$",
    "·": r"$\cdot$",
    "≤": r"$\le$",
    "≥": r"$\ge$",
    "≈": r"$\approx$",
    "Δ": r"$\Delta$",
    "α": r"$\alpha$",
    "β": r"$\beta$",
    "κ": r"$\kappa$",
    "µ": r"$\mu$",
    "μ": r"$\mu$",
    "ρ": r"$\rho$",
    "σ": r"$\sigma$",
    "τ": r"$\tau$",
    "°": r"$^\circ$",
    "²": "$^2$",
    "³": "$^3$",
}

_PRINTED: Final = frozenset(chr(code) for code in range(0xC0, 0x100)) - frozenset("ÐÞðþ×÷")
"""Letters beyond ASCII that every pdfLaTeX prints."""


def latex(table: Table, *, marks: tuple[str, ...] = (), source: tuple[str, ...] = ()) -> str:
    """The table's words as LaTeX, one environment per task and part of the split.

    Args:
        table: what to write.
        marks: warnings, set bold in the caption.
        source: lines on where the numbers come from, as comments.
    """
    parts = [(heading, [_cells(table, place) for place in places]) for heading, places in table.sections()]
    forms = [_form(table, rows) for _, rows in parts]
    needed = {
        "booktabs",
        *(package for form in forms for package in {"long": ["longtable"], "wide": ["graphicx"]}.get(form, [])),
    }
    lines = [f"% {_line(text)}" for text in (table.title, *source)]
    lines += [f"% Needs \\usepackage{{{','.join(sorted(needed))}}}"]
    for number, ((heading, rows), form) in enumerate(zip(parts, forms, strict=True)):
        caption = " ".join([*(rf"\textbf{{{escape(mark)}.}}" for mark in marks), escape(f"{table.title}. {heading}.")])
        label = f"tab:{table.name.replace('_', '-')}" + (f"-{number + 1}" if number else "")
        write = _long if form == "long" else _float
        lines += ["", *write(table, rows, caption=rf"\caption{{{caption}}}\label{{{label}}}", wide=form == "wide")]
    return "\n".join(lines) + "\n"


def escape(text: str) -> str:
    r"""Text that LaTeX prints as it is.

    >>> escape("50 % of -1 & T_2")
    '50 \\% of $-$1 \\& T\\_2'
    """
    words = "".join(_character(character) for character in _line(text))
    words = re.sub(r"-(?=-)", "-{}", words) if "--" in text else words  # a command's options, and no dash
    return re.sub(r"(?<![\w{}$.-])-(?=\d)", "$-$", words)


def _line(text: str) -> str:
    return " ".join("".join(c if c.isprintable() else " " for c in text).split())


def _character(character: str) -> str:
    if character.isascii() or character in _SPECIAL or character in _PRINTED:
        return _SPECIAL.get(character, character)
    return f"[U+{ord(character):04X}]"


def _cells(table: Table, place: int) -> list[str]:
    """One row; its first cell is guarded, since a bracket or star after the last row's end would be an option of it."""
    cells = [escape(str(cell)) for cell in table.shown.iloc[place]]
    names = [str(column) for column in table.shown.columns]
    cells = [rf"\textbf{{{c}}}" if (place, name) in table.strong else c for c, name in zip(cells, names, strict=True)]
    return ["{}" + cells[0] if cells[0].startswith(("[", "*")) else cells[0], *cells[1:]]


def _form(table: Table, rows: Sequence[Sequence[str]]) -> str:
    """How a section is set: "long" over pages, "wide" scaled to the text's width, or "plain"."""
    if len(rows) > LONG:
        return "long"
    columns = zip(map(str, table.shown.columns), *rows, strict=True)
    return "wide" if sum(max(map(len, cells)) + 2 for cells in columns) > WIDE else "plain"


def _columns(table: Table) -> str:
    return "".join("l" if str(column) in WORDS else "r" for column in table.shown.columns)


def _body(table: Table, rows: Sequence[Sequence[str]]) -> tuple[str, list[str]]:
    head = " & ".join(escape(str(column)) for column in table.shown.columns) + r" \\"
    return head, [" & ".join(row) + r" \\" for row in rows]


def _float(table: Table, rows: Sequence[Sequence[str]], *, caption: str, wide: bool) -> list[str]:
    head, body = _body(table, rows)
    tabular = [rf"\begin{{tabular}}{{{_columns(table)}}}", r"\toprule", head, r"\midrule", *body, r"\bottomrule"]
    tabular += [r"\end{tabular}"]
    if wide:
        tabular = [r"\resizebox{\linewidth}{!}{%", *tabular[:-1], tabular[-1] + "}"]
    return [r"\begin{table}", r"\centering", caption, r"\small", *tabular, *_notes(table), r"\end{table}"]


def _long(table: Table, rows: Sequence[Sequence[str]], *, caption: str, wide: bool) -> list[str]:
    del wide  # a longtable cannot be scaled; it is set small
    head, body = _body(table, rows)
    top = [r"\toprule", head, r"\midrule"]
    start = [r"\begingroup\scriptsize\setlength{\tabcolsep}{3pt}", rf"\begin{{longtable}}{{{_columns(table)}}}"]
    heads = [caption + r" \\", *top, r"\endfirsthead", *top, r"\endhead", r"\bottomrule", r"\endfoot"]
    return [*start, *heads, *body, r"\end{longtable}", *_notes(table), r"\endgroup"]


def _notes(table: Table) -> list[str]:
    notes = [escape(note) + r"\par" for note in table.notes]
    return (
        [r"\par\smallskip\noindent\begin{minipage}{\linewidth}\scriptsize", *notes, r"\end{minipage}\par"]
        if notes
        else []
    )
