"""Tables of the survival experiment, from RUN/stability/*/*.json: which training runs lasted.

The interval of a share of runs is Wilson's (JASA 1927), which keeps its coverage for few runs and shares of 0 and 1.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

from .atomic import write_text
from .plot_survival import survival_shares
from .run_info import PHANTOM
from .scored import Scope
from .style import save, styled, title
from .table import MISSING, Table, bounds, number
from .table_efficiency import read_object

LEVEL: Final = 0.95
SETTING: Final = ("model", "side", "steps", "batch", "subjects", "asked")  # what runs of one share have in common


def wilson(survived: int, runs: int, *, level: float = LEVEL) -> tuple[float, float]:
    """Wilson's interval of a share.

    >>> [round(bound, 3) for bound in wilson(10, 10)]
    [0.722, 1.0]
    """
    from scipy.stats import binomtest

    found = binomtest(survived, runs).proportion_ci(confidence_level=level, method="wilson")
    return float(found.low), float(found.high)


def read_runs(folder: Path) -> list[dict[str, Any]]:
    """The runs of an experiment, by recipe, setting and seed.

    Raises:
        ValueError: a file is not a run's; names it and the remedy.
    """
    rows = []
    for path in sorted((folder / "stability").glob("*/*.json")):
        row = read_object(path, remedy="its run is made again")
        if not {"recipe", "seed", "survived", *SETTING} <= row.keys():
            raise ValueError(f"{path} is not a run of the survival experiment: delete it; its run is made again")
        rows.append(row)
    return sorted(rows, key=lambda row: (*_recipe(row), _setting(row), int(row["seed"])))


def survival(rows: Sequence[dict[str, Any]]) -> Table:
    """One row per recipe and setting: how many runs survived, with the interval."""
    import pandas as pd

    numbers: list[dict[str, Any]] = []
    words: list[dict[str, str]] = []
    names, varying = _names(rows), _varying(rows)
    for mine in _groups(rows):
        first = mine[0]
        survived = sum(bool(row["survived"]) for row in mine)
        low, high = wilson(survived, len(mine))
        dice = [row["final_dice"] for row in mine if row["final_dice"] is not None]
        states = [row["largest_state"] for row in mine]
        largest = None if any(state is None for state in states) else max(states)
        numbers.append(
            {
                "recipe": first["recipe"],
                **{name: first[name] for name in SETTING},
                "runs": len(mine),
                "survived": survived,
                "share": survived / len(mine),
                "share_low": low,
                "share_high": high,
                "final_dice_min": min(dice, default=None),
                "largest_state": largest,
                "rollbacks": sum(len(row["rollbacks"]) for row in mine),
                "minutes": sum(row["minutes"] for row in mine),
            }
        )
        words.append(
            {
                "Recipe": names[_recipe(first)],
                **_words(first, varying),
                "Survived": f"{survived} of {len(mine)}",
                "Share": f"{number(survived / len(mine), 2)} {bounds(low, high, 2)}",
                "Lowest final Dice": number(min(dice, default=None), 3),
                "Largest state": _state(largest),
                "Rollbacks": str(numbers[-1]["rollbacks"]),
                "Minutes": number(numbers[-1]["minutes"], 1),
            }
        )
    frame = _scope(rows).in_front_of(pd.DataFrame(numbers))
    return Table("survival", "Survival of training runs", frame, pd.DataFrame(words), _notes(rows))


def survival_runs(rows: Sequence[dict[str, Any]]) -> Table:
    """One row per recipe and seed."""
    import pandas as pd

    called, varying = _names(rows), _varying(rows)
    names = ("recipe", *SETTING, "seed", "survived", "updates", "final_dice", "largest_state", "minutes", "problem")
    frame = pd.DataFrame([{name: row[name] for name in names} | {"rollbacks": len(row["rollbacks"])} for row in rows])
    shown = pd.DataFrame(
        [
            {
                "Recipe": called[_recipe(row)],
                **_words(row, [name for name in varying if name != "asked"]),
                "Seed": str(row["seed"]),
                "Survived": "yes" if row["survived"] else "no",
                "Updates": f"{row['updates']} of {row['asked']}",
                "Final Dice": number(row["final_dice"], 3),
                "Largest state": _state(row["largest_state"]),
                "Rollbacks": str(len(row["rollbacks"])),
                "Minutes": number(row["minutes"], 1),
                "Remark": row["problem"] or MISSING,
            }
            for row in rows
        ]
    )
    return Table("survival_runs", "Training runs of the survival experiment", _scope(rows).in_front_of(frame), shown)


def _recipe(row: dict[str, Any]) -> tuple[str, str]:
    """Name and SHA-256 of a run's recipe."""
    return str(row["recipe"]), str(row.get("recipe_sha256", ""))


def _names(rows: Sequence[dict[str, Any]]) -> dict[tuple[str, str], str]:
    """How each recipe is called: by its name, and by its hash too where the name had other settings in other runs."""
    found: dict[str, set[str]] = {}
    for row in rows:
        found.setdefault(str(row["recipe"]), set()).add(_recipe(row)[1])
    return {
        _recipe(row): f"{row['recipe']} {_recipe(row)[1][:6]}" if len(found[str(row["recipe"])]) > 1 else row["recipe"]
        for row in rows
    }


def _setting(row: dict[str, Any]) -> tuple[Any, ...]:
    return tuple(row[name] for name in SETTING)


def _groups(rows: Sequence[dict[str, Any]]) -> list[list[dict[str, Any]]]:
    """The runs of each row of the `survival` table: one recipe, as it then was, under one setting."""
    groups: dict[tuple[Any, ...], list[dict[str, Any]]] = {}
    for row in rows:
        groups.setdefault((_recipe(row), _setting(row)), []).append(row)
    return list(groups.values())


def _varying(rows: Sequence[dict[str, Any]]) -> list[str]:
    """What not all the rows have in common, and a table therefore has to show."""
    return [name for name in SETTING if len({row[name] for row in rows}) > 1]


def _words(row: dict[str, Any], names: Sequence[str]) -> dict[str, str]:
    heads = {"asked": "Updates"}
    return {heads.get(name, name.capitalize()): _word(row[name]) for name in names}


def _labels(rows: Sequence[dict[str, Any]]) -> list[str]:
    """A name for each row of the `survival` table: the recipe, and what it does not share with the others."""
    varying = _varying(rows)
    names = _names(rows)
    told = [(names[_recipe(mine[0])], _words(mine[0], varying)) for mine in _groups(rows)]
    return [", ".join([name, *(f"{head.lower()} {word}" for head, word in words.items())]) for name, words in told]


def _word(value: object) -> str:
    return f"{value:,}" if isinstance(value, int) else str(value)


def _state(largest: float | None) -> str:
    return "not finite" if largest is None else f"{largest:,.4g}" if largest < 1 else f"{largest:,.0f}"


def write(folder: Path) -> list[Path]:
    """Write tables and plot of an experiment's run folder; the files written.

    Raises:
        ValueError: the folder holds no run, or a damaged one.
    """
    rows = read_runs(folder)
    if not rows:
        raise ValueError(f"{folder}: holds no run of the survival experiment; start it with `mednca-bench stability`")
    marks = (PHANTOM,) if rows[0]["phantom"] else ()
    paths = []
    summary = survival(rows)
    for table in (summary, survival_runs(rows)):
        paths.append(write_text(folder / "tables" / f"{table.name}.md", table.markdown(marks=marks)))
        paths.append(write_text(folder / "tables" / f"{table.name}.csv", table.csv()))
    with styled():
        figure = survival_shares(summary.frame, labels=_labels(rows))
        title(figure, "Share of training runs that survived", str(rows[0]["task"]), marks)
        paths += save(figure, folder / "plots", "survival", marks=marks)
    return paths


def _scope(rows: Sequence[dict[str, Any]]) -> Scope:
    first = rows[0]
    return Scope(str(first["task"]), str(first["split"]), bool(first["phantom"]))


def _notes(rows: Sequence[dict[str, Any]]) -> tuple[str, ...]:
    works = "; ".join(
        f"{model}, {side} x {side}, {steps} + {steps} steps, batch {batch}, phantom of {subjects}, {asked:,} updates"
        for model, side, steps, batch, subjects, asked in dict.fromkeys(map(_setting, rows))
    )
    return (
        f"Runs: {works}.",
        "Survived: all updates done, the state finite and at most 1000 at the end of both levels in every update, and "
        "final hard Dice on val of at least 0.60. Intervals: Wilson, 95 %.",
    )
