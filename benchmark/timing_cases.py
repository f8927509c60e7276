"""The timed cases for pytest-benchmark in a fresh process: one slice, one volume, one way end to end (see timing.py).

Warm-up: at least 2 rounds and 0.2 s, or 3 s if that comes first. Then as many rounds and windows as the profile asks
for. Beside the times stand how many cores others kept busy meanwhile, the machine's state at both ends, and the energy.
"""

from __future__ import annotations

import itertools
import os
import time
from collections.abc import Callable, Iterator
from dataclasses import asdict
from pathlib import Path
from typing import Any

import pytest
import torch
from pytest_benchmark.fixture import BenchmarkFixture

from ..models.base import Segmenter
from .energy import EnergyMeter
from .machine import cpu_clock, other_work
from .machine_state import machine_state, throttling
from .predict import predict_file
from .preprocess import Preprocess
from .timing_profile import Profile, find_profile
from .timing_work import facts, make_model, prepare, segment
from .workload import WORKLOAD_VARIABLE, Workload

__all__ = ["model", "pytest_generate_tests", "test_end_to_end", "test_slice", "test_volume", "turns", "work"]

Fresh = Callable[[], tuple[tuple[Any, ...], dict[str, Any]]]

WARM_UP_ROUNDS = 2
WARM_UP_SECONDS = (0.2, 3.0)


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Time each part of the workload in as many windows as its profile has; other parts not at all."""
    wanted = _work()
    part = metafunc.function.__name__.removeprefix("test_")
    windows = find_profile(wanted.profile).windows if part in wanted.parts else 0
    metafunc.parametrize("window", range(windows))


def _work() -> Workload:
    return Workload.read(Path(os.environ[WORKLOAD_VARIABLE]))


@pytest.fixture(scope="session")
def work() -> Workload:
    """What to time."""
    return _work()


@pytest.fixture(scope="session")
def model(work: Workload) -> Segmenter:
    """The model, made once."""
    return make_model(work)


@pytest.fixture(scope="session")
def turns() -> Iterator[int]:
    """Numbers of the rounds over all cases and windows: none has the images and fire seeds of another."""
    return itertools.count()


def test_slice(
    benchmark: BenchmarkFixture, model: Segmenter, work: Workload, turns: Iterator[int], window: int
) -> None:
    """Time one slice; count what does not depend on time."""
    _measure_model(benchmark, model, work, turns, slices=1)
    benchmark.extra_info.update(facts(model, work), instruction_set=torch.backends.cpu.get_cpu_capability())


def test_volume(
    benchmark: BenchmarkFixture, model: Segmenter, work: Workload, turns: Iterator[int], window: int
) -> None:
    """Time one volume."""
    _measure_model(benchmark, model, work, turns, slices=work.slices)


def test_end_to_end(
    benchmark: BenchmarkFixture, model: Segmenter, work: Workload, turns: Iterator[int], window: int, tmp_path: Path
) -> None:
    """Time the way from a NIfTI file to a NIfTI file."""
    assert work.scan is not None
    files = (model, Path(work.scan), tmp_path / "label.nii.gz")
    settings = Preprocess(size=work.size)
    measure(
        benchmark,
        predict_file,
        lambda: (files, {"prepare": settings, "fire_seed": next(turns)}),
        profile=find_profile(work.profile),
    )


def _measure_model(
    benchmark: BenchmarkFixture, model: Segmenter, work: Workload, turns: Iterator[int], *, slices: int
) -> None:
    measure(
        benchmark,
        segment,
        lambda: ((model, prepare(work, slices=slices, turn=next(turns))), {}),
        profile=find_profile(work.profile),
    )


def measure(benchmark: BenchmarkFixture, timed: Callable[..., object], fresh: Fresh, *, profile: Profile) -> None:
    """Warm up, then time the rounds of one window.

    Args:
        benchmark: pytest-benchmark's fixture.
        timed: called once a round; nothing else is timed.
        fresh: makes the arguments of a round.
        profile: how many rounds.
    """
    meter = EnergyMeter()

    def setup() -> tuple[tuple[Any, ...], dict[str, Any]]:
        meter.stop()  # the round before ended here, as far as the meter's millisecond goes
        arguments = fresh()
        meter.start()
        return arguments

    seconds = warm_up(timed, fresh)
    before, start = machine_state(), cpu_clock()
    benchmark.pedantic(timed, setup=setup, rounds=profile.rounds_for(seconds))
    meter.stop()
    after = machine_state()
    benchmark.extra_info.update(
        other_cores=other_work(start, cpu_clock()),
        throttling=list(throttling(before, after)),
        before=asdict(before),
        after=asdict(after),
        energy_j=meter.joules if meter.available else None,
        energy_source=meter.source,
    )


def warm_up(timed: Callable[..., object], fresh: Fresh) -> float:
    """Call until caches, threads and kernels are set up; give the seconds of the last call alone."""
    least, most = WARM_UP_SECONDS
    began = time.perf_counter()
    for count in itertools.count(1):
        arguments, named = fresh()
        start = time.perf_counter()
        timed(*arguments, **named)
        now = time.perf_counter()
        if (count >= WARM_UP_ROUNDS and now - began >= least) or now - began >= most:
            break
    return now - start
