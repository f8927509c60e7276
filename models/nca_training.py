"""Training of one NCA level on the CPU: all steps are one operation of autograd, with a hand-written backward.

Forward keeps what the steps replaced; backward walks them in reverse, undoes each, and recomputes the hidden layer.
"""

import math
from typing import Any

import numpy as np
from torch import Tensor
from torch.autograd import Function
from torch.autograd.function import once_differentiable

from .fire import Bits
from .nca_backward import Backward
from .nca_rule import RuleShape, RuleWeights
from .nca_tape import Tape

KEPT_BYTES = 2**30


def advance_training(
    state: Tensor, weights: RuleWeights, shape: RuleShape, bits: Bits, *, segment: int | None = None
) -> Tensor:
    """Apply one step per mask, differentiable in `state` and `weights`.

    Args:
        state: (B, H, W, C) on the CPU.
        weights: of the level.
        shape: sizes of the level.
        bits: (B, steps, H, ceil(W / 8)) fire masks.
        segment: keep only the state before each run of so many steps, and repeat the run in backward. By default all
            steps, or sqrt(steps) if the numbers they replace would take more than `KEPT_BYTES`. The result is the same.

    Returns:
        (B, H, W, C), the state after all steps.
    """
    steps = bits.shape[1]
    if segment is None:
        replaced = int(np.bitwise_count(bits).sum()) * state.shape[-1] * state.element_size()
        segment = steps if replaced <= KEPT_BYTES else math.isqrt(steps)
    if segment >= steps:
        return _apply(state, weights, shape, bits, keep=True)
    for start in range(0, steps, segment):
        state = _apply(state, weights, shape, bits[:, start : start + segment], keep=False)
    return state


def _apply(state: Tensor, weights: RuleWeights, shape: RuleShape, bits: Bits, *, keep: bool) -> Tensor:
    final: Tensor = _Steps.apply(  # type: ignore[no-untyped-call]
        state, weights.look, weights.first, weights.bias, weights.second, shape, bits, keep
    )
    return final


class _Steps(Function):
    """Some steps, with one backward for all of them."""

    @staticmethod
    def forward(
        ctx: Any,
        state: Tensor,
        look: Tensor,
        first: Tensor,
        bias: Tensor,
        second: Tensor,
        shape: RuleShape,
        bits: Bits,
        keep: bool,
    ) -> Tensor:
        weights = RuleWeights(look, first, bias, second)
        tape = Tape(state, weights, shape, bits, keep=keep)
        ctx.save_for_backward(state, look, first, bias, second)
        ctx.shape, ctx.bits, ctx.tape = shape, bits, tape if keep else None
        return tape.cells.inner.clone()

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor | None, ...]:
        state, look, first, bias, second = ctx.saved_tensors
        weights = RuleWeights(look, first, bias, second)
        tape = ctx.tape or Tape(state, weights, ctx.shape, ctx.bits, keep=True)
        ctx.tape = None
        back = Backward(tape, weights, ctx.shape, gradient)
        for step in reversed(range(ctx.bits.shape[1])):
            back.step(step)
        return (
            back.initial() if ctx.needs_input_grad[0] else None,
            back.look,
            back.first,
            back.bias,
            back.second,
            None,
            None,
            None,
        )
