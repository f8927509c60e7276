"""Weights of Med-NCA as C constants: panels of 16 outputs, float32 or 8-bit integers with one scale per output.

A panel holds, for each input, the weights of its 16 outputs one after the other; the last panel is filled with zeros.
"""

import copy

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from ..med_nca import MedNCA
from ..nca_rule import Rule

PANEL = 16  # outputs; as in med_nca.c.in
INT8_LARGEST = 127
_LINE = 118

Floats = NDArray[np.float32]
Integers = NDArray[np.int8]


def rounded(model: MedNCA) -> MedNCA:
    """Copy a model with weights rounded to 255 steps per output channel: what an 8-bit export computes with.

    Biases stay as they are. The copy runs in PyTorch, so the cost of rounding can be measured there.
    """
    model = copy.deepcopy(model)
    with torch.no_grad():
        for level in rules(model):
            for weight in (level.p0.weight, level.p1.weight, level.fc0.weight, level.fc1.weight):
                rows = weight.view(len(weight), -1)
                largest = rows.abs().amax(1, keepdim=True)
                scale = torch.where(largest > 0, largest, 1.0) / INT8_LARGEST
                rows.copy_((rows / scale).round() * scale)
    return model


def rules(model: MedNCA) -> list[Rule]:
    """List the rules of both levels."""
    return [level for level in model.levels if isinstance(level, Rule)]


def panels(matrix: Tensor) -> Floats:
    """Lay (inputs, outputs) weights out as (panels, inputs, 16)."""
    numbers = matrix.detach().float().numpy()
    inputs, outputs = numbers.shape
    filled = np.zeros((inputs, -(-outputs // PANEL) * PANEL), np.float32)
    filled[:, :outputs] = numbers
    return np.ascontiguousarray(filled.reshape(inputs, -1, PANEL).swapaxes(0, 1))


def integers(laid_out: Floats) -> tuple[Integers, Floats]:
    """Split (panels, inputs, 16) `rounded` weights into integers and (panels, 16) scales, whose product they are."""
    largest = np.abs(laid_out).max(1)
    scale = (np.where(largest > 0, largest, 1) / INT8_LARGEST).astype(np.float32)
    return np.rint(laid_out / scale[:, None]).astype(np.int8), scale


def constants(model: MedNCA, *, int8: bool) -> str:
    """Write the weights of both levels as C definitions; with `int8` the model must be `rounded`."""
    laid_out = [level.weights() for level in rules(model)]
    text = []
    for name in ("look", "first", "second"):
        matrices = [panels(getattr(weights, name)) for weights in laid_out]
        size = f"{name.upper()}_PANELS * {name.upper()}_INPUTS * PANEL"
        scales = [np.ones(1, np.float32) for _ in matrices]
        numbers: list[Floats] | list[Integers] = matrices
        if int8:
            pairs = [integers(matrix) for matrix in matrices]
            numbers, scales = [pair[0] for pair in pairs], [pair[1] for pair in pairs]
        text.append(_array(f"static const weight nca_{name}[2][{size}]", numbers))
        count = f"{name.upper()}_PANELS * PANEL" if int8 else "1"
        text.append(_array(f"static const float nca_{name}_scale[2][{count}]", scales))
    biases = [panels(weights.bias[None]) for weights in laid_out]
    text.append(_array("static const float nca_bias[2][FIRST_PANELS * PANEL]", biases))
    return "\n".join(text)


def _array(declaration: str, levels: list[Floats] | list[Integers]) -> str:
    """Define one array of two levels.

    >>> print(_array("static const float a[2][2]", [np.float32([0.5, -1]), np.float32([1e-9, 0])]))
    static const float a[2][2] = {{
    0.5f,-1.0f
    },{
    1e-09f,0.0f
    }};
    """
    bodies = []
    for level in levels:
        mark = "f" if level.dtype == np.float32 else ""
        bodies.append(_lines([f"{number!s}{mark}" for number in level.ravel()]))
    return f"{declaration} = {{{{\n" + "\n},{\n".join(bodies) + "\n}};"


def _lines(words: list[str]) -> str:
    """Join by commas, breaking long lines."""
    lines: list[list[str]] = [[]]
    length = 0
    for word in words:
        if length + len(word) + 1 > _LINE:
            lines.append([])
            length = 0
        lines[-1].append(word)
        length += len(word) + 1
    return ",\n".join(",".join(line) for line in lines)
