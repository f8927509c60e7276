"""Bias field: its stated range, its degree, and TorchIO's field of the same polynomial."""

import math
from types import ModuleType

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mednca_bench.perturbations.base import generator
from mednca_bench.perturbations.bias_field import EXPONENTS, BiasField, gain

COEFFICIENTS = st.lists(st.floats(-1, 1), min_size=len(EXPONENTS), max_size=len(EXPONENTS)).map(tuple)
SHAPES = st.tuples(st.integers(1, 20), st.integers(1, 20), st.integers(1, 6))


def _drawn(seed: int = 0) -> tuple[float, ...]:
    rng = generator(seed, "case", "bias-field")
    return tuple(BiasField().draw(1, rng=rng, shape=(1, 8, 8, 8), spacing=(1.0, 1.0, 1.0))["coefficients"])


def _polynomial(coefficients: tuple[float, ...], shape: tuple[int, int, int]) -> np.ndarray:
    x, y, z = np.meshgrid(*(np.linspace(-1, 1, n) if n > 1 else np.zeros(1) for n in shape), indexing="ij")
    return np.sum([c * x**i * y**j * z**k for (i, j, k), c in zip(EXPONENTS, coefficients, strict=True)], axis=0)


@given(COEFFICIENTS, SHAPES, st.floats(1.01, 5.0))
def test_gain_stays_in_its_stated_range(
    coefficients: tuple[float, ...], shape: tuple[int, int, int], peak: float
) -> None:
    field = gain(coefficients, peak=peak, shape=shape)
    assert field.shape == shape and field.dtype == np.float32
    assert field.min() >= 1 / peak * (1 - 1e-5) and field.max() <= peak * (1 + 1e-5)


@pytest.mark.parametrize("seed", range(20))
@pytest.mark.parametrize("peak", [1.2, 2.5])
def test_gain_reaches_both_ends_of_its_range_in_every_draw(seed: int, peak: float) -> None:
    field = gain(_drawn(seed), peak=peak, shape=(35, 50, 36))
    np.testing.assert_allclose([field.min(), field.max()], [1 / peak, peak], rtol=1e-5)


def test_log_gain_is_a_cubic() -> None:
    logs = np.log(gain(_drawn(), peak=2.0, shape=(9, 8, 7)).astype(np.float64))
    for axis in range(3):
        assert np.abs(np.diff(logs, n=3, axis=axis)).max() > 5e-4
        np.testing.assert_allclose(np.diff(logs, n=4, axis=axis), 0, atol=1e-5)


def test_equals_the_formula() -> None:
    shape = (7, 6, 5)
    p = _polynomial(_drawn(3), shape)
    expected = 1.7 ** (2 * (p - p.min()) / np.ptp(p) - 1)
    np.testing.assert_allclose(gain(_drawn(3), peak=1.7, shape=shape), expected, rtol=1e-5)


@pytest.mark.parametrize("shape", [(10, 8, 6), (9, 7, 5), (8, 9, 1)])
def test_equals_torchios_field_of_the_scaled_polynomial(torchio: ModuleType, shape: tuple[int, int, int]) -> None:
    coefficients, peak = _drawn(5), 2.0
    p = _polynomial(coefficients, shape)
    slope = 2 * math.log(peak) / np.ptp(p)
    constant = -slope * (p.min() + p.max()) / 2
    theirs = torchio.BiasField.generate_bias_field(
        np.zeros((1, *shape)), 3, [constant, *(slope * c for c in coefficients)]
    )
    np.testing.assert_allclose(gain(coefficients, peak=peak, shape=shape), theirs, rtol=1e-5)


def test_on_purpose_the_gain_is_bounded_unlike_torchios(torchio: ModuleType) -> None:
    # TorchIO's default draws coefficients up to 0.5; with all 20 at that value the corner reaches exp(10).
    theirs = torchio.BiasField.generate_bias_field(np.zeros((1, 16, 16, 16)), 3, [0.5] * 20)
    assert theirs.max() > 20_000
    assert gain((0.5,) * 19, peak=2.5, shape=(16, 16, 16)).max() < 2.5001


def test_one_field_multiplies_all_channels() -> None:
    image = np.random.default_rng(0).uniform(1, 2, (3, 9, 8, 4)).astype(np.float32)
    out = BiasField().apply(image, params={"peak_gain": 2.0, "coefficients": list(_drawn())})
    field = gain(_drawn(), peak=2.0, shape=(9, 8, 4))
    np.testing.assert_allclose(out, image * field, rtol=1e-6)


def test_a_polynomial_without_variation_gains_nothing() -> None:
    assert (gain((0.0,) * 19, peak=2.0, shape=(4, 4, 4)) == 1).all()
    assert (gain(_drawn(), peak=2.0, shape=(1, 1, 1)) == 1).all()


@pytest.mark.parametrize(
    ("params", "says"),
    [
        ({"peak_gain": 0.5, "coefficients": [0.1] * 19}, "'peak_gain' is 0.5, outside"),
        ({"peak_gain": 2.0, "coefficients": [0.1] * 20}, "'coefficients' must be a list of 19 numbers"),
    ],
)
def test_wrong_parameters_are_refused(params: dict[str, object], says: str) -> None:
    with pytest.raises(ValueError, match=says):
        BiasField().apply(np.ones((1, 8, 8, 1), np.float32), params=params)
