"""What a model costs, beside its accuracy: parameters and latency, for the rows of the accuracy table."""

from typing import TYPE_CHECKING, Any

from .run_info import RunInfo
from .table import Table, count_of

if TYPE_CHECKING:
    import pandas as pd


def with_parameters(rows: "pd.DataFrame", efficiency: Table | None, info: RunInfo) -> "pd.DataFrame":
    """Rows whose model's size is known, from timing runs or run.json, with the column `parameters`."""
    known: dict[str, Any] = dict(info.parameters)
    if efficiency is not None:
        known |= _by_model(efficiency.frame, "parameters")
    return _with(rows, "parameters", known)


def with_latency(rows: "pd.DataFrame", efficiency: Table | None) -> tuple["pd.DataFrame", str]:
    """Rows whose model was timed, with the column `latency` in ms per slice, and the words for an axis.

    Latencies of other sizes or threads do not compare: of the settings at hand the one that most models were timed with
    is taken, then the larger side, then fewer threads.
    """
    if efficiency is None:
        return rows.iloc[:0], ""
    timed = efficiency.frame.dropna(subset=["latency_slice_ms_median"])
    if timed.empty:
        return rows.iloc[:0], ""
    timed = timed.assign(image_side=timed["image_side"].fillna(0), threads=timed["threads"].fillna(0))
    models = timed.groupby(["size", "image_side", "threads"])["label"].nunique().reset_index(name="models")
    best = models.sort_values(["models", "image_side", "threads"], ascending=[False, False, True]).iloc[0]
    mine = timed[(timed["size"] == best["size"]) & (timed["threads"] == best["threads"])]
    threads = f", {count_of(int(best['threads']), 'thread')}" if best["threads"] else ""
    words = f"ms per slice of {str(best['size']).replace('x', ' × ')}{threads}"
    return _with(rows, "latency", _by_model(mine, "latency_slice_ms_median")), words


def _by_model(frame: "pd.DataFrame", column: str) -> dict[str, Any]:
    given = frame.dropna(subset=column)
    names = ("model", "label")
    return {str(k): value for n in names for k, value in zip(given[n], given[column], strict=True)}


def _with(rows: "pd.DataFrame", column: str, known: dict[str, Any]) -> "pd.DataFrame":
    """Rows of the models known under their name or its first word, and with a score."""
    found = rows["model"].map(lambda name: known.get(name, known.get(name.split(" ")[0])))
    return rows.assign(**{column: found})[found.notna() & rows["dice_mean"].notna()]
