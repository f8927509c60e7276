"""Med-NCA in C and in onnxruntime beside the PyTorch engine, same work, interleaved, one thread.

`pytest tests/perf/test_c_perf.py --benchmark-only` prints a table; `--perf-out=FOLDER` writes it as other_engines.md
and .json. A round is every variant in turn, each with fire masks of its own drawn within the measured time.
`--benchmark-timer=time.process_time` measures processor time instead, which a busy machine disturbs less.
"""

import ctypes
import itertools
import json
import statistics
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import torch
from pytest_benchmark.fixture import BenchmarkFixture
from pytest_benchmark.utils import load_timer

from mednca_bench.benchmark.onnx_session import onnx_segment, onnx_session
from mednca_bench.models import build
from mednca_bench.models.base import FireKey
from mednca_bench.models.contract import awakened
from mednca_bench.models.export.onnx_graph import onnx_bytes, onnx_inputs
from mednca_bench.models.med_nca import MedNCA
from tests.models.export.c_library import CASE, OK, c_key, compiler, write
from tests.models.made import made
from tests.perf.engine_sheet import machine

FASTEST = ("-std=c99", "-O3", "-march=native", "-ffp-contract=fast")
ENGINE = "PyTorch engine"
Variant = Callable[[int], Any]


@pytest.fixture(scope="module")
def model() -> MedNCA:
    model = awakened(build("med-nca", steps=64))
    assert isinstance(model, MedNCA)
    return model


@pytest.fixture(scope="module")
def lines(request: pytest.FixtureRequest) -> Iterator[list[dict[str, Any]]]:
    """Rows of the table, printed and written at the end."""
    rows: list[dict[str, Any]] = []
    yield rows
    clock = request.config.getoption("benchmark_timer")
    text = [
        f"{machine()}, seconds of {clock}",
        "",
        "| work | variant | s | M cell-steps/s | x PyTorch engine |",
        "|---|---|---|---|---|",
    ]
    for row in rows:
        medians = {name: statistics.median(times) for name, times in row["seconds"].items()}
        for name, seconds in medians.items():
            rate, ratio = row["cell_steps"] / seconds / 1e6, medians[ENGINE] / seconds
            text.append(f"| {row['work']} | {name} | {seconds:.3g} | {rate:.2f} | {ratio:.2f} |")
    request.config.get_terminal_writer().line("\n" + "\n".join(text))
    folder = request.config.getoption("--perf-out")
    if folder is not None:
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "other_engines.md").write_text("\n".join(text) + "\n", encoding="utf-8")
        (folder / "other_engines.json").write_text(json.dumps(rows, indent=1) + "\n", encoding="utf-8")


def keys(turn: int, batch: int) -> list[FireKey]:
    return [FireKey(turn, CASE, index) for index in range(batch)]


def c_variant(model: MedNCA, image: torch.Tensor, folder: Path, weight_type: str, name: str) -> Variant:
    """The exported function, called once per image."""
    folder.mkdir()
    write(model, folder, weight_type=weight_type)
    subprocess.run([compiler(name), *FASTEST, "-shared", "-fPIC", "net.c", "-o", "net.so"], cwd=folder, check=True)
    handle = ctypes.CDLL(str(folder / "net.so"))
    handle.net_arena_size.restype = ctypes.c_size_t
    height, width = map(ctypes.c_long, image.shape[-2:])
    size = handle.net_arena_size(height, width)
    arena, logits = ctypes.create_string_buffer(size), torch.empty(len(image), model.out_channels, *image.shape[-2:])

    def segment(turn: int) -> torch.Tensor:
        for key, one, out in zip(keys(turn, len(image)), image, logits, strict=True):
            pointers = (ctypes.c_void_p(one.data_ptr()), height, width, ctypes.byref(c_key(key)))
            status = handle.net_segment(*pointers, ctypes.c_void_p(out.data_ptr()), arena, ctypes.c_size_t(size))
            assert status == OK
        return logits

    return segment


def onnx_variant(model: MedNCA, image: torch.Tensor, path: Path, *, unrolled: bool) -> Variant:
    path.write_bytes(onnx_bytes(model, unrolled=unrolled))
    session = onnx_session(path, threads=1)
    return lambda turn: torch.from_numpy(onnx_segment(session, onnx_inputs(model, image, keys(turn, len(image)))))


@pytest.mark.parametrize(
    ("batch", "side", "rounds"), [(1, 64, 11), (16, 64, 3), (1, 256, 3)], ids=["1x64", "16x64", "1x256"]
)
def test_engines(
    request: pytest.FixtureRequest,
    benchmark: BenchmarkFixture,
    lines: list[dict[str, Any]],
    model: MedNCA,
    tmp_path: Path,
    batch: int,
    side: int,
    rounds: int,
) -> None:
    torch.set_num_threads(1)
    image = made(batch, 1, side, side)
    others = {
        "C, gcc": c_variant(model, image, tmp_path / "gcc", "float32", "gcc"),
        "C, gcc, int8 weights": c_variant(model, image, tmp_path / "int8", "int8", "gcc"),
        "onnxruntime, Loop": onnx_variant(model, image, tmp_path / "loop.onnx", unrolled=False),
        "onnxruntime, unrolled": onnx_variant(model, image, tmp_path / "unrolled.onnx", unrolled=True),
    }
    seconds: dict[str, list[float]] = {name: [] for name in others}
    turns = itertools.count()
    clock: Callable[[], float] = load_timer(request.config.getoption("benchmark_timer")).target

    def engine(turn: int) -> torch.Tensor:
        with torch.inference_mode():
            logits: torch.Tensor = model(image, keys=keys(turn, batch))
        return logits

    def run_others() -> tuple[tuple[int], dict[str, Any]]:
        turn = next(turns)
        for name, variant in others.items():
            start = clock()
            variant(turn)
            seconds[name].append(clock() - start)
        return (turn,), {}

    expected = engine(2**32)
    for name in ("C, gcc", "onnxruntime, Loop"):
        torch.testing.assert_close(others[name](2**32), expected, atol=1e-4, rtol=1e-4)
    benchmark.pedantic(engine, setup=run_others, rounds=rounds, warmup_rounds=1)
    taken = {ENGINE: list(benchmark.stats.stats.data)} | {name: times[-rounds:] for name, times in seconds.items()}
    cells = (side**2 + (side // model.scale) ** 2) * batch
    lines.append({"work": f"{batch} x {side}²", "cell_steps": cells * model.steps, "seconds": taken})
