"""The laws of grid perturbations: image and label move by one map, maps compose, the local scale is theirs."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from .base import GridPerturbation, Params, generator
from .family import SEVERITIES, Image

SHAPE = (40, 52)
"""Grid the laws are tried on: not square, so that swapped axes show."""


def check_same_map(perturbation: GridPerturbation, *, draws: int = 8) -> None:
    """`apply` moves images by exactly `pull_back`: coordinate ramps come out as the map's coordinates.

    Linear interpolation keeps a ramp, and edge replication clips it; a label carried by `pull_back` then lies where
    the image shows it.
    """
    for severity, params in _each(perturbation, draws=draws):
        expected = np.clip(_mapped(perturbation, params), 0, np.array(SHAPE) - 1)
        moved = np.moveaxis(perturbation.apply(_ramps(), params=params), 0, -1)
        gap = float(np.abs(moved - expected).max())
        assert gap < 1e-4, f"{perturbation.name}: severity {severity}: image moves {gap:g} pixels off its pull_back"


def check_composition(perturbation: GridPerturbation, *, draws: int = 8) -> None:
    """Applying twice is applying the map composed with itself, wherever the border plays no part."""
    for severity, params in _each(perturbation, draws=draws):
        once = perturbation.pull_back(params, shape=SHAPE)
        twice = once.after(once)(_pixels())
        gap = float(np.abs(once(once(_pixels())) - twice).max())
        assert gap < 1e-9, f"{perturbation.name}: severity {severity}: composed coordinates are {gap:g} pixels off"
        moved = perturbation.apply(perturbation.apply(_ramps(), params=params), params=params)
        far = 2.0 / min(1.0, *once.local_scale)  # both passes interpolate; their footprints must stay inside
        inside = _within(twice, far) & _within(once(_pixels()), far)  # a rotation may lead out of the image and back
        gap = float(np.abs(np.moveaxis(moved, 0, -1) - twice)[inside].max(initial=0.0))
        assert gap < 1e-3, (
            f"{perturbation.name}: severity {severity}: two passes are {gap:g} pixels off the composed map"
        )


def check_local_scale(perturbation: GridPerturbation, *, draws: int = 8) -> None:
    """`local_scale` is the inverse length, in input pixels, of one output pixel's step along each axis."""
    for severity, params in _each(perturbation, draws=draws):
        pull_back = perturbation.pull_back(params, shape=SHAPE)
        origin = pull_back((10.0, 10.0))
        for axis, step in enumerate(((11.0, 10.0), (10.0, 11.0))):
            expected = 1 / float(np.linalg.norm(pull_back(step) - origin))
            found = pull_back.local_scale[axis]
            message = f"{perturbation.name}: severity {severity}: local scale {found} along axis {axis}, not {expected}"
            assert abs(found - expected) < 1e-9 * expected, message


def _each(perturbation: GridPerturbation, *, draws: int) -> list[tuple[int, Params]]:
    """Severity and parameters of every severity and draw."""
    return [
        (
            severity,
            perturbation.draw(
                severity, rng=generator(seed, "case", perturbation.name), shape=(2, *SHAPE), spacing=(1.0, 1.0)
            ),
        )
        for severity in range(SEVERITIES + 1)
        for seed in range(draws)
    ]


def _within(points: NDArray[np.float64], margin: float) -> NDArray[np.bool_]:
    """Which points (..., 2) keep that distance from the outermost pixel centres."""
    return np.asarray(((points >= margin) & (points <= np.array(SHAPE) - 1 - margin)).all(axis=-1))


def _pixels() -> NDArray[np.float64]:
    """All pixel indices, (H, W, 2)."""
    return np.moveaxis(np.indices(SHAPE, dtype=np.float64), 0, -1)


def _ramps() -> Image:
    """The two coordinate ramps, (2, H, W)."""
    return np.indices(SHAPE, dtype=np.float32)


def _mapped(perturbation: GridPerturbation, params: Params) -> NDArray[np.float64]:
    """Where each output pixel comes from, (H, W, 2)."""
    return perturbation.pull_back(params, shape=SHAPE)(_pixels())
