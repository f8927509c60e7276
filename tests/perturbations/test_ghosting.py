"""Ghosting against a modulated k-space, a point worked out by hand, and TorchIO's blanked lines."""

from types import ModuleType

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mednca_bench.perturbations.ghosting import PERIODS, Ghosting


def _ghosted(image: np.ndarray, *, intensity: float, axis: str = "x", period: int = 4) -> np.ndarray:
    return Ghosting().apply(image, params={"intensity": intensity, "phase_axis": axis, "period": period})


def _point(length: int, at: int) -> np.ndarray:
    image = np.zeros((1, length, 3, 2), dtype=np.float32)
    image[0, at, 1, 0] = 1
    return image


def _mirrored_fov(image: np.ndarray, axis: int) -> np.ndarray:
    return np.concatenate([image, np.flip(image, axis)], axis=axis)


@given(
    shape=st.tuples(st.integers(1, 2), st.integers(2, 24), st.integers(2, 24), st.integers(1, 3)),
    intensity=st.floats(0.01, 1.0),
    axis=st.sampled_from("xy"),
    period=st.sampled_from(PERIODS),
)
def test_equals_a_cosine_modulation_of_k_space(
    shape: tuple[int, ...], intensity: float, axis: str, period: int
) -> None:
    image = np.random.default_rng(0).random(shape, dtype=np.float32)
    along = "xy".index(axis) + 1
    length = shape[along]
    distance = max(1, round(length / period))
    spectrum = np.fft.fft(_mirrored_fov(image.astype(np.float64), along), axis=along)
    line = np.fft.fftfreq(2 * length, 1 / (2 * length))
    modulation = 1 + 2 * intensity * np.cos(2 * np.pi * line * distance / (2 * length))
    modulated = np.fft.ifft(spectrum * modulation.reshape([-1 if a == along else 1 for a in range(4)]), axis=along)
    assert np.abs(modulated.imag).max() < 1e-12
    expected = modulated.real.take(np.arange(length), axis=along)
    np.testing.assert_allclose(
        _ghosted(image, intensity=intensity, axis=axis, period=period), expected, rtol=1e-5, atol=1e-6
    )


@pytest.mark.parametrize("period", PERIODS)
def test_ghosts_of_a_point_sit_n_over_k_away(period: int) -> None:
    length = 60
    ghosted = _ghosted(_point(length, 30), intensity=0.25, period=period)[0, :, 1, 0]
    expected = np.zeros(length)
    expected[30] = 1
    for ghost in (30 - length // period, 30 + length // period):
        if ghost < length:
            expected[ghost] += 0.25
        else:  # half a field of view to the right of pixel 30 of 60 lies pixel 60, mirrored onto 59
            expected[2 * length - 1 - ghost] += 0.25
    np.testing.assert_allclose(ghosted, expected, atol=1e-7)


def test_a_ghost_beyond_the_border_is_mirrored() -> None:
    ghosted = _ghosted(_point(40, 2), intensity=0.5, period=4)[0, :, 1, 0]
    # Ghosts 10 voxels away: at 12, and at -8, which the mirrored field of view shows at 7.
    np.testing.assert_array_equal(np.flatnonzero(ghosted), [2, 7, 12])
    np.testing.assert_allclose(ghosted[[2, 7, 12]], [1, 0.5, 0.5])


def test_only_the_phase_encode_axis_is_touched() -> None:
    image = np.zeros((1, 20, 20, 4), dtype=np.float32)
    image[0, 7, 9, 2] = 1
    for axis, moving in (("x", 0), ("y", 1)):
        lit = np.argwhere(_ghosted(image, intensity=0.5, axis=axis)[0])
        assert len(lit) == 3
        assert all(len(set(lit[:, still])) == 1 for still in {0, 1, 2} - {moving})


def test_a_constant_image_grows_brighter_and_stays_constant() -> None:
    image = np.full((1, 11, 7, 2), 4, dtype=np.float32)
    np.testing.assert_allclose(_ghosted(image, intensity=0.5), 8)


def test_the_strength_does_not_depend_on_the_period() -> None:
    image = _point(60, 25)
    energies = [float(((_ghosted(image, intensity=0.3, period=k) - image) ** 2).sum()) for k in PERIODS]
    np.testing.assert_allclose(energies, 2 * 0.3**2, rtol=1e-5)


def _torchio_ghosts(torchio: ModuleType, volume: np.ndarray, *, ghosts: int, intensity: float) -> np.ndarray:
    import torch

    transform = torchio.Ghosting(num_ghosts=ghosts, axis=0, intensity=intensity, restore=None)
    corrupted: np.ndarray = transform.add_artifact(torch.from_numpy(volume), ghosts, 0, intensity, None).numpy()
    return corrupted


def test_torchio_blanks_lines_which_is_a_sum_of_our_modulations(torchio: ModuleType) -> None:
    # Every 4th line of the mirrored field of view of 2 N lines: 1 - a / 4 (1 + 2 cos(pi j / 2) + cos(pi j)), that is
    # our ghosts at N / 2 with brightness -a / 4 and, twice in one place, at N with -a / 8. TorchIO restores line 0.
    image = np.random.default_rng(0).random((1, 16, 9, 3), dtype=np.float32)
    mirrored = _mirrored_fov(image, 1)
    found = _torchio_ghosts(torchio, mirrored[0], ghosts=4, intensity=0.8)[:16]
    half, whole = (_ghosted(image, intensity=1.0, period=period)[0] - image[0] for period in (2, 1))
    kept_line = image[0].mean(axis=0)
    expected = image[0] - 0.8 / 4 * (image[0] + half + whole / 2) + 0.8 * kept_line
    np.testing.assert_allclose(found, expected, atol=1e-5)


def test_on_purpose_more_ghosts_are_not_weaker_as_in_torchio(torchio: ModuleType) -> None:
    point = _point(64, 20)[0]
    strongest = []
    for ghosts in (2, 4, 8):
        corrupted = _torchio_ghosts(torchio, point, ghosts=ghosts, intensity=1.0)[:, 1, 0]
        strongest.append(float(np.abs(np.delete(corrupted, 20)).max()))
    np.testing.assert_allclose(strongest, [1 / 2 - 1 / 64, 1 / 4 - 1 / 64, 1 / 8 - 1 / 64], atol=1e-5)


@pytest.mark.parametrize(
    ("params", "says"),
    [
        ({"intensity": 0.5, "phase_axis": "z", "period": 3}, "'phase_axis' must be one of x, y"),
        ({"intensity": 0.5, "phase_axis": "x", "period": 0}, "'period' is 0, outside"),
        ({"intensity": -0.5, "phase_axis": "x", "period": 3}, "'intensity' is -0.5, outside"),
    ],
)
def test_wrong_parameters_are_refused(params: dict[str, object], says: str) -> None:
    with pytest.raises(ValueError, match=says):
        Ghosting().apply(_point(20, 3), params=params)
