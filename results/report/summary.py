"""What a run found, in sentences that are read straight from its tables."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from ..estimates import MACRO
from ..scored import SCOPE
from ..table import Table, bounds, count_of, heading, number

if TYPE_CHECKING:
    import pandas as pd

_TOTAL: Final = "all acquisition families"


@dataclass(frozen=True)
class Finding:
    """A figure that stands out, what it is, and the sentence that says of what."""

    value: str
    word: str
    sentence: str


@dataclass(frozen=True)
class Chapter:
    """The findings of one task and part of its split."""

    heading: str
    findings: tuple[Finding, ...]


def chapters(tables: Mapping[str, Table]) -> tuple[Chapter, ...]:
    """The findings, a chapter per scope."""
    found: dict[tuple[object, ...], dict[str, pd.DataFrame]] = {}
    for name in ("data", "accuracy", "robustness_summary", "efficiency"):
        if name in tables:
            for scope, rows in tables[name].frame.groupby(list(SCOPE), sort=True):
                found.setdefault(tuple(scope), {})[name] = _one_label(rows) if name != "data" else rows
    return tuple(
        Chapter(heading(str(task), str(split), phantom=bool(phantom)), tuple(_findings(parts)))
        for (task, split, phantom), parts in found.items()
    )


def _findings(parts: "Mapping[str, pd.DataFrame]") -> "Iterator[Finding]":
    if "data" in parts:
        yield _size(parts["data"])
    if "accuracy" in parts:
        yield from _accuracy(parts["accuracy"].dropna(subset=["dice_mean"]))
    if "robustness_summary" in parts:
        yield from _robustness(parts["robustness_summary"].dropna(subset=["delta_mean"]))
    if "efficiency" in parts:
        yield from _smallest(parts["efficiency"].dropna(subset=["parameters"]))


def _size(rows: "pd.DataFrame") -> Finding:
    each = rows.groupby("model")[["scored_cases", "scored_subjects"]].max()
    models = each[each["scored_cases"] > 0]
    intended, scored = count_of(int(rows["intended"].sum()), "answer"), int(rows["scored"].sum())
    if models.empty:
        return Finding("0", "cases", f"Nothing was scored of {intended} intended.")
    cases = _range(models["scored_cases"], "case")
    sentence = f"{cases} of {_range(models['scored_subjects'], 'subject')} {'was' if cases == '1 case' else 'were'} "
    few = f"{len(models)} of " if len(models) < len(each) else ""
    sentence += f"scored with {few}{count_of(len(each), 'model')}; of {intended} intended {scored:,} "
    return Finding(
        f"{models['scored_cases'].max():,}", "cases", f"{sentence}{'has' if scored == 1 else 'have'} a score."
    )


def _range(numbers: "pd.Series[int]", one: str) -> str:
    """`12 cases`, or `2 to 12 cases` where models differ."""
    low, high = int(numbers.min()), int(numbers.max())
    return count_of(high, one) if low == high else f"{low:,} to {count_of(high, one)}"


def _accuracy(rows: "pd.DataFrame") -> "Iterator[Finding]":
    if rows.empty:
        return
    ranked = rows.sort_values(["dice_mean", "model"], ascending=[False, True])
    best, last = ranked.iloc[0], ranked.iloc[-1]
    if len(ranked) > 1:
        sentence = f"{best['model']} has the highest mean Dice on clean images, {_dice(best, 'dice')}"
        sentence += f"; {last['model']} the lowest, {_dice(last, 'dice')}"
    else:
        sentence = f"{best['model']} has a mean Dice of {_dice(best, 'dice')} on clean images"
    word = "best clean Dice" if len(ranked) > 1 else "clean Dice"
    yield Finding(number(best["dice_mean"], 3), word, f"{sentence}.")


def _robustness(rows: "pd.DataFrame") -> "Iterator[Finding]":
    total = rows[rows["perturbation"] == _TOTAL].sort_values(["delta_mean", "model"], ascending=[False, True])
    if not total.empty:
        best, last = total.iloc[0], total.iloc[-1]
        loss = f"ΔDice {_dice(best, 'delta', sign=True)}"
        if len(total) > 1:
            sentence = f"{best['model']} loses least over {_TOTAL}: {loss}"
            sentence += f"; {last['model']} loses most, {_dice(last, 'delta', sign=True)}"
        else:
            sentence = f"{best['model']} has {loss} over {_TOTAL}; no other model has a value"
        word = "smallest loss" if len(total) > 1 else "change of Dice"
        yield Finding(number(best["delta_mean"], 3, sign=True), word, f"{sentence}.")
    single = rows[~rows["perturbation"].str.startswith("all ")].sort_values(["delta_mean", "model", "perturbation"])
    if not single.empty:
        worst = single.iloc[0]
        sentence = f"{worst['perturbation']} hurts most: under it {worst['model']} has ΔDice "
        sentence += f"{_dice(worst, 'delta', sign=True)} on average over severities"
        lowest = f", and a mean Dice of {number(worst['worst_dice'], 3)} at severity {worst['worst_severity']:.0f}"
        yield Finding(number(worst["delta_mean"], 3, sign=True), "largest loss", f"{sentence}{lowest}.")


def _smallest(rows: "pd.DataFrame") -> "Iterator[Finding]":
    if rows["label"].nunique() < 2:
        return
    ranked = rows.sort_values(["parameters", "label"])
    small, large = ranked.iloc[0], ranked.iloc[-1]
    times = large["parameters"] / small["parameters"]
    sentence = f"{small['label']} has {small['parameters']:,} parameters, {large['label']} {large['parameters']:,}: "
    yield Finding(f"{times:,.0f} ×", "range of sizes", f"{sentence}{times:,.1f} times as many.")


def _dice(row: "pd.Series[float]", metric: str, *, sign: bool = False) -> str:
    interval = bounds(row[f"{metric}_low"], row[f"{metric}_high"], 3, sign=sign)
    return f"{number(row[f'{metric}_mean'], 3, sign=sign)} {interval}".strip()


def _one_label(rows: "pd.DataFrame") -> "pd.DataFrame":
    means = rows[rows["label"] == MACRO]
    return rows if means.empty else means
