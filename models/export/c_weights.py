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

    The weights are `equalised` before; biases are not rounded. The copy runs in PyTorch, so the cost of rounding can be
    measured there.
    """
    model = equalised(model)
    with torch.no_grad():
        for level in rules(model):
            for weight in (level.p0.weight, level.p1.weight, level.fc0.weight, level.fc1.weight):
                rows = weight.view(len(weight), -1)
                scale = _largest(rows) / INT8_LARGEST
                rows.copy_((rows / scale).round() * scale)
    return model


def equalised(model: MedNCA) -> MedNCA:
    """Copy a model with the numbers between its layers rescaled so that rounding its weights costs less.

    One scale per output lets an output's largest weight decide the steps of its others. But what the convolutions hand
    to fc0, and what fc0 hands through its ReLU to fc1, can be multiplied channel by channel if the next layer divides
    by the same: the network stays what it was, and large columns of the next layer become smaller. A column is divided
    by the square root of its largest weight, each weight relative to its row's largest. (The idea: Nagel et al., ICCV
    2019, arXiv 1906.04721; the square root: Xiao et al., ICML 2023, arXiv 2211.10438.)
    """
    model = copy.deepcopy(model)
    with torch.no_grad():
        for level in rules(model):
            shape = level.shape
            factor = _column_factors(level.fc1.weight[shape.image :])  # the image rows are not used
            level.fc1.weight.mul_(factor)
            level.fc0.weight.div_(factor[:, None])
            level.fc0.bias.div_(factor)
            factor = _column_factors(level.fc0.weight)
            state, factor = factor[: shape.channels], factor[shape.channels :]
            factor /= state.log().mean().exp()  # the state's columns stay
            level.fc0.weight[:, shape.channels :].mul_(factor)
            for look, part in zip((level.p0, level.p1), factor.chunk(2), strict=True):
                look.weight.div_(part[:, None, None, None])
                if look.bias is not None:
                    look.bias.div_(part)
    return model


def _column_factors(weight: Tensor) -> Tensor:
    """What the columns of an (outputs, inputs) matrix are multiplied by; columns of next to nothing are left small."""
    columns = (weight / _largest(weight)).abs().amax(0)
    return columns.clamp_min(1 / INT8_LARGEST).rsqrt()


def _largest(rows: Tensor) -> Tensor:
    """The largest |weight| of each row, (rows, 1); 1 for a row of zeros."""
    largest = rows.abs().amax(1, keepdim=True)
    return torch.where(largest > 0, largest, 1.0)


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
