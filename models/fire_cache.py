"""Fire masks of the streams used last, kept in memory.

The conditions of one case share their fire seeds, so each mask is asked for many times in a row.
"""

import threading
from collections import OrderedDict
from collections.abc import Sequence
from typing import Protocol

import numpy as np

from .fire import Bits, draw


class Draw(Protocol):
    """How masks are drawn: afresh or through a cache; see `fire.draw`."""

    def __call__(self, streams: Sequence[int], *, steps: int, height: int, width: int, limit: int) -> Bits:
        """Give (len(streams), steps, height, ceil(width / 8)) bytes."""
        ...


class MaskCache:
    """Masks by stream, size, steps and limit, up to a budget of bytes; the least recently used go first."""

    def __init__(self, *, budget_bytes: int) -> None:
        self.budget_bytes = budget_bytes
        self.used_bytes = 0
        self._kept: OrderedDict[tuple[int, ...], Bits] = OrderedDict()
        self._lock = threading.Lock()

    def draw(self, streams: Sequence[int], *, steps: int, height: int, width: int, limit: int) -> Bits:
        """Give what `draw` gives, drawing only the streams that are not kept."""
        names = [(stream, steps, height, width, limit) for stream in streams]
        with self._lock:
            found = {name: self._kept[name] for name in names if name in self._kept}
            for name in found:
                self._kept.move_to_end(name)
        missing = [name for name in dict.fromkeys(names) if name not in found]
        if missing:
            drawn = draw([name[0] for name in missing], steps=steps, height=height, width=width, limit=limit)
            found.update(zip(missing, (np.array(part) for part in drawn), strict=True))
            self._keep({name: found[name] for name in missing})
        return np.stack([found[name] for name in names])

    def _keep(self, drawn: dict[tuple[int, ...], Bits]) -> None:
        with self._lock:
            for name, bits in drawn.items():
                if name not in self._kept and bits.nbytes <= self.budget_bytes:
                    self._kept[name] = bits
                    self.used_bytes += bits.nbytes
            while self.used_bytes > self.budget_bytes:
                self.used_bytes -= self._kept.popitem(last=False)[1].nbytes


recent = MaskCache(budget_bytes=2**26)  # 128 slices of 256 x 256 at 64 steps
