"""Med-NCA in plain Python: slow, but it runs wherever Python does.

The literal rule of the benchmark's models/nca_rule.py for the cells that fire, in double precision:

    perception = concat(x, conv_a(x), conv_b(x));  x += fc1(relu(fc0(perception)))

An image is a list of channels, each a list of rows; a state is rows of cells of C numbers.
"""

from __future__ import annotations

import math
import operator
from typing import Any, Callable, List, Sequence

from .fire_masks import fired, stream

Plane = List[List[float]]
State = List[List[List[float]]]
Row = Sequence[float]


def _products(a: Row, b: Row) -> float:
    total: float = sum(map(operator.mul, a, b))
    return total


dot: Callable[[Row, Row], float] = getattr(math, "sumprod", _products)  # since Python 3.12


class Level:
    """The weights of one level, as rows for `dot`."""

    def __init__(self, tensors: dict[str, Sequence[float]], shape: dict[str, int]) -> None:
        channels, kernel, hidden = shape["channels"], shape["kernel"], shape["hidden"]
        self.look = []
        self.look_bias = list(tensors["p0.bias"]) + list(tensors["p1.bias"])
        area = kernel * kernel
        for name in ("p0.weight", "p1.weight"):  # (out, in, y, x) -> out rows over (y, x, in)
            for out in range(channels):
                flat = tensors[name][out * channels * area : (out + 1) * channels * area]
                self.look.append([flat[c * area + place] for place in range(area) for c in range(channels)])
        self.first = _rows(tensors["fc0.weight"], 3 * channels)
        self.first_bias = list(tensors["fc0.bias"])
        self.second = _rows(tensors["fc1.weight"], hidden)[shape["in_channels"] :]  # the image gets no update
        self.image = shape["in_channels"]
        self.reach = kernel // 2

    def advance(self, state: State, key: int, steps: int, limit: int) -> None:
        """Apply the steps to a state, in place."""
        height, width = len(state), len(state[0])
        for step in range(steps):
            fresh = []
            for y, x in fired(key, step, height, width, limit):
                fresh.append((y, x, self._next(state, y, x)))
            for y, x, cell in fresh:  # all cells of a step see the state before it
                state[y][x] = cell

    def _next(self, state: State, y: int, x: int) -> list[float]:
        near: list[float] = []
        for dy in range(-self.reach, self.reach + 1):
            row = state[_reflected(y + dy, len(state))]
            for dx in range(-self.reach, self.reach + 1):
                near += row[_reflected(x + dx, len(row))]
        cell = state[y][x]
        perception = cell + [dot(row, near) + bias for row, bias in zip(self.look, self.look_bias)]
        hidden = [max(0.0, dot(row, perception) + bias) for row, bias in zip(self.first, self.first_bias)]
        update = [dot(row, hidden) for row in self.second]
        return cell[: self.image] + [old + new for old, new in zip(cell[self.image :], update)]


class MedNCA:
    """Both levels.

    Args:
        shape: the numbers of model.json.
        tensors: flat values by name, `levels.0.fc0.weight` and so on.
    """

    def __init__(self, shape: dict[str, Any], tensors: dict[str, Sequence[float]]) -> None:
        self.shape = shape
        self.levels = []
        for level in (0, 1):
            start = f"levels.{level}."
            own = {name[len(start) :]: values for name, values in tensors.items() if name.startswith(start)}
            self.levels.append(Level(own, shape))

    def segment(self, image: list[Plane], seed: int, case: str, slice_index: int) -> list[Plane]:
        """Give the logits, one plane per label, of an image in [0, 1]."""
        height, width = len(image[0]), len(image[0][0])
        scale, channels, inside = self.shape["scale"], self.shape["channels"], self.shape["in_channels"]
        rows, columns = padded_side(height, self.shape), padded_side(width, self.shape)
        large = [_padded(plane, rows, columns) for plane in image]
        small = [_reduced(plane, scale) for plane in large]
        state = [
            [[plane[y][x] for plane in small] + [0.0] * (channels - inside) for x in range(len(small[0][0]))]
            for y in range(len(small[0]))
        ]
        self._advance(state, 0, seed, case, slice_index)
        fine = [
            [[plane[y][x] for plane in large] + state[y // scale][x // scale][inside:] for x in range(len(large[0][0]))]
            for y in range(len(large[0]))
        ]
        self._advance(fine, 1, seed, case, slice_index)
        outputs = range(inside, inside + self.shape["out_channels"])
        return [[[fine[y][x][c] for x in range(width)] for y in range(height)] for c in outputs]

    def _advance(self, state: State, level: int, seed: int, case: str, slice_index: int) -> None:
        key = stream(seed, case, slice_index, level)
        self.levels[level].advance(state, key, self.shape["steps"], self.shape["limit"])


def padded_side(side: int, shape: dict[str, Any]) -> int:
    """Smallest multiple of the scale that is at least `side` and the least side the network works on."""
    return int(-(-max(side, shape["minimum"]) // shape["scale"]) * shape["scale"])


def macs(height: int, width: int, shape: dict[str, Any]) -> int:
    """Multiply-accumulates of one slice by the literal rule, every cell at every step, padding included."""
    cells = padded_side(height, shape) * padded_side(width, shape)
    channels, hidden, kernel = (shape[name] for name in ("channels", "hidden", "kernel"))
    per_cell = 2 * channels * channels * kernel * kernel + 4 * channels * hidden
    return int((cells + cells // shape["scale"] ** 2) * shape["steps"] * per_cell)


def _rows(values: Sequence[float], width: int) -> list[list[float]]:
    return [list(values[start : start + width]) for start in range(0, len(values), width)]


def _reflected(place: int, length: int) -> int:
    """Reflect an index at the ends, without repeating the edge."""
    if place < 0:
        return -place
    return 2 * (length - 1) - place if place >= length else place


def _padded(plane: Plane, height: int, width: int) -> Plane:
    """Extend at the bottom and right by the edge value."""
    rows = [row + [row[-1]] * (width - len(row)) for row in plane]
    return rows + [list(rows[-1]) for _ in range(height - len(rows))]


def _reduced(plane: Plane, scale: int) -> Plane:
    """Shrink by linear interpolation at the cells' centres, no antialias."""
    rows = [_between(plane, (y + 0.5) * scale - 0.5) for y in range(len(plane) // scale)]
    columns = [_between([list(c) for c in zip(*rows)], (x + 0.5) * scale - 0.5) for x in range(len(plane[0]) // scale)]
    return [list(row) for row in zip(*columns)]


def _between(rows: Plane, place: float) -> list[float]:
    low = int(place)
    part, high = place - low, min(low + 1, len(rows) - 1)
    return [a + part * (b - a) for a, b in zip(rows[low], rows[high])]
