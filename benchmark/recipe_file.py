"""A user's own recipe: a TOML file that names a recipe to start from and what it sets otherwise.

    base = "stable"
    learning_rate = 1e-3
    updates = 5000
    options = { steps = 32 }      # tables are merged with the base's

Its name is the file's, without the ending, unless `name` gives another.
"""

from __future__ import annotations

import tomllib
import types
import typing
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any, get_args, get_origin, get_type_hints

from .errors import UsageProblem, nearest, unknown_name
from .recipe_type import FIELDS, Recipe, check

_SET = tuple(name for name in FIELDS if name != "model")
NAME_LETTERS = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_."
PUBLISHED = ("paper-", "official-")  # how the names of published recipes begin, and no others


def safe_name(name: str) -> bool:
    """Whether a name can be part of a file's name everywhere: letters, digits and - _ . only, no dot at the start."""
    return bool(name) and not name.startswith(".") and all(letter in NAME_LETTERS for letter in name)


def read_recipe(path: Path, model: str) -> Recipe:
    """The recipe in a file, for a model.

    Raises:
        UsageProblem: no such file, no TOML, an unknown key, a wrong type or a value out of range.
    """
    from .recipe import RECIPES, recipe_for

    try:
        content = tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise UsageProblem(f"{path}: {error.strerror}; --recipe takes a name or a TOML file") from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise UsageProblem(f"{path}: not TOML ({error})") from error
    base = content.pop("base", None)
    if not isinstance(base, str):
        raise UsageProblem(f'{path}: names no base; add a line such as base = "stable"')
    if base not in RECIPES:
        raise UsageProblem(f"{path}: {unknown_name('base', base, RECIPES)}")
    start = recipe_for(base, model)
    hints = get_type_hints(Recipe)
    changes: dict[str, Any] = {"name": path.stem}
    for name, value in content.items():
        if name not in _SET:
            close = nearest(name, _SET)
            hint = f"did you mean '{close}'?" if close else f"allowed: base, {', '.join(_SET)}"
            raise UsageProblem(f"{path}: unknown key '{name}'; {hint}")
        fitted = _fitted(value, hints[name])
        if fitted is _WRONG:
            raise UsageProblem(f"{path}: {name} is {value!r}; it must be {_words(hints[name])}")
        changes[name] = {**getattr(start, name), **fitted} if isinstance(fitted, Mapping) else fitted
    if {"updates", "epochs"} & changes.keys():  # the file says how long: the base's other limit goes
        changes = {"updates": None, "epochs": None, **changes}
    _check_name(path, changes["name"])
    return check(replace(start, **changes), source=str(path))


def _check_name(path: Path, name: str) -> None:
    """Refuse a name that is no part of a file's, or that belongs to the package's own recipes."""
    from .recipe import RECIPES

    if not safe_name(name):
        raise UsageProblem(f"{path}: name is {name!r}; it may hold letters, digits and - _ . only")
    if name in RECIPES or name.startswith(PUBLISHED):
        raise UsageProblem(f"{path}: name '{name}' is for recipes of the package; give another with name = …")


_WRONG = object()


def _fitted(value: Any, hint: Any) -> Any:
    """The value as the field's type has it, or `_WRONG`."""
    kind = get_origin(hint)
    if kind in (typing.Union, types.UnionType):
        candidates = [_fitted(value, each) for each in get_args(hint) if each is not type(None)]
        return next((each for each in candidates if each is not _WRONG), _WRONG)
    if kind is typing.Literal:
        return value if value in get_args(hint) else _WRONG
    if kind is tuple:
        inner = [each for each in get_args(hint) if each is not Ellipsis]
        if not isinstance(value, list) or (Ellipsis not in get_args(hint) and len(value) != len(inner)):
            return _WRONG
        items = [_fitted(each, inner[min(place, len(inner) - 1)]) for place, each in enumerate(value)]
        return _WRONG if _WRONG in items else tuple(items)
    if kind is not None:  # a mapping
        _, inner_hint = get_args(hint)
        if not isinstance(value, dict):
            return _WRONG
        table = {name: _fitted(each, inner_hint) for name, each in value.items()}
        return _WRONG if any(each is _WRONG for each in table.values()) else table
    if hint is Any:
        return value
    if hint is float and isinstance(value, int | float) and not isinstance(value, bool):
        return float(value)
    return value if type(value) is hint else _WRONG


def _words(hint: Any) -> str:
    kind, inner = get_origin(hint), [each for each in get_args(hint) if each not in (type(None), Ellipsis)]
    if kind in (typing.Union, types.UnionType):
        return " or ".join(map(_words, inner))
    if kind is typing.Literal:
        return " or ".join(map(repr, inner))
    if kind is tuple:
        return f"a list of {_words(inner[0])}s" if Ellipsis in get_args(hint) else f"a list of {len(inner)} numbers"
    if kind is not None:
        return "a table"
    return {int: "a whole number", float: "a number", str: "a text"}.get(hint, str(hint))
