"""Wrong words, bad data and a full disk, typed: one clear line, the right exit code, no traceback."""

import gzip
import json
import os
import resource
import shutil
import subprocess
import sys
from pathlib import Path

import pytest


def accuracy(home, *words: str) -> tuple[str, ...]:
    training = ("--model", "threshold", "--recipe", "tiny", "--plugin", str(home.tiny_plugin), "--jobs", "1")
    return ("run", "--suite", "accuracy", *training, *words)


def the_error(done: subprocess.CompletedProcess[str], *, code: int) -> str:
    assert done.returncode == code, done.stderr
    lines = [line for line in done.stderr.splitlines() if line.startswith("error: ")]
    assert len(lines) == 1 and done.stderr.splitlines()[-1] == lines[0] and "Traceback" not in done.stderr
    return lines[0]


def test_an_unknown_suite(home):
    done = home.run("run", "--suite", "robustnes")
    assert the_error(done, code=2).startswith("error: unknown suite 'robustnes'; did you mean 'robustness'?")
    assert done.stdout == "" and not (home.folder / "runs").exists()


def test_debug_shows_where(home):
    done = home.run("run", "--suite", "robustnes", "--debug")
    assert done.returncode != 0 and "Traceback" in done.stderr and "find_suite" in done.stderr


def test_help_and_version_are_on_standard_output(home):
    assert home.run("--help").stdout.startswith("Usage: mednca-bench")
    assert home.run("--version").returncode == 0


@pytest.fixture
def spoiled(home, tmp_path) -> Path:
    """A copy of the phantom whose first test case is to be spoiled."""
    root = tmp_path / "Phantom04_Hippocampus"
    shutil.copytree(home.data / root.name, root)
    return root


def test_a_truncated_file_is_named(home, spoiled):
    case = json.loads((spoiled / "split.json").read_text())["test"][0]
    image = spoiled / "imagesTr" / f"{case}.nii.gz"
    image.write_bytes(image.read_bytes()[:1000])
    line = the_error(home.run(*accuracy(home, "--data", str(spoiled), "--out", "truncated")), code=1)
    assert str(image) in line


def test_a_file_that_is_no_nifti_is_named(home, spoiled):
    case = json.loads((spoiled / "split.json").read_text())["train"][0]  # found when training wants it
    label = spoiled / "labelsTr" / f"{case}.nii.gz"
    label.write_bytes(gzip.compress(b"no image at all" * 100))
    line = the_error(home.run(*accuracy(home, "--data", str(spoiled), "--out", "foreign")), code=1)
    assert str(label) in line


def test_a_cache_that_cannot_be_written_is_named_with_its_remedy(home, tmp_path):
    """A limit on the size of files stands in for a full disk: it fails in the same place, in `write`."""

    def limited() -> None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (50_000, 50_000))

    words = accuracy(home, "--data", str(home.data), "--out", str(tmp_path / "run"))
    script = "from mednca_bench.benchmark.cli import main; main()"
    measured = ("COV_", "COVERAGE_")  # coverage in the child would be stopped by the limit too, and say so
    environment = {name: value for name, value in home.environment.items() if not name.startswith(measured)}
    done = subprocess.run(
        [sys.executable, "-c", script, *words],
        env=environment | {"MEDNCA_CACHE": str(tmp_path / "cache"), "PYTHONDONTWRITEBYTECODE": "1"},
        capture_output=True,
        text=True,
        preexec_fn=limited,
    )
    line = the_error(done, code=1)
    assert str(tmp_path / "cache") in line and "MEDNCA_CACHE" in line and "free some space" in line
    assert not list((tmp_path / "cache").rglob(".new-*"))


FULL = """
import errno, os
from pathlib import Path
from mednca_bench.results import atomic

def full(descriptor):
    if "/records/" in os.readlink(f"/proc/self/fd/{descriptor}"):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

atomic.os.fsync = full
"""


@pytest.mark.skipif(not Path("/proc/self/fd").exists(), reason="needs /proc to tell files apart")
def test_a_disk_that_fills_while_scoring_is_one_line_and_the_run_can_be_repeated(home, tmp_path):
    (tmp_path / "full.py").write_text(FULL)
    words = accuracy(home, "--data", str(home.data), "--out", str(tmp_path / "run"))
    line = the_error(home.run(*words, "--plugin", str(tmp_path / "full.py")), code=1)
    assert "/records/part-" in line and line.endswith("No space left on device; free some space and run again")
    assert list((tmp_path / "run" / "records").iterdir()) == []


@pytest.mark.skipif(os.name != "posix" or os.geteuid() == 0, reason="root may write everywhere")
def test_an_out_folder_without_permission_is_named(home, tmp_path):
    tmp_path.chmod(0o500)
    line = the_error(home.run(*accuracy(home, "--data", str(home.data), "--out", str(tmp_path / "run"))), code=1)
    assert str(tmp_path) in line and "--out" in line
