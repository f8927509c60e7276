"""The two timed cases, one slice and one volume, for pytest-benchmark in a fresh process (see timing.py).

Warm-up: at least 2 rounds and 0.2 s, or 3 s if that comes first. Then as many rounds as fit in about 3 s, 3 at least,
200 at most. How many cores others kept busy meanwhile is recorded beside the times.
"""

from __future__ import annotations

import itertools
import os
import time
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from pytest_benchmark.fixture import BenchmarkFixture

from ..models.base import Segmenter
from .machine import cpu_clock, other_work
from .timing_work import Pass, facts, make_model, prepare, segment
from .workload import WORKLOAD_VARIABLE, Workload

__all__ = ["model", "test_slice", "test_volume", "work"]

SECONDS = 3.0  # what the rounds of one case may take
ROUNDS = (3, 200)
WARM_UP_ROUNDS = 2
WARM_UP_SECONDS = 0.2


@pytest.fixture(scope="session")
def work() -> Workload:
    """What to time."""
    return Workload.read(Path(os.environ[WORKLOAD_VARIABLE]))


@pytest.fixture(scope="session")
def model(work: Workload) -> Segmenter:
    """The model, made once."""
    return make_model(work)


def test_slice(benchmark: BenchmarkFixture, model: Segmenter, work: Workload) -> None:
    """Time one slice; count what does not depend on time."""
    measure(benchmark, model, work, slices=1)
    benchmark.extra_info.update(facts(model, work), instruction_set=torch.backends.cpu.get_cpu_capability())


def test_volume(benchmark: BenchmarkFixture, model: Segmenter, work: Workload) -> None:
    """Time one volume."""
    measure(benchmark, model, work, slices=work.slices)


def measure(benchmark: BenchmarkFixture, model: Segmenter, work: Workload, *, slices: int) -> None:
    """Warm up, then time rounds of `slices` slices."""
    turns = itertools.count()

    def fresh() -> tuple[tuple[Segmenter, list[Pass]], dict[str, object]]:
        return (model, prepare(work, slices=slices, turn=next(turns))), {}

    seconds = warm_up(lambda: segment(*fresh()[0]))
    start = cpu_clock()
    benchmark.pedantic(segment, setup=fresh, rounds=rounds_for(seconds))
    benchmark.extra_info["other_cores"] = other_work(start, cpu_clock())


def warm_up(call: Callable[[], object]) -> float:
    """Call until caches, threads and kernels are set up; give the seconds of the last call."""
    began = time.perf_counter()
    for count in itertools.count(1):
        start = time.perf_counter()
        call()
        now = time.perf_counter()
        if (count >= WARM_UP_ROUNDS and now - began >= WARM_UP_SECONDS) or now - began >= SECONDS:
            break
    return now - start


def rounds_for(seconds: float) -> int:
    """How many rounds of that many seconds to time.

    >>> [rounds_for(seconds) for seconds in (0.001, 0.1, 8.0)]
    [200, 30, 3]
    """
    least, most = ROUNDS
    return min(max(round(SECONDS / seconds), least), most)
