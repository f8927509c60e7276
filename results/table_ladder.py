"""Memory ladder: the largest square image each model segments under memory caps, from RUN/efficiency/ladder/*.json.

Sides in pixels, caps in MB of 10^6 bytes. What a cap counts is the row's `method`.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final

from .cells import text, whole, without_empty
from .run_info import RunInfo
from .scored import Scope
from .table import MISSING, Table
from .table_efficiency import read_object

TOP: Final = "nothing larger was tried"
_WORDS: Final = {"libraries": "not even the libraries", "weights": "not even the weights", "memory": "no image"}


def read_ladders(folder: Path) -> list[dict[str, Any]]:
    """The ladders of a run, by file name.

    Raises:
        ValueError: a file is not a ladder; names it and the remedy.
    """
    found = []
    for path in sorted((folder / "efficiency" / "ladder").glob("*.json")):
        entry = read_object(path, remedy="the ladder is measured again")
        rows = entry.get("rows")
        if not isinstance(rows, list) or not all(isinstance(row, dict) and "cap_mb" in row for row in rows):
            raise ValueError(f"{path} has no rows of a ladder: delete it; the ladder is measured again")
        model = str(entry.get("model", path.stem))
        found.append({"label": model, "model": model} | entry)
    return found


def memory_ladder(ladders: Sequence[Mapping[str, Any]], *, info: RunInfo | None = None) -> Table | None:
    """One row per ladder, one column per cap; None without ladders."""
    import pandas as pd

    if not ladders:
        return None
    about = info or RunInfo()
    caps = sorted({row["cap_mb"] for ladder in ladders for row in ladder["rows"]})
    ordered = sorted(ladders, key=lambda each: (str(each["label"]), each.get("threads") or 0))
    frame = Scope(about.task, about.split, bool(about.phantom)).in_front_of(
        pd.DataFrame(_numbers(each, caps) for each in ordered)
    )
    shown = without_empty(pd.DataFrame(_words(each, caps) for each in ordered), ("Steps",))
    return Table("memory_ladder", "Memory ladder: largest image side in pixels", frame, shown, _notes(ordered))


def _numbers(ladder: Mapping[str, Any], caps: Sequence[int]) -> dict[str, Any]:
    rows = {row["cap_mb"]: row for row in ladder["rows"]}
    known = {name: ladder.get(name) for name in ("label", "model", "steps", "threads", "method", "cpu", "date")}
    sides = {f"side_{cap}_mb": rows.get(cap, {}).get("largest_side") for cap in caps}
    reasons = {f"stopped_{cap}_mb": rows.get(cap, {}).get("stopped_by") for cap in caps}
    return {**known, "baseline_mb": _baseline(ladder), **sides, **reasons}


def _words(ladder: Mapping[str, Any], caps: Sequence[int]) -> dict[str, str]:
    rows = {row["cap_mb"]: row for row in ladder["rows"]}
    return {
        "Model": str(ladder["label"]),
        "Steps": whole(ladder.get("steps")),
        "Threads": whole(ladder.get("threads")),
        **{f"{cap} MB": _cell(rows.get(cap, {})) for cap in caps},
        "Libraries (MB)": text(_baseline(ladder)),
    }


def _baseline(ladder: Mapping[str, Any]) -> float | None:
    """The largest of the ladder's processes; they differ by a page or two."""
    known = [row["baseline_mb"] for row in ladder["rows"] if row.get("baseline_mb") is not None]
    return round(max(known)) if known else None


def _cell(row: Mapping[str, Any]) -> str:
    side, stopped = row.get("largest_side"), str(row.get("stopped_by", ""))
    if side is None:
        return _WORDS.get(stopped, stopped) or MISSING
    if stopped == TOP:
        return f"≥ {side}"
    return f"{side} (time)" if stopped == "time" else str(side)


def _notes(ladders: Sequence[Mapping[str, Any]]) -> tuple[str, ...]:
    methods = sorted({str(ladder.get("method", "unknown")) for ladder in ladders})
    steps = sorted({str(ladder.get("step", "?")) for ladder in ladders})
    return (
        f"A fresh process per attempt under a hard limit: {'; '.join(methods)}. Sides are multiples of "
        f"{', '.join(steps)}; a larger one was refused memory, or took too long where it says time.",
        "A limit on the address space leaves out what the interpreter, torch and the model's libraries had reserved "
        "before it was set (last column; reserved, not resident): the cap is for weights, image, state and activations "
        "alone, and a board needs it beside the libraries.",
    )
