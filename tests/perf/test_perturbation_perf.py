"""Perturbations against TorchIO 1.2 where both have the artefact, interleaved, one thread.

What is timed is what a user calls: `apply` on a (C, X, Y, Z) volume with parameters drawn beforehand, and TorchIO's
deterministic transform on a subject, whose copy of the data is switched off. Rounds alternate so that a busy machine
slows both.
"""

import statistics
import time
import warnings
from collections.abc import Callable
from types import ModuleType

import numpy as np
import pytest
from pytest_benchmark.fixture import BenchmarkFixture

from mednca_bench import perturbations
from mednca_bench.perturbations.base import generator
from tests.perf.perturbation_sheet import Row

SIZES = {"320x320x20": (320, 320, 20), "35x51x36": (35, 51, 36)}
SPACING = (0.6, 0.6, 4.0)
GOALS = {"ghosting": 3.0, "spike": 3.0, "motion": 3.0, "bias-field": 3.0}
"""Times faster at 320 x 320 x 20; every other one at least as fast."""

ROUNDS = {"320x320x20": 7, "35x51x36": 25}


@pytest.fixture(scope="module")
def torchio() -> ModuleType:
    """TorchIO, imported when it is timed: that takes seconds, and warns."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return pytest.importorskip("torchio")  # type: ignore[no-any-return]


def _theirs(torchio: ModuleType) -> dict[str, object]:
    """TorchIO's deterministic transforms with the work of our severity 3: one artefact, two moves."""
    coefficients = np.random.default_rng(0).uniform(-0.5, 0.5, 20).tolist()
    degrees, shifts = np.array([[0.0, 0.0, 1.6], [0.0, 0.0, -1.0]]), np.array([[1.0, 0.5, 0.0], [-1.0, 0.7, 0.0]])
    times = np.array([0.45, 0.56])
    once = {"copy": False}
    return {
        "ghosting": torchio.Ghosting(num_ghosts=4, axis=0, intensity=0.5, restore=0.02, **once),
        "spike": torchio.Spike(spikes_positions=np.array([[0.55, 0.6, 0.5]]), intensity=0.2, **once),
        "motion": torchio.Motion(
            degrees=degrees, translation=shifts, times=times, image_interpolation="linear", **once
        ),
        "bias-field": torchio.BiasField(coefficients=coefficients, order=3, **once),
        "noise": torchio.Noise(mean=0.0, std=20.0, seed=0, **once),
        "blur": torchio.Blur(std=(1.04, 1.04, 1.04), **once),
        "contrast": torchio.Gamma(gamma=1.34, **once),
    }


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("name", ["ghosting", "spike", "motion", "bias-field", "noise", "blur", "contrast"])
def test_against_torchio(
    benchmark: BenchmarkFixture, perturbation_sheet: list[Row], torchio: ModuleType, name: str, size: str
) -> None:
    import torch

    torch.set_num_threads(1)
    image = np.random.default_rng(0).uniform(0, 1000, (1, *SIZES[size])).astype(np.float32)
    family = perturbations.get(name)
    params = family.draw(3, rng=generator(0, "case", name), shape=image.shape, spacing=SPACING)
    subject = torchio.Subject(t1=torchio.ScalarImage(tensor=torch.from_numpy(image), affine=np.diag([*SPACING, 1])))
    transform = _theirs(torchio)[name]

    def theirs() -> object:
        subject.t1.set_data(torch.from_numpy(image))
        return transform(subject)  # type: ignore[operator]

    def ours() -> object:
        return family.apply(image, params=params)

    seconds: dict[str, list[float]] = {"torchio": [], "ours": []}
    with torch.random.fork_rng():  # TorchIO draws from the global generator, whether it needs to or not
        theirs()

        def other() -> None:
            seconds["torchio"].append(_timed(theirs))

        benchmark.pedantic(lambda: seconds["ours"].append(_timed(ours)), setup=other, rounds=ROUNDS[size])
    goal = GOALS.get(name, 1.0) if size == "320x320x20" else 1.0
    perturbation_sheet.append(Row(name, family.version, size, seconds["ours"], seconds["torchio"], goal))


def _timed(work: Callable[[], object]) -> float:
    started = time.perf_counter()
    work()
    return time.perf_counter() - started


def test_the_sheet_says_by_how_much() -> None:
    row = Row("ghosting", 2, "8x8x8", [1.0, 2.0, 3.0], [9.0, 6.0, 6.0], 3.0)
    assert row.ratio == statistics.median([9.0, 6.0, 6.0]) / 2.0 == 3.0
