"""The hand-written backward against autograd on the literal rule, and against finite differences."""

from typing import Any

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from mednca_bench.models import fire, nca_step, nca_tape, nca_training
from mednca_bench.models.nca_rule import Rule, RuleShape, RuleWeights
from mednca_bench.models.nca_training import advance_training
from tests.models.literal_rule import literal_steps, masks
from tests.models.made import made, made_rule, situations


def gradients(rule: Rule, start: Tensor, final: Tensor, cotangent: Tensor) -> list[Tensor]:
    """Of the initial state and all parameters, for a loss that weights the final state."""
    return list(torch.autograd.grad((final * cotangent).sum(), [start, *rule.parameters()]))


def both(situation: dict[str, Any], *, dtype: torch.dtype, segment: int | None = None) -> tuple[list[Tensor], ...]:
    """Final state and gradients by the engine and by autograd on the literal rule, in the same type."""
    shape, height, width = (situation[name] for name in ("shape", "height", "width"))
    rule = made_rule(shape, seed=situation["seed"], dtype=dtype)
    size = (situation["batch"], height, width, shape.channels)
    start = made(*size, seed=situation["seed"], dtype=dtype).requires_grad_()
    cotangent = made(*size, seed=1, dtype=dtype) - 0.5
    sizes = {"steps": situation["steps"], "height": height, "width": width, "limit": fire.threshold(situation["rate"])}
    streams = list(range(situation["batch"]))
    engine = advance_training(start, rule.weights(), shape, fire.draw(streams, **sizes), segment=segment)
    literal = literal_steps(rule, start, masks(streams, **sizes))
    return tuple([final, *gradients(rule, start, final, cotangent)] for final in (engine, literal))


@settings(max_examples=60)
@given(situation=situations(), segment=st.sampled_from([None, 1, 2, 3]))
def test_gradients_in_float64(situation: dict[str, Any], segment: int | None) -> None:
    for ours, theirs in zip(*both(situation, dtype=torch.float64, segment=segment), strict=True):
        torch.testing.assert_close(ours, theirs, rtol=1e-10, atol=1e-10)


LEVEL = {"shape": RuleShape(channels=32, hidden=128, kernel=3, image=1), "batch": 2, "rate": 0.5, "seed": 3}


def relative(ours: Tensor, theirs: Tensor) -> float:
    return float((ours - theirs).detach().norm() / theirs.detach().norm())


@pytest.mark.parametrize("steps", [16, 64])
def test_gradients_in_float32_within_a_ten_thousandth(steps: int) -> None:
    situation = LEVEL | {"height": 16, "width": 17, "steps": steps}
    for ours, theirs in zip(*both(situation, dtype=torch.float32), strict=True):
        assert relative(ours, theirs) < 1e-4


@pytest.mark.parametrize(("kernel", "height", "width"), [(3, 2, 2), (3, 3, 5), (5, 3, 4)])
def test_gradcheck(kernel: int, height: int, width: int) -> None:
    """Finite differences, on grids where a cell is reflected to several places."""
    shape = RuleShape(channels=3, hidden=4, kernel=kernel, image=1)
    rule = made_rule(shape, dtype=torch.float64, update=0.5)
    bits = fire.draw([1, 2], steps=3, height=height, width=width, limit=fire.threshold(0.7))
    start = made(2, height, width, 3, dtype=torch.float64).requires_grad_()
    weights = rule.weights()
    parts = [part.detach().requires_grad_() for part in (weights.look, weights.first, weights.bias, weights.second)]

    def final(start: Tensor, *parts: Tensor) -> Tensor:
        return advance_training(start, RuleWeights(*parts), shape, bits)

    assert torch.autograd.gradcheck(final, (start, *parts))


@pytest.mark.parametrize("piece", [1, 5])
def test_piece_size_changes_nothing(monkeypatch: pytest.MonkeyPatch, piece: int) -> None:
    monkeypatch.setattr(nca_step, "PIECE", piece)
    shape = RuleShape(channels=5, hidden=6, kernel=3, image=1)
    situation = {"shape": shape, "batch": 2, "height": 6, "width": 5, "steps": 3, "rate": 0.6, "seed": 2}
    for ours, theirs in zip(*both(situation, dtype=torch.float64), strict=True):
        torch.testing.assert_close(ours, theirs, rtol=1e-10, atol=1e-10)


def kept_by(monkeypatch: pytest.MonkeyPatch, name: str, value: int) -> list[Tensor]:
    """Engine's result for one situation with a memory budget changed."""
    with monkeypatch.context() as patch:
        patch.setattr(nca_tape if name == "SPARED_BYTES" else nca_training, name, value)
        return both(LEVEL | {"height": 9, "width": 8, "steps": 10}, dtype=torch.float32)[0]


def test_memory_budgets_change_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    """What is kept and what is computed again are the same numbers, bit for bit; segments only add in another order."""
    free = kept_by(monkeypatch, "SPARED_BYTES", 2**40)
    for budget in (0, 70_000):
        assert all(map(torch.equal, free, kept_by(monkeypatch, "SPARED_BYTES", budget)))
    for ours, theirs in zip(free, kept_by(monkeypatch, "KEPT_BYTES", 0), strict=True):
        assert relative(ours, theirs) < 1e-5


PERCEPTION = 16 * 3 * 4 * 4  # bytes: cells, concatenated thrice, channels, float32
HIDDEN = 16 * 3 * 4  # bytes: cells, width, float32


@pytest.mark.parametrize(
    ("budget", "perceptions", "hidden"),
    [(0, 0, 0), (2 * PERCEPTION + 1, 2, 0), (4 * PERCEPTION, 4, 0), (4 * PERCEPTION + 3 * HIDDEN, 4, 3), (2**20, 4, 4)],
)
def test_tape_keeps_replaced_numbers_then_perceptions_then_hidden_layers(
    monkeypatch: pytest.MonkeyPatch, budget: int, perceptions: int, hidden: int
) -> None:
    shape = RuleShape(channels=4, hidden=3, kernel=3, image=1)
    bits = fire.draw([1], steps=4, height=4, width=4, limit=65536)
    bits &= 15  # what lies beyond the width is unspecified, but counts in the estimate of the bytes
    state, weights = made(1, 4, 4, 4), made_rule(shape).weights()
    monkeypatch.setattr(nca_tape, "SPARED_BYTES", budget)
    with torch.no_grad():
        tape = nca_tape.Tape(state, weights, shape, bits, keep=True)
        assert all(tuple(kept.old.shape) == (16, 4) for kept in tape.kept)
        assert [kept.seen is not None for kept in tape.kept] == [step < perceptions for step in range(4)]
        assert [kept.thought is not None for kept in tape.kept] == [step < hidden for step in range(4)]
        for step in reversed(range(4)):
            tape.undo(tape.schedule.firing(step)[1])
    torch.testing.assert_close(tape.cells.inner, state, rtol=0, atol=0)


def test_backward_repeats_bit_for_bit() -> None:
    runs = [both(LEVEL | {"height": 8, "width": 8, "steps": 6}, dtype=torch.float32)[0] for _ in range(2)]
    assert all(map(torch.equal, *runs))


def test_a_second_backward_through_the_same_steps() -> None:
    """What was kept is used up by the first; the second computes it again."""
    shape = RuleShape(channels=4, hidden=5, kernel=3, image=1)
    start = made(1, 5, 6, 4).requires_grad_()
    bits = fire.draw([1], steps=4, height=5, width=6, limit=2**15)
    loss = advance_training(start, made_rule(shape).weights(), shape, bits).square().sum()
    first = torch.autograd.grad(loss, start, retain_graph=True)[0]
    assert torch.equal(first, torch.autograd.grad(loss, start)[0])
