"""The engine against the literal rule, interleaved: `pytest tests/perf/test_engine_perf.py --benchmark-only`.

Prints a table at the end; `--perf-out=FOLDER` writes it with its data and a plot. One level of an NCA, fire rate 0.5,
hidden 128. A round is: a large matrix product, the other variants, then the engine, which pytest-benchmark times.
"""

import statistics
import sys
import time
from collections.abc import Callable

import psutil
import pytest
import torch
from pytest_benchmark.fixture import BenchmarkFixture

from tests.perf.engine_sheet import Row
from tests.perf.engine_work import SGEMM_SIDE, Variant, Work, peak_megabytes, sgemm

LITERAL_GIGABYTES = 12  # free memory the literal rule needs to train on 20 x 64 x 64 cells for 64 steps
THREADS = [1, 2]


def interleaved(
    benchmark: BenchmarkFixture, engine: Variant, others: dict[str, Variant], *, rounds: int
) -> tuple[dict[str, list[float]], float]:
    """Time all variants in turn, one warm-up and some rounds; give their seconds and the median GFLOP/s of SGEMM."""
    others = {"sgemm": sgemm()} | others
    seconds: dict[str, list[float]] = {name: [] for name in others}

    def run_others() -> None:
        for name, variant in others.items():
            start = time.perf_counter()
            variant()
            seconds[name].append(time.perf_counter() - start)

    benchmark.pedantic(engine, setup=run_others, rounds=rounds, warmup_rounds=1)
    seconds = {name: times[-rounds:] for name, times in seconds.items()}
    rate = 2 * SGEMM_SIDE**3 / statistics.median(seconds.pop("sgemm")) / 1e9
    return seconds | {"engine": list(benchmark.stats.stats.data)}, rate


def compiled(work: Work, *, training: bool) -> tuple[dict[str, Variant], str]:
    """Give the compiled literal rule, or why there is none."""
    try:
        return {"literal, compiled": work.compiled(training=training)}, ""
    except Exception as error:
        return {}, f"torch.compile: {type(error).__name__}"


@pytest.mark.parametrize(
    ("batch", "side", "goal", "short_goal"), [(1, 256, 4.5, 6.0), (16, 64, 4.0, None)], ids=["1x256", "16x64"]
)
def test_inference(
    benchmark: BenchmarkFixture,
    sheet: list[Row],
    batch: int,
    side: int,
    goal: float,
    short_goal: float | None,
    threads: int,
) -> None:
    torch.set_num_threads(threads)
    work = Work(batch=batch, side=side, steps=64)
    others, notes = compiled(work, training=False)
    others |= {
        "literal": work.literal_inference,
        "literal, channels-last convolutions": lambda: work.literal_inference(turned=False),
        "engine, bfloat16": lambda: work.inference(bfloat16=True),
    }
    seconds, rate = interleaved(benchmark, work.inference, others, rounds=5)
    size = {"batch": batch, "side": side, "steps": 64, "channels": 32, "threads": threads}
    name = f"inference {batch} x {side}²"
    sheet.append(Row(name, "inference", **size, seconds=seconds, sgemm=rate, goal=goal, notes=notes))
    if short_goal is not None:
        pair = {variant: seconds[variant] for variant in ("literal", "engine, bfloat16")}
        short = {"goal": short_goal, "variant": "engine, bfloat16"}
        sheet.append(Row(f"{name}, bfloat16", "inference", **size, seconds=pair, sgemm=rate, **short))


@pytest.mark.parametrize(("batch", "side", "rounds"), [(48, 16, 9), (20, 64, 3)], ids=["48x16", "20x64"])
def test_training_step(
    benchmark: BenchmarkFixture, sheet: list[Row], batch: int, side: int, rounds: int, threads: int
) -> None:
    large = side == 64
    if large and psutil.virtual_memory().available < LITERAL_GIGABYTES * 1e9:
        pytest.skip(f"the literal rule needs {LITERAL_GIGABYTES} GB of free memory")
    torch.set_num_threads(threads)
    work = Work(batch=batch, side=side, steps=64)
    others, notes = ({}, "") if large else compiled(work, training=True)
    others |= {
        "literal": work.literal_training,
        "literal, channels-last convolutions": lambda: work.literal_training(turned=False),
    }
    seconds, rate = interleaved(benchmark, work.training, others, rounds=rounds)
    size = {"batch": batch, "side": side, "steps": 64}
    measured = large and sys.platform == "linux"
    memory = {variant: peak_megabytes(variant, **size) for variant in ("literal", "engine")} if measured else {}
    name = f"training step {batch} x {side}²"
    rest = {"channels": 32, "threads": threads, "goal": 1.8, "megabytes": memory, "notes": notes}
    sheet.append(Row(name, "training", **size, seconds=seconds, sgemm=rate, **rest))


def compare(
    benchmark: BenchmarkFixture, sheet: list[Row], name: str, *, threads: int, rounds: int, **size: int
) -> None:
    """Add a row of a plain comparison: literal rule, engine and its bfloat16."""
    torch.set_num_threads(threads)
    work = Work(**size)
    short: Callable[[], object] = lambda: work.inference(bfloat16=True)  # noqa: E731
    others = {"literal": work.literal_inference, "engine, bfloat16": short}
    seconds, rate = interleaved(benchmark, work.inference, others, rounds=rounds)
    sheet.append(Row(name, "inference", threads=threads, seconds=seconds, sgemm=rate, **{"channels": 32} | size))


@pytest.mark.parametrize("threads", THREADS)
@pytest.mark.parametrize(
    ("batch", "side"), [(1, 64), (16, 64), (48, 64), (1, 128), (16, 128), (1, 256), (4, 256), (1, 512)]
)
def test_sizes(benchmark: BenchmarkFixture, sheet: list[Row], batch: int, side: int, threads: int) -> None:
    name = f"8 steps {batch} x {side}²"
    compare(benchmark, sheet, name, threads=threads, rounds=3, batch=batch, side=side, steps=8)


@pytest.mark.parametrize(
    ("what", "value"),
    [("side", side) for side in (32, 64, 128, 256, 512)]
    + [("steps", steps) for steps in (4, 16, 64)]
    + [("channels", channels) for channels in (16, 32, 64)],
)
def test_growth(benchmark: BenchmarkFixture, sheet: list[Row], what: str, value: int, threads: int) -> None:
    """How the cost grows with image side, steps and channels."""
    size = {"batch": 1, "side": 128, "steps": 8, "channels": 32} | {what: value}
    compare(benchmark, sheet, f"growth: {what} {value}", threads=threads, rounds=3, **size)
