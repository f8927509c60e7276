"""Tables in words as Markdown (GitHub's), and text that means nothing in it but itself."""

import re
from collections.abc import Collection
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    import pandas as pd

_LIVE: Final = {
    "*": re.compile(r"\*\S(?:.*\S)?\*"),
    "_": re.compile(r"(?<![^\W_])_\S(?:.*\S)?_(?![^\W_])"),
    "~": re.compile(r"~\S(?:.*\S)?~"),
    "`": re.compile(r"`.*`"),
}
"""Signs that mean something in Markdown where they stand in such pairs; a lone one is a plain character."""

_LINK: Final = re.compile(r"\](?=\()|^\s*\[[^]]*\](?=:)")
_ENTITY: Final = re.compile(r"&(?=#?\w+;)")
_OPENING: Final = re.compile(r"<(?!\s|$|=\s|=?\d[\d.,]*(?:[\s);:%]|$))")
"""What may open a tag or an address in angle brackets: no "<0.0001", no "p <= 0.05"."""


def grid(
    shown: "pd.DataFrame", places: list[int], strong: Collection[tuple[int, str]], *, left: Collection[str]
) -> list[str]:
    """Some rows as a Markdown table whose columns line up, so that it can be read as plain text too.

    Args:
        shown: the table in words.
        places: the rows wanted, counted from 0.
        strong: cells in bold, as (row, heading).
        left: headings of the columns that are set flush left.
    """
    names = [str(column) for column in shown.columns]
    head = [escape(name) for name in names]
    body = [
        [_cell(str(cell), bold=(place, name) in strong) for name, cell in zip(names, row, strict=True)]
        for place, row in zip(places, shown.iloc[places].itertuples(index=False), strict=True)
    ]
    widths = [max(2, *map(len, cells)) for cells in zip(head, *body, strict=True)]  # "-:" is the shortest rule
    flush_left = [name in left for name in names]
    rule = ["-" * width if flush else "-" * (width - 1) + ":" for width, flush in zip(widths, flush_left, strict=True)]

    def line(cells: list[str]) -> str:
        padded = (c.ljust(w) if flush else c.rjust(w) for c, w, flush in zip(cells, widths, flush_left, strict=True))
        return f"| {' | '.join(padded)} |"

    return [line(head), line(rule), *(line(row) for row in body)]


def _cell(text: str, *, bold: bool) -> str:
    return f"**{escape(text, inside_bold=True)}**" if bold else escape(text)


def escape(text: str, *, inside_bold: bool = False) -> str:
    r"""Text that stays inside its Markdown table cell and is shown as it is: no HTML, no link, no emphasis, no code.

    Only what could be taken for markup is changed, so that the file reads well as plain text.

    Example:
        >>> print(escape("d_z *, p <= 0.05"), escape("*a* <b>"))
        d_z *, p <= 0.05 \*a\* &lt;b>
    """
    text = re.sub(r"[\r\n]", " ", text)
    marks = [mark for mark, live in _LIVE.items() if live.search(text) or (inside_bold and mark == "*")]
    text = re.sub("|".join(map(re.escape, ["\\", "|", *marks])), r"\\\g<0>", text)
    text = _ENTITY.sub(r"\\&", _LINK.sub(lambda found: found[0][:-1] + r"\]", text))
    return _OPENING.sub("&lt;", text)
