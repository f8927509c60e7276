"""Collects what the engine's benchmarks measure, prints it at the end and writes it where `--perf-out` says."""

import faulthandler
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.perf import perturbation_sheet as perturbations
from tests.perf.engine_sheet import Row, markdown, write

ROWS = pytest.StashKey[list[Row]]()
PERTURBATIONS = pytest.StashKey[list[perturbations.Row]]()


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--perf-out", type=Path, help="folder for engine.json, engine.md, engine.png and engine.svg")
    parser.addoption("--perf-threads", type=int, default=2, help="threads of the headline works (default: 2)")


def pytest_configure(config: pytest.Config) -> None:
    config.stash[ROWS] = []
    config.stash[PERTURBATIONS] = []


@pytest.fixture
def sheet(request: pytest.FixtureRequest) -> list[Row]:
    """Where a benchmark adds its row."""
    return request.config.stash[ROWS]


@pytest.fixture
def perturbation_sheet(request: pytest.FixtureRequest) -> list[perturbations.Row]:
    """Where a benchmark of a perturbation adds its row."""
    return request.config.stash[PERTURBATIONS]


@pytest.fixture
def threads(request: pytest.FixtureRequest) -> int:
    """Threads of the headline works."""
    return int(request.config.getoption("--perf-threads"))


@pytest.fixture(autouse=True)
def threads_as_before() -> Iterator[None]:
    """Put torch's threads back, and let a benchmark take longer than a test may hang."""
    import torch

    faulthandler.cancel_dump_traceback_later()
    before = torch.get_num_threads()
    yield
    torch.set_num_threads(before)


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    folder = config.getoption("--perf-out", default=None)
    moved = config.stash[PERTURBATIONS]
    if moved:
        terminalreporter.section("perturbations against TorchIO")
        terminalreporter.write_line(perturbations.markdown(moved))
        if folder is not None:
            terminalreporter.write_line(f"written: {', '.join(map(str, perturbations.write(moved, folder)))}")
    rows = config.stash[ROWS]
    if not rows:
        return
    terminalreporter.section("engine against the literal rule")
    terminalreporter.write_line(markdown(rows))
    if folder is not None:
        for path in write(rows, folder):
            terminalreporter.write_line(f"wrote {path}")
