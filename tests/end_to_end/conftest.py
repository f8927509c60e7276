"""The real command line in its own process, on a small phantom, with caches shared by the tests of a session."""

import contextlib
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest

HERE = Path(__file__).parent
TIMEOUT = 280.0  # seconds; a hang is a failure, a busy machine is none


@dataclass(frozen=True)
class Home:
    """A user's folder with a data root, a cache, plug-ins, and the command."""

    folder: Path
    environment: dict[str, str] = field(repr=False)
    tiny_plugin: Path = HERE.parent / "benchmark" / "tiny_plugin.py"
    slow_plugin: Path = HERE / "slow_plugin.py"
    started: list[subprocess.Popen[str]] = field(default_factory=list, repr=False)

    @property
    def data(self) -> Path:
        return self.folder / "data"

    def start(self, *words: str, **environment: str) -> subprocess.Popen[str]:
        """The command, started in a session of its own, its standard error readable line by line."""
        command = shutil.which("mednca-bench", path=str(Path(sys.executable).parent))
        assert command, "mednca-bench is not installed beside this Python"
        process = subprocess.Popen(
            [command, *words],
            cwd=self.folder,
            env=self.environment | environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            stdin=subprocess.DEVNULL,
            text=True,
            start_new_session=True,
        )
        self.started.append(process)
        return process

    def run(self, *words: str, **environment: str) -> subprocess.CompletedProcess[str]:
        """The command's exit code and all it said."""
        process = self.start(*words, **environment)
        out, err = process.communicate(timeout=TIMEOUT)
        return subprocess.CompletedProcess(words, process.returncode, out, err)


@pytest.fixture(scope="session")
def home(tmp_path_factory: pytest.TempPathFactory) -> Home:
    from mednca_bench.benchmark.phantom import make

    folder = tmp_path_factory.mktemp("home")
    make(folder / "data", kind="hippocampus", seed=0, subjects=3)
    private = {"MEDNCA_CACHE": str(folder / "cache"), "XDG_CACHE_HOME": str(folder / "user"), "OMP_NUM_THREADS": "1"}
    return Home(folder, {name: value for name, value in os.environ.items() if name != "MEDNCA_DATA"} | private)


@pytest.fixture(autouse=True)
def nothing_left_running(home: Home) -> Iterator[None]:
    """A failed test leaves no process behind, workers included."""
    yield
    for process in home.started:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.communicate()
    home.started.clear()
