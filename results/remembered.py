"""Steps that several tables share, computed once for a frame and forgotten with it.

Frames are never changed in place in this room, so a step's result belongs to the frame object it was made from.
"""

import functools
import weakref
from collections.abc import Callable
from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    import pandas as pd

T = TypeVar("T")


def remembered(step: "Callable[[pd.DataFrame], T]") -> "Callable[[pd.DataFrame], T]":
    """Let a pure function of one frame be computed once while the frame lives."""
    known: dict[int, tuple[weakref.ref[pd.DataFrame], T]] = {}

    @functools.wraps(step)
    def once(frame: "pd.DataFrame") -> T:
        place = id(frame)
        if place not in known:
            result = step(frame)
            known[place] = (weakref.ref(frame, lambda _: known.pop(place, None)), result)
        return known[place][1]

    return once
