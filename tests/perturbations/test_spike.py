"""Spike against the k-space it is defined in, and against TorchIO."""

import math
from types import ModuleType

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mednca_bench.perturbations.base import generator
from mednca_bench.perturbations.spike import FREQUENCY, Spike


def _spiked(image: np.ndarray, *, intensity: float = 0.5, u: int = 3, v: int = -2, phase: float = 0.0) -> np.ndarray:
    return Spike().apply(image, params={"intensity": intensity, "u": u, "v": v, "phase": phase})


@given(
    shape=st.tuples(st.just(1), st.integers(7, 20), st.integers(7, 20), st.integers(1, 4)),
    u=st.integers(-3, 3),
    v=st.integers(1, 3),
    phase=st.floats(0, 6.28),
    intensity=st.floats(0.05, 2.0),
)
def test_it_is_that_sample_of_k_space(shape: tuple[int, ...], u: int, v: int, phase: float, intensity: float) -> None:
    image = np.random.default_rng(0).random(shape, dtype=np.float32) * 100
    clean = np.fft.fftn(image[0].astype(np.float64))
    change = np.fft.fftn(_spiked(image, intensity=intensity, u=u, v=v, phase=phase)[0].astype(np.float64)) - clean
    # Taking the real part shares the spike between (u, v) and its mirror image.
    expected = np.zeros_like(clean)
    expected[u, v, 0] += intensity * np.abs(clean).max() / 2 * np.exp(1j * phase)
    expected[-u, -v, 0] += intensity * np.abs(clean).max() / 2 * np.exp(-1j * phase)
    np.testing.assert_allclose(change, expected, atol=1e-5 * np.abs(clean).max())


def test_plane_wave_by_hand() -> None:
    image = np.full((1, 8, 4, 1), 10, dtype=np.float32)
    wave = _spiked(image, intensity=0.5, u=2, v=0) - image
    np.testing.assert_allclose(wave[0, :, 0, 0], [5, 0, -5, 0, 5, 0, -5, 0], atol=1e-5)
    assert (wave == wave[:, :, :1]).all()


def test_amplitude_is_each_channels_own() -> None:
    image = np.ones((2, 12, 12, 2), dtype=np.float32) * np.array([1, 50], np.float32)[:, None, None, None]
    wave = _spiked(image) - image
    np.testing.assert_allclose(wave[1], 50 * wave[0], rtol=1e-3, atol=1e-3)


@pytest.mark.parametrize("shape", [(16, 12, 6), (15, 13, 5)])
def test_equals_torchio_in_the_central_plane(torchio: ModuleType, shape: tuple[int, int, int]) -> None:
    import torch

    image = np.random.default_rng(0).random(shape, dtype=np.float32)
    u, v = -3, 2
    centre = np.array(shape) // 2
    position = (centre + np.array([u, v, 0]) + 0.5) / np.array(shape)
    expected = torchio.Spike(position[None], 0.7).add_artifact(torch.from_numpy(image), position[None], 0.7)
    np.testing.assert_allclose(_spiked(image[None], intensity=0.7, u=u, v=v)[0], expected.numpy(), atol=1e-5)


@given(rows=st.integers(3, 400), columns=st.integers(3, 400), seed=st.integers(0, 1000))
def test_drawn_frequencies_are_below_nyquist_and_not_zero(rows: int, columns: int, seed: int) -> None:
    params = Spike().draw(3, rng=generator(seed, "case", "spike"), shape=(1, rows, columns, 3), spacing=(1.0, 1.0, 1.0))
    u, v = params["u"], params["v"]
    assert type(u) is type(v) is int and (u, v) != (0, 0)
    assert abs(u) < rows / 2 and abs(v) < columns / 2
    assert 0 <= params["phase"] < 2 * math.pi


def test_drawn_frequencies_fill_the_stated_band() -> None:
    size = 1000
    draws = [
        Spike().draw(3, rng=generator(seed, "case", "spike"), shape=(1, size, size, 1), spacing=(1.0, 1.0, 1.0))
        for seed in range(300)
    ]
    frequencies = np.hypot([d["u"] / size for d in draws], [d["v"] / size for d in draws])
    assert frequencies.min() >= FREQUENCY[0] - 1e-3 and frequencies.max() <= FREQUENCY[1] + 1e-3
    np.testing.assert_allclose(np.percentile(frequencies, [5, 50, 95]), [0.06, 0.15, 0.24], atol=0.03)
    angles = np.arctan2([d["v"] for d in draws], [d["u"] for d in draws])
    np.testing.assert_allclose(np.histogram(angles, 4, (0, np.pi))[0], 75, atol=40)


def test_a_pixel_wide_image_still_gets_a_spike() -> None:
    params = Spike().draw(3, rng=generator(0, "case", "spike"), shape=(1, 40, 1, 1), spacing=(1.0, 1.0, 1.0))
    assert params["v"] == 0 and params["u"] != 0
    params = Spike().draw(3, rng=generator(0, "case", "spike"), shape=(1, 1, 40, 1), spacing=(1.0, 1.0, 1.0))
    assert params["u"] == 0 and params["v"] != 0


@pytest.mark.parametrize(("u", "says"), [(1.5, "'u' must be a whole number"), (None, "'u' must be a finite number")])
def test_wrong_parameters_are_refused(u: float | None, says: str) -> None:
    with pytest.raises(ValueError, match=says):
        Spike().apply(np.ones((1, 8, 8, 1), np.float32), params={"intensity": 0.1, "u": u, "v": 1, "phase": 0.0})
