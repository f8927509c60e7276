"""Fresh processes that measure one workload: one for the times, under pytest-benchmark, and one for the memory.

Nothing of the user's reaches them that could change a time: no pytest settings, plug-ins or conftest, an empty working
folder, and the number of threads fixed for every library.
"""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import time
from pathlib import Path

from .errors import BenchError
from .timing_cold import STARTED_VARIABLE
from .workload import WORKLOAD_VARIABLE, Workload

_THREAD_VARIABLES = ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS")
_CASES = "from mednca_bench.benchmark.timing_cases import *\n"
_PYTEST = (
    *("--benchmark-only", "--import-mode=importlib", "-q", "-x", "--tb=short"),
    *("-p", "pytest_benchmark.plugin", "-p", "no:cacheprovider"),
)


def measure_memory(work: Workload, folder: Path) -> dict[str, int]:
    """Run timing_memory.py.

    Args:
        work: what to segment.
        folder: an empty folder for the process's files.

    Returns:
        Resident bytes: `baseline`, `loaded`, `peak`.

    Raises:
        BenchError: the process failed; one line, its output is in the error's notes.
    """
    answer = folder / "memory.json"
    _run([sys.executable, "-m", "mednca_bench.benchmark.timing_memory"], [answer], work, folder)
    words: dict[str, int] = json.loads(answer.read_text(encoding="utf-8"))
    return words


def measure_cold_start(work: Workload, folder: Path) -> dict[str, float]:
    """Run timing_cold.py; args and errors as `measure_memory`.

    Returns:
        Seconds: `interpreter`, `import`, `model` and `answer`, and their sum `total`.
    """
    answer = folder / "cold.json"
    _run([sys.executable, "-m", "mednca_bench.benchmark.timing_cold"], [answer], work, folder)
    words: dict[str, float] = json.loads(answer.read_text(encoding="utf-8"))
    return words


def measure_time(work: Workload, folder: Path) -> bytes:
    """Run timing_cases.py under pytest-benchmark, through a one-line file that imports it from the installed package.

    Args and errors as `measure_memory`.

    Returns:
        The JSON that pytest-benchmark wrote, with every round.
    """
    cases, settings, answer = folder / "timing.py", folder / "pytest.ini", folder / "benchmark.json"
    cases.write_text(_CASES, encoding="utf-8")
    settings.write_text("[pytest]\n", encoding="utf-8")
    where = ("--rootdir", str(folder), "-c", str(settings), f"--benchmark-json={answer}")
    _run([sys.executable, "-m", "pytest", *_PYTEST, *where], [cases], work, folder)
    return answer.read_bytes()


def _run(program: list[str], files: list[Path], work: Workload, folder: Path) -> None:
    """Run a program on files in `folder`, where it finds the workload through the environment."""
    environment = fresh_environment(work, folder / "workload.json") | {STARTED_VARIABLE: repr(time.time())}
    command = [*program, *map(str, files)]
    done = subprocess.run(
        command, cwd=folder, env=environment, capture_output=True, encoding="utf-8", errors="replace", check=False
    )
    if done.returncode:
        height, width = work.size
        failure = BenchError(
            f"timing {work.model} on {work.slices} slices of {height} x {width} failed: "
            f"{reason(done.returncode, done.stdout + done.stderr)}"
        )
        failure.add_note(f"{' '.join(command)}\n{done.stdout}{done.stderr}")
        raise failure


def fresh_environment(work: Workload, file: Path) -> dict[str, str]:
    """Write the workload to a file, and give the environment in which a fresh process finds it and nothing else."""
    work.write(file)
    environment = {name: value for name, value in os.environ.items() if not name.startswith("PYTEST_")}
    environment |= dict.fromkeys(_THREAD_VARIABLES, str(work.threads))
    return environment | {"PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1", WORKLOAD_VARIABLE: str(file)}


def reason(code: int, output: str) -> str:
    r"""Say in one line why a process failed: the error that pytest or Python named last, or the signal that ended it.

    >>> reason(1, "Traceback (most recent call last):\n  ...\nmednca_bench.errors.BenchError: no such file\n")
    'BenchError: no such file'
    >>> reason(-9, "")
    'ended by signal 9, perhaps for lack of memory; take a smaller size or fewer slices'
    """
    if code < 0:
        return f"ended by signal {-code}, perhaps for lack of memory; take a smaller size or fewer slices"
    lines = [line.strip() for line in output.splitlines() if line.strip()]
    errors = [line.removeprefix("E ").strip() for line in lines if re.match(r"(E +)?[\w.]*(Error|Problem)\b", line)]
    line = (errors or lines or [f"exit code {code} without a word"])[-1]
    return re.sub(r"^(\w+\.)+(?=\w+: )", "", line)
