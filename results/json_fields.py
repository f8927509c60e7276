"""Checks of JSON that comes from outside: each takes a value and where it stands, and raises ValueError with the place.

They are put together to a description of a file, a field's name to its check, which `fields` holds an object to: no
field may be missing, unknown or doubled.
"""

import math
import re
from collections.abc import Callable, Mapping
from typing import Any, Final

LONGEST_WORD: Final = 200  # characters

Check = Callable[[Any, str], Any]


def no_doubles(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """An object of the parser; refuses a field that stands twice."""
    found = dict(pairs)
    if len(found) != len(pairs):
        raise ValueError("a field stands twice")
    return found


def no_constant(word: str) -> float:
    """Refuse NaN and infinities, which are no JSON."""
    raise ValueError(f"{word} is no number")


def fields(value: Any, checks: Mapping[str, Check], where: str) -> None:
    """Hold an object to its fields' checks."""
    if not isinstance(value, dict):
        raise ValueError(f"{where} is not an object")
    for name in sorted(value.keys() - checks.keys()):
        raise ValueError(f"{where} has an unknown field {name[:LONGEST_WORD]!r}")
    for name in sorted(checks.keys() - value.keys()):
        raise ValueError(f"{where} lacks the field {name!r}")
    for name, check in checks.items():
        check(value[name], f"{where}: {name}")


def word(value: Any, where: str) -> None:
    """One printable line, no control characters."""
    if not isinstance(value, str) or not 0 < len(value) <= LONGEST_WORD or not value.isprintable():
        raise ValueError(f"{where} is not a line of 1 to {LONGEST_WORD} printable characters")


def matching(pattern: str, what: str) -> Check:
    """A word of a pattern; `what` says it in the message."""

    def check(value: Any, where: str) -> None:
        if not isinstance(value, str) or not re.fullmatch(pattern, value, flags=re.ASCII):
            raise ValueError(f"{where} is not {what}")

    return check


def whole(least: int, most: int) -> Check:
    """A whole number in a range."""

    def check(value: Any, where: str) -> None:
        if type(value) is not int or not least <= value <= most:
            raise ValueError(f"{where} is not a whole number from {least} to {most}")

    return check


def real(least: float, most: float) -> Check:
    """A finite number in a range."""

    def check(value: Any, where: str) -> None:
        if type(value) not in (int, float) or not math.isfinite(value) or not least <= value <= most:
            raise ValueError(f"{where} is not a number from {least:g} to {most:g}")

    return check


def flag(value: Any, where: str) -> None:
    """True or false, not 1 or 0."""
    if type(value) is not bool:
        raise ValueError(f"{where} is neither true nor false")


def or_null(check: Check) -> Check:
    """What the check takes, or null."""
    return lambda value, where: None if value is None else check(value, where)


def list_of(check: Check, least: int, most: int) -> Check:
    """A list of a length in a range, each item by the check."""

    def all_of(value: Any, where: str) -> None:
        if not isinstance(value, list) or not least <= len(value) <= most:
            raise ValueError(f"{where} is not a list of {least} to {most}")
        for index, item in enumerate(value):
            check(item, f"{where}[{index}]")

    return all_of


def group(checks: Mapping[str, Check]) -> Check:
    """An object with these fields."""
    return lambda value, where: fields(value, checks, where)
