"""Ways to run a model here: plain Python, and its C source through whatever C compiler there is.

A runner checks itself on the bundle's golden slice before anything is timed.
"""

from __future__ import annotations

import array
import json
import os
import random
import shlex
import shutil
import subprocess
import tempfile
import time
from pathlib import Path
from typing import Any, Callable

from .facts import clean, peak_memory_mb
from .files import Model, planes, read_floats

TOLERANCE = 1e-4  # |difference| <= TOLERANCE * max(1, |logit|)
FLAGS = ("-std=c99", "-O3")
FASTER = ("-march=native", "-ffp-contract=fast")  # left away where a compiler does not know them
MOST_ROUNDS = 1000
CASE = "6d65646e63612d62656e63682d64657669636500000000000000000000000000"  # any SHA-256 will do for timing


class Wrong(Exception):  # noqa: N818  a problem of the runner
    """A runner that cannot run or gives a wrong answer; says why."""


def largest_error(answer: list[float], expected: list[float]) -> float:
    """The largest |difference| / max(1, |expected|)."""
    if len(answer) != len(expected):
        raise Wrong(f"gave {len(answer)} logits where {len(expected)} were expected")
    errors = [abs(a - b) / max(1.0, abs(b)) for a, b in zip(answer, expected)]
    return float("inf") if any(error != error for error in errors) else max(errors)


def noise(count: int, seed: int) -> array.array[float]:
    """Uniform float32 in [0, 1]; a list of numbers would take eight times the memory."""
    draw = random.Random(seed).random
    return array.array("f", (draw() for _ in range(count)))


class PythonRunner:
    """Plain Python, one thread."""

    name = "python"
    sides = (16, 32, 64)

    def __init__(self, model: Model) -> None:
        self.about = model.about
        self.compiler: str | None = None
        self._nca = model.python()
        self._folder = model.folder

    def check(self) -> float:
        """Answer the golden slice; give the largest error."""
        golden = self.about["golden"]
        height, width = golden["size"]
        image = planes(read_floats(self._folder / "golden-image.f32").tolist(), height, width)
        answer = self._nca.segment(image, golden["seed"], golden["case"], golden["slice"])
        flat = [value for plane in answer for row in plane for value in row]
        return largest_error(flat, read_floats(self._folder / "golden-logits.f32").tolist())

    def time(self, side: int, seconds: float) -> dict[str, Any]:
        """Time rounds of one slice: after one that is not counted, as many as fit, 3 at least."""
        spent: list[float] = []
        channels = self.about["shape"]["in_channels"]
        for turn in range(MOST_ROUNDS):
            image = planes(noise(channels * side * side, turn), side, side)
            start = time.perf_counter()
            self._nca.segment(image, turn, CASE, 0)
            spent.append(time.perf_counter() - start)
            if len(spent) > 3 and sum(spent[1:]) >= seconds:
                break
        return {"seconds": spent[1:], "peak_memory_mb": peak_memory_mb()}


class CRunner:
    """The C source, compiled here and timed by a program of its own, one thread."""

    name = "c"
    sides = (64, 128, 256, 320, 480, 640, 960)

    def __init__(self, model: Model) -> None:
        self.about = model.about
        self._folder = model.folder
        if not self.about["c"]:
            raise Wrong("the bundle has no C source of this model")
        found = [shutil.which(word) for word in (os.environ.get("CC", ""), "cc", "gcc", "clang") if word]
        compilers = [path for path in found if path]
        if not compilers:
            raise Wrong("there is no C compiler (cc, gcc or clang); install one, or set CC")
        self._work = tempfile.TemporaryDirectory(prefix="mednca-device-")
        self._program = Path(self._work.name) / "timer"
        self.compiler = self._compile(compilers[0])

    def check(self) -> float:
        """Let the program answer the golden slice it carries; give the largest error."""
        return float(self._call("--check"))

    def time(self, side: int, seconds: float) -> dict[str, Any]:
        """Time rounds of one slice: after one that is not counted, as many as fit, 3 at least."""
        result = Path(self._work.name) / "result.json"
        self._call("--side", str(side), "--seconds", str(seconds), "--out", str(result))
        (row,) = json.loads(result.read_text(encoding="utf-8"))["rows"]
        return {"seconds": row["seconds"], "peak_memory_mb": row["peak_memory_mb"]}

    def _compile(self, compiler: str) -> str:
        sources = [str(self._folder / "c" / name) for name in self.about["c"]["sources"]]
        for flags in (FLAGS + FASTER, FLAGS):
            command = [compiler, *list(flags), *sources, "-o", str(self._program), "-lm"]
            done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, check=False)
            if done.returncode == 0:
                version = subprocess.run([compiler, "--version"], stdout=subprocess.PIPE, check=False).stdout
                first = version.decode("utf-8", "replace").splitlines()[:1]
                return clean(" ".join(first + list(flags)))
        lines = done.stdout.decode("utf-8", "replace").strip().splitlines()
        raise Wrong("{} failed: {}".format(" ".join(map(shlex.quote, command)), lines[-1] if lines else "no message"))

    def _call(self, *words: str) -> str:
        """What the program prints."""
        done = subprocess.run([str(self._program), *words], capture_output=True, check=False)
        if done.returncode:
            message = done.stderr.decode("utf-8", "replace").strip() or f"ended with code {done.returncode}"
            raise Wrong("; ".join(message.replace("error: ", "").splitlines()))
        return done.stdout.decode("ascii")


RUNNERS: dict[str, Callable[[Model], Any]] = {"python": PythonRunner, "c": CRunner}
