"""The inference engine against the literal rule in float64, for any shape it accepts."""

from typing import Any

import pytest
import torch
from hypothesis import given, settings
from torch import Tensor

from mednca_bench.models import build, fire, nca_inference, nca_step
from mednca_bench.models.contract import EXACT, FLIP, awakened
from mednca_bench.models.med_nca import MedNCA
from mednca_bench.models.nca_dense import advance_dense
from mednca_bench.models.nca_inference import advance
from mednca_bench.models.nca_rule import RuleShape
from tests.models.literal_rule import literal_logits, literal_steps, masks
from tests.models.made import keys, made, made_rule, situations


def run(situation: dict[str, Any], *, dtype: torch.dtype) -> tuple[Tensor, Tensor, Tensor]:
    """Final states of the literal rule in float64, the engine, and the dense path in `dtype`."""
    shape, steps, height, width = (situation[name] for name in ("shape", "steps", "height", "width"))
    rule = made_rule(shape, seed=situation["seed"], dtype=dtype)
    state = made(situation["batch"], height, width, shape.channels, seed=situation["seed"], dtype=dtype)
    streams = [situation["seed"] * 10 + image for image in range(situation["batch"])]
    sizes = {"steps": steps, "height": height, "width": width, "limit": fire.threshold(situation["rate"])}
    bits = fire.draw(streams, **sizes)
    with torch.no_grad():
        weights = rule.weights()
        engine = advance(state, weights, shape, bits)
        dense = advance_dense(state, weights, shape, bits)
        literal = literal_steps(rule.double(), state.double(), masks(streams, **sizes))
    return literal, engine, dense


@settings(max_examples=60)
@given(situation=situations())
def test_engine_and_dense_path_are_the_literal_rule(situation: dict[str, Any]) -> None:
    literal, engine, dense = run(situation, dtype=torch.float64)
    torch.testing.assert_close(engine, literal, rtol=1e-12, atol=1e-12)
    torch.testing.assert_close(dense, literal, rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("piece", [1, 5, 64])
def test_piece_size_changes_nothing(monkeypatch: pytest.MonkeyPatch, piece: int) -> None:
    """Pieces must all read the old state, wherever they are cut."""
    monkeypatch.setattr(nca_step, "PIECE", piece)
    shape = RuleShape(channels=6, hidden=8, kernel=3, image=1)
    situation = {"shape": shape, "batch": 2, "height": 8, "width": 7, "steps": 3, "rate": 0.7, "seed": 4}
    literal, engine, _ = run(situation, dtype=torch.float64)
    torch.testing.assert_close(engine, literal, rtol=1e-12, atol=1e-12)


def within_bounds(logits: Tensor, oracle: Tensor) -> None:
    """Law 7."""
    assert float(((logits - oracle).abs() / oracle.abs().clamp(min=1)).max()) <= EXACT
    assert not bool((((logits > 0) != (oracle > 0)) & (oracle.abs() > FLIP)).any())


def nca(name: str, **options: Any) -> MedNCA:
    model = awakened(build(name, **options))
    assert isinstance(model, MedNCA)
    return model


@pytest.mark.parametrize("name", ["med-nca", "med-nca-16"])
def test_two_levels_of_64_steps_against_float64(name: str) -> None:
    model = nca(name)
    image = made(2, 1, 32, 40)
    with torch.no_grad():
        logits = model(image, keys=keys(2))
        oracle = literal_logits(model.double(), image.double(), keys(2))
    assert oracle.std() > 0.05
    assert bool((oracle > 0).any()) and bool((oracle < 0).any())
    within_bounds(logits, oracle)


def test_several_channels_labels_and_a_larger_kernel_against_float64() -> None:
    model = nca("med-nca", in_channels=2, out_channels=3, channels=12, hidden=24, kernel_size=5, steps=20, scale=2)
    image = made(1, 2, 16, 22)
    with torch.no_grad():
        logits = model(image, keys=keys(1))
        oracle = literal_logits(model.double(), image.double(), keys(1))
    assert tuple(logits.shape) == (1, 3, 16, 22)
    within_bounds(logits, oracle)


def test_other_devices_take_the_dense_path(monkeypatch: pytest.MonkeyPatch) -> None:
    """The dense path gives what the engine gives, through the whole model."""
    model = nca("med-nca-16", steps=8)
    image = made(2, 1, 16, 16)
    with torch.no_grad():
        engine = model(image, keys=keys(2))
        monkeypatch.setattr("mednca_bench.models.med_nca.SPARSE_DEVICES", ())
        dense = model(image, keys=keys(2))
    assert not torch.equal(engine, torch.zeros_like(engine))
    within_bounds(dense, engine)


def test_image_channels_never_change() -> None:
    shape = RuleShape(channels=6, hidden=8, kernel=3, image=2)
    state = made(1, 6, 6, 6)
    bits = fire.draw([1], steps=5, height=6, width=6, limit=65536)
    with torch.no_grad():
        after = advance(state, made_rule(shape).weights(), shape, bits)
    assert torch.equal(after[..., :2], state[..., :2])
    assert not bool((after[..., 2:] == state[..., 2:]).any())


class TestBfloat16:
    """The reduced precision has a bound of its own, with products of either type; labels rarely differ."""

    @pytest.fixture(autouse=True, params=[True, False], ids=["bfloat16 products", "float32 products"])
    def products(self, request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(nca_inference, "multiplies_bfloat16", lambda: request.param)

    def test_stays_near_float32(self) -> None:
        image = made(2, 1, 32, 32)
        with torch.no_grad():
            exact = nca("med-nca")(image, keys=keys(2))
            short = nca("med-nca", precision="bfloat16")(image, keys=keys(2))
        assert not torch.equal(exact, short)
        assert float((exact - short).abs().mean() / exact.std()) < 0.02
        assert float(((exact > 0) != (short > 0)).float().mean()) < 0.02

    def test_state_is_kept_in_float32(self) -> None:
        """Cells that never fire keep every bit."""
        shape = RuleShape(channels=6, hidden=8, kernel=3, image=1)
        state = made(1, 8, 8, 6)
        bits = fire.draw([1], steps=1, height=8, width=8, limit=2**14)
        with torch.no_grad():
            after = advance(state, made_rule(shape).weights(), shape, bits, bfloat16=True)
        idle = ~masks([1], steps=1, height=8, width=8, limit=2**14)[0]
        assert torch.equal(after[idle[..., 0]], state[idle[..., 0]])
        assert not torch.equal(after, state)

    def test_pieces_change_nothing(self, monkeypatch: pytest.MonkeyPatch) -> None:
        model = nca("med-nca-16", steps=4, precision="bfloat16")
        image = made(1, 1, 16, 16)
        with torch.no_grad():
            whole = model(image, keys=keys(1))
            monkeypatch.setattr(nca_inference, "PIECE_BFLOAT16", 7)
            monkeypatch.setattr(nca_step, "PIECE", 7)
            cut = model(image, keys=keys(1))
        torch.testing.assert_close(cut, whole, rtol=0.05, atol=0.01)


def test_a_step_in_which_no_cell_fires() -> None:
    shape = RuleShape(channels=4, hidden=3, kernel=3, image=1)
    state = made(1, 2, 2, 4)
    bits = fire.draw([1], steps=3, height=2, width=2, limit=1)
    assert not (bits & 0b11).any()
    for bfloat16 in (False, True):
        with torch.no_grad():
            assert torch.equal(advance(state, made_rule(shape).weights(), shape, bits, bfloat16=bfloat16), state)
