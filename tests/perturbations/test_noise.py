"""Rician noise against the Rice distribution of scipy."""

import numpy as np
import pytest
from scipy import stats

from mednca_bench.perturbations.base import generator
from mednca_bench.perturbations.noise import Noise, rician


def _noisy(image: np.ndarray, sigma: float, *, seed: int = 0) -> np.ndarray:
    return Noise().apply(image, params={"sigma": sigma, "noise_seed": seed})


def _slabs(*levels: float) -> np.ndarray:
    """One channel of equal slabs along x, so that its 0.5-99.5 percentile range is that of the levels."""
    return np.repeat(np.array(levels, dtype=np.float32), 20)[None, :, None, None] * np.ones((1, 1, 60, 25), np.float32)


@pytest.mark.parametrize("signal", [0.0, 0.5, 1.0, 3.0, 20.0])
def test_moments_are_those_of_the_rice_distribution(signal: float) -> None:
    sigma, count = 0.8, 200_000
    out = np.empty((count, 1, 1), dtype=np.float32)
    rician(np.full_like(out, signal), sigma=sigma, rng=np.random.Generator(np.random.PCG64(1)), out=out)
    rice = stats.rice(signal / sigma, scale=sigma)
    mean, variance, kurtosis = (float(moment) for moment in rice.stats("mvk"))
    assert abs(out.mean() - mean) < 5 * np.sqrt(variance / count)
    assert abs(out.var() - variance) < 5 * variance * np.sqrt((kurtosis + 2) / count)
    assert stats.kstest(out.ravel()[:5000], rice.cdf).pvalue > 1e-3


def test_sigma_is_a_fraction_of_the_native_percentile_range() -> None:
    image = _slabs(100, 300, 1100)  # range 1000; at 1100 the noise is Gaussian to 1 part in 1000
    bright = _noisy(image, 0.02)[0, 40:]
    np.testing.assert_allclose(bright.std(), 20, rtol=0.02)
    np.testing.assert_allclose(bright.mean(), np.hypot(1100, 20 / np.sqrt(2)), atol=0.5)


def test_background_is_raised_to_the_rayleigh_mean() -> None:
    dark = _noisy(_slabs(0, 1000), 0.1)[0, :20]
    np.testing.assert_allclose(dark.mean(), 100 * np.sqrt(np.pi / 2), rtol=0.01)
    assert dark.min() >= 0


def test_range_is_each_channels_own_and_noise_independent() -> None:
    image = np.concatenate([_slabs(0, 1000), _slabs(0, 10)])
    residual = (_noisy(image, 0.05) - image)[:, 20:]
    np.testing.assert_allclose(residual[0].std() / residual[1].std(), 100, rtol=0.05)
    assert abs(np.corrcoef(residual[0].ravel(), residual[1].ravel())[0, 1]) < 0.03


def test_one_draw_scales_one_noise_field() -> None:
    image = _slabs(0, 1000)
    little, much = ((_noisy(image, sigma) - image)[0, 20:].ravel() for sigma in (0.01, 0.02))
    assert np.corrcoef(little, much)[0, 1] > 0.999
    np.testing.assert_allclose(much.std() / little.std(), 2, rtol=0.01)


def test_a_constant_channel_has_no_range_and_no_noise() -> None:
    image = np.full((1, 9, 9, 2), 5, dtype=np.float32)
    np.testing.assert_array_equal(_noisy(image, 0.2), image)


def test_noise_seed_survives_a_float_reader() -> None:
    for seed in range(20):
        rng = generator(seed, "case", "noise")
        drawn = Noise().draw(3, rng=rng, shape=(1, 8, 8, 8), spacing=(1.0, 1.0, 1.0))["noise_seed"]
        assert type(drawn) is int and int(float(drawn)) == drawn
