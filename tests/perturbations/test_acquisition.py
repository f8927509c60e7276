"""What all acquisition families share: any shape works, the unit of intensities does not matter, nor a lost zero."""

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mednca_bench import perturbations
from mednca_bench.perturbations.base import AcquisitionPerturbation, generator
from mednca_bench.perturbations.contract_specimen import corrupt, draw, specimen
from mednca_bench.perturbations.signal import floor

FAMILIES = [name for name in perturbations.names() if isinstance(perturbations.get(name), AcquisitionPerturbation)]
SHAPES = st.tuples(st.integers(1, 3), st.integers(1, 21), st.integers(1, 21), st.integers(1, 5))


@pytest.mark.parametrize("name", FAMILIES)
@given(shape=SHAPES, scale=st.sampled_from([1e-3, 1.0, 112.0, 1.7e6]), seed=st.integers(0, 50))
def test_any_shape_stays_finite(name: str, shape: tuple[int, ...], scale: float, seed: int) -> None:
    family = perturbations.get(name)
    image = (np.random.default_rng(seed).normal(size=shape) * scale).astype(np.float32)
    out = corrupt(family, image, 5, seed)
    assert out.shape == shape and out.dtype == np.float32 and np.isfinite(out).all()


@pytest.mark.parametrize("name", FAMILIES)
@pytest.mark.parametrize("unit", [1e-6, 1700.0, 1e25])
def test_the_unit_of_the_intensities_does_not_matter(name: str, unit: float) -> None:
    family, image = perturbations.get(name), specimen("acquisition")
    params = draw(family, image, 4, 1)
    expected = family.apply(image, params=params).astype(np.float64) * unit
    found = family.apply((image * np.float64(unit)).astype(np.float32), params=params)
    np.testing.assert_allclose(found, expected, rtol=1e-4, atol=1e-4 * unit * 1000)


@pytest.mark.parametrize("name", FAMILIES)
def test_a_channel_below_zero_has_its_zero_at_its_minimum(name: str) -> None:
    family, image = perturbations.get(name), specimen("acquisition")
    image -= image.min(axis=(1, 2, 3), keepdims=True)
    params = draw(family, image, 4, 1)
    expected = family.apply(image, params=params) - np.float32(300)
    np.testing.assert_allclose(family.apply(image - np.float32(300), params=params), expected, atol=1e-2)


def test_floor_is_zero_or_the_minimum_of_the_channel() -> None:
    image = np.stack([np.full((4, 4, 2), value, dtype=np.float32) for value in (7, 0, -7)])
    image[:, 0, 0, 0] += 3
    assert floor(image).ravel().tolist() == [0, 0, -7]
    assert floor(image).dtype == np.float32


@pytest.mark.parametrize("name", FAMILIES)
def test_a_vanishing_magnitude_vanishes(name: str) -> None:
    # The families are continuous at the identity: no jump between severity 0 and the smallest magnitude.
    family, image = perturbations.get(name), specimen("acquisition")
    params: dict[str, Any] = draw(family, image, 1, 0)
    step = 1e-6 * np.sign(family.severities[0] - family.neutral)  # type: ignore[operator]
    nearly = {**params, family.parameter: float(family.neutral + step)}
    np.testing.assert_allclose(family.apply(image, params=nearly), image, atol=0.02)


@pytest.mark.parametrize("name", [name for name in FAMILIES if perturbations.get(name).random])
def test_cases_and_draws_differ(name: str) -> None:
    family, image = perturbations.get(name), specimen("acquisition")
    drawn = [
        str(family.draw(3, rng=generator(seed, case, name), shape=image.shape, spacing=(1.0, 1.0, 1.0)))
        for seed in range(5)
        for case in ("a", "b", "c", "d")
    ]
    assert len(set(drawn)) > 2
