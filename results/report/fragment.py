"""A table as an HTML fragment: a section with heading, marks, one table per task and part, and notes."""

from dataclasses import dataclass
from typing import Final

from ..table import WORDS, Table, count_of
from .templates import environment

ROWS: Final = 2_000
"""Rows of a table in the report; a longer one says how many more the CSV file has."""


@dataclass(frozen=True)
class Cell:
    """A cell's words; `word` sets them flush left, `strong` bold."""

    text: str
    word: bool
    strong: bool


@dataclass(frozen=True)
class Column:
    """A heading; `word` as in `Cell`."""

    name: str
    word: bool


@dataclass(frozen=True)
class Part:
    """The rows of one task and part of its split."""

    heading: str
    rows: tuple[tuple[Cell, ...], ...]
    left_out: str


@dataclass(frozen=True)
class Block:
    """What the template shows of a table."""

    name: str
    title: str
    marks: tuple[str, ...]
    source: tuple[str, ...]
    columns: tuple[Column, ...]
    parts: tuple[Part, ...]
    notes: tuple[str, ...]


def html(table: Table, *, marks: tuple[str, ...] = (), source: tuple[str, ...] = ()) -> str:
    """The table's words as an HTML fragment; the arguments are those of `Table.markdown`."""
    module = environment().get_template("table.html.jinja").module
    fragment = module.table(block(table, marks=marks, source=source), 2)  # type: ignore[attr-defined]
    return str(fragment).strip() + "\n"


def block(table: Table, *, marks: tuple[str, ...] = (), source: tuple[str, ...] = (), rows: int | None = None) -> Block:
    """What the template needs of a table.

    Args:
        table: what to show.
        marks: warnings under the heading.
        source: lines on where the numbers come from.
        rows: how many are shown of each part; all when None.
    """
    columns = tuple(Column(str(name), str(name) in WORDS) for name in table.shown.columns)
    parts = []
    for heading, places in table.sections():
        shown = places if rows is None else places[:rows]
        cells = tuple(_cells(table, place, columns) for place in shown)
        more = len(places) - len(shown)
        parts.append(Part(heading, cells, f"{count_of(more, 'more row')} in tables/{table.name}.csv." if more else ""))
    return Block(table.name, table.title, marks, source, columns, tuple(parts), table.notes)


def _cells(table: Table, place: int, columns: tuple[Column, ...]) -> tuple[Cell, ...]:
    row = table.shown.iloc[place]
    return tuple(
        Cell(str(text), column.word, (place, column.name) in table.strong)
        for text, column in zip(row, columns, strict=True)
    )
