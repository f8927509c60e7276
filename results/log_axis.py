"""Ticks of logarithmic axes whose labels do not touch, written as one says them."""

from collections.abc import Callable
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from matplotlib.axis import Axis

_STEPS: Final = ((1.0, 2.0, 5.0), (1.0, 3.0), (1.0,))
_MOST: Final = 7
"""Ticks that fit beside each other."""


def few_ticks(
    axis: "Axis", low: float, high: float, *, words: Callable[[float], str] = lambda value: f"{value:,g}"
) -> None:
    """Label 1, 2, 5, 10, …, or fewer of them, and nothing in between.

    Args:
        axis: logarithmic.
        low: its lower end, positive.
        high: its upper end.
        words: how a number is written.
    """
    from matplotlib.ticker import FixedLocator, FuncFormatter, NullLocator

    axis.set_major_locator(FixedLocator(ticks(low, high)))
    axis.set_major_formatter(FuncFormatter(lambda value, _: words(value)))
    axis.set_minor_locator(NullLocator())


def ticks(low: float, high: float) -> list[float]:
    """Round numbers from `low` to `high`, at most seven where that can be done with one a decade.

    Example:
        >>> ticks(130_000, 4_800_000)
        [200000.0, 500000.0, 1000000.0, 2000000.0]
    """
    found: list[float] = []
    for steps in _STEPS:
        every = (step * 10.0**power for power in range(-15, 16) for step in steps)
        found = [value for value in every if low <= value <= high]
        if len(found) <= _MOST:
            break
    return found


def thousands(value: float) -> str:
    """A count with its thousands or millions named.

    Example:
        >>> thousands(70_000), thousands(2e6), thousands(900)
        ('70 k', '2 M', '900')
    """
    for size, letter in ((1e9, " G"), (1e6, " M"), (1e3, " k")):
        if value >= size:
            return f"{value / size:g}{letter}"
    return f"{value:g}"
