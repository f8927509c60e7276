"""Cells of the tables on efficiency: whole numbers, three significant digits, latencies, a dash for what is unknown."""

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from .table import MISSING

if TYPE_CHECKING:
    import pandas as pd


def identity_cells(row: Any) -> dict[str, str]:
    """What tells one row from another, in words."""
    return {
        "Model": row.label,
        "Engine": text(row.engine),
        "Steps": whole(row.steps),
        "Size": str(row.size).replace("x", " × "),
        "Threads": whole(row.threads),
    }


def without_empty(shown: "pd.DataFrame", columns: Sequence[str]) -> "pd.DataFrame":
    """The same without those of the columns in which no row has anything."""
    return shown.drop(columns=[name for name in columns if shown[name].eq(MISSING).all()])


def text(value: Any) -> str:
    """A word, or a dash."""
    import pandas as pd

    return MISSING if pd.isna(value) else str(value)


def whole(value: Any) -> str:
    """A whole number, or a dash."""
    import pandas as pd

    return MISSING if pd.isna(value) else f"{value:,}"


def significant(value: Any, unit: float = 1.0) -> str:
    """Three significant digits without an exponent, whole numbers in full; a dash for what is undefined.

    >>> [significant(value) for value in (0.0123456, 12.3456, 1234.56, 0.0)]
    ['0.0123', '12.3', '1,235', '0']
    """
    import pandas as pd

    if pd.isna(value):
        return MISSING
    scaled = float(value) / unit
    if scaled == 0:
        return "0"
    return f"{scaled:,.{max(0, 2 - math.floor(math.log10(abs(scaled))))}f}"


def latency(median: Any, *percentiles: Any) -> str:
    """`median [90th, 99th]` as far as they are known."""
    import pandas as pd

    known = [significant(value) for value in percentiles if not pd.isna(value)]
    return significant(median) + (f" [{', '.join(known)}]" if known and not pd.isna(median) else "")
