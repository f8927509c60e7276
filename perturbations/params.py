"""Parameters of one corruption: a flat JSON-able dict, and typed readers that refuse what does not fit.

Parameters come back from records and manifests as JSON, so each reader checks type and range and names the key.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

Params = dict[str, Any]
"""Everything applied, enough to repeat the corruption: plain bool, int, float, str and lists of them."""

Magnitude = float | tuple[float, ...]
"""One row of a severity table: a number, or several where a severity sets several parameters."""


def number(params: Mapping[str, Any], key: str, *, low: float = -math.inf, high: float = math.inf) -> float:
    """The finite number `params[key]`, with `low <= number <= high`.

    Raises:
        ValueError: It is missing, not a finite number, or out of range.
    """
    value = params.get(key)
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
        raise ValueError(f"parameter {key!r} must be a finite number, not {value!r}")
    if not low <= value <= high:
        raise ValueError(f"parameter {key!r} is {value!r}, outside [{low}, {high}]")
    return float(value)


def integer(params: Mapping[str, Any], key: str, *, low: float = -math.inf, high: float = math.inf) -> int:
    """The whole number `params[key]` (4.0 counts as 4), with `low <= number <= high`.

    Raises:
        ValueError: It is missing, not whole, or out of range.
    """
    value = number(params, key, low=low, high=high)
    if value != int(value):
        raise ValueError(f"parameter {key!r} must be a whole number, not {value!r}")
    # A seed may exceed 2**53, where a float would round it.
    return int(params[key])


def numbers(params: Mapping[str, Any], key: str, *, count: int) -> tuple[float, ...]:
    """The list `params[key]` of exactly `count` finite numbers.

    Raises:
        ValueError: It is missing, of another length, or holds something else.
    """
    value = params.get(key)
    if not isinstance(value, list | tuple) or len(value) != count:
        raise ValueError(f"parameter {key!r} must be a list of {count} numbers, not {value!r}")
    return tuple(number({key: item}, key) for item in value)


def choice(params: Mapping[str, Any], key: str, *, allowed: tuple[str, ...]) -> str:
    """The string `params[key]`, one of `allowed`.

    Raises:
        ValueError: It is missing or something else.
    """
    value = params.get(key)
    if value not in allowed:
        raise ValueError(f"parameter {key!r} must be one of {', '.join(allowed)}, not {value!r}")
    return str(value)
