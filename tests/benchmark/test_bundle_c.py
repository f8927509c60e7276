"""A device bundle where there is a C compiler and no Python: it checks and times itself, its file is imported."""

import json
import os
import shutil
import subprocess
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from mednca_bench.benchmark.bundle import write_bundle
from mednca_bench.benchmark.bundle_c import c_string
from mednca_bench.models.export.c_source import c_files
from mednca_bench.models.weights import to_bytes
from mednca_bench.results import tables
from mednca_bench.results.device_json import import_results, read_results
from tests.benchmark.test_bundle import random_model
from tests.models.export.c_library import COMPILERS, SANITISERS, STRICT, compiler, require_sanitisers
from tests.models.export.test_armv6 import ARMV6, CROSS, EMULATOR

PROGRAM = "time-mine"


def written(folder: Path, **options: Any) -> Path:
    weights = folder / "mine.safetensors"
    weights.write_bytes(to_bytes(random_model(**options), metadata={}))
    write_bundle([weights], folder / "bundle", c_files=c_files)
    return folder / "bundle"


def build(bundle: Path, cc: str, *flags: str) -> Path:
    """The README's line; warnings fail."""
    sources = sorted((bundle / "models" / "mine" / "c").glob("*.c"))
    command = [cc, *STRICT, *flags, *map(str, sources), "-o", str(bundle / PROGRAM), "-lm"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return bundle / PROGRAM


def run(*command: object, cwd: Path | None = None) -> subprocess.CompletedProcess[str]:
    """Without the environment, as far as the program goes."""
    return subprocess.run(list(map(str, command)), capture_output=True, text=True, check=False, cwd=cwd, env={})


@pytest.fixture(scope="module")
def bundle(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return written(tmp_path_factory.mktemp("device"))


@pytest.fixture(scope="module")
def program(bundle: Path) -> Path:
    """With sanitisers, so that every test of the program is one of its memory too."""
    require_sanitisers("gcc", bundle.parent)
    return build(bundle, compiler("gcc"), *SANITISERS)


@pytest.mark.parametrize("options", [{}, {"in_channels": 2, "out_channels": 2, "scale": 1, "kernel_size": 5}], ids=str)
@pytest.mark.parametrize("cc", COMPILERS)
def test_strict_c99_and_a_right_answer(cc: str, options: dict[str, Any], tmp_path: Path) -> None:
    done = run(build(written(tmp_path, **options), compiler(cc), "-O1", "-Wconversion", "-Wshadow"), "--check")
    assert (done.returncode, done.stderr) == (0, "")
    assert 0 < float(done.stdout) <= 1e-4


def test_measures_come_home_labelled(program: Path, tmp_path: Path) -> None:
    """Sides are timed smallest first; the row says which engine on which machine."""
    out = tmp_path / "r.json"
    done = run(program, "--side", 12, "--side", 8, "--seconds", 0.01, "--out", out, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    small, large = read_results(out)
    assert (small["size"], large["size"]) == ([8, 8], [12, 12])
    assert [row["macs"] for row in (small, large)] == [random_model().macs(side, side) for side in (8, 12)]
    assert small["parameters"] == sum(each.numel() for each in random_model().parameters())
    assert small["rounds"] > 3 and sum(small["seconds"]) >= 0.01 and large["rounds"] >= 3
    assert small["peak_memory_mb"] > 1 and small["weights_label"] == "mine" and "gcc" in small["compiler"]
    assert small["machine"]["python"] == "none" and small["machine"]["cores"] == os.cpu_count()
    assert small["bundle"] == json.loads((program.parent / "bundle.json").read_text())["sha256"]
    import_results(out, tmp_path / "run")
    shown = tables.build(tmp_path / "run")["efficiency"].shown
    assert list(shown["Engine"]) == ["C", "C"] and list(shown["Size"]) == ["8 × 8", "12 × 12"]
    assert all(name == f"{small['model']} on {small['cpu']}" for name in shown["Model"])


def test_the_machine_is_the_one_python_sees(program: Path, tmp_path: Path) -> None:
    from mednca_bench.benchmark.device import facts

    assert run(program, "--side", 8, "--seconds", 0, "--out", tmp_path / "r.json").returncode == 0
    (row,) = read_results(tmp_path / "r.json")
    expected = facts.machine()
    assert {name: row["machine"][name] for name in ("architecture", "cores", "memory_mb", "governor")} == {
        name: expected[name] for name in ("architecture", "cores", "memory_mb", "governor")
    }
    assert expected["cpu"] in (row["cpu"], "unknown") or "vendor" not in Path("/proc/cpuinfo").read_text()


def test_a_wrong_answer_is_refused(bundle: Path, tmp_path: Path) -> None:
    """One line, exit code 1, and no file."""
    copy = shutil.copytree(bundle, tmp_path / "copy")
    header = next((copy / "models" / "mine" / "c").glob("*_golden.h"))
    text = header.read_text()
    start = text.index("{", text.index("golden_logits")) + 2
    end = text.index("f,", start)
    number = float(text[start:end])
    for value, words in ((f"{number + 1:.6f}", "differ by up to "), ("0.0f/0.0", "differ by up to ")):
        header.write_text(f"{text[:start]}{value}{text[end:]}")
        done = run(build(copy, compiler(), "-O1"), "--side", 8, "--out", tmp_path / "r.json")
        assert done.returncode == 1 and done.stderr.count("\n") == 1
        assert done.stderr.startswith("error: wrong answer: logits") and words in done.stderr
        assert not (tmp_path / "r.json").exists()


WRONG = [
    (2, ("--side",), "--side has no value; see --help"),
    (2, ("--side", "7"), "--side 7; give a number of pixels from 8 to 32768"),
    (2, ("--side", "99999999999999999999"), "give a number of pixels"),
    (2, ("--side", "8") * 17, "16 sides are the most"),
    (2, ("--seconds", "nan"), "--seconds nan; give seconds from 0"),
    (2, ("--limit", "-1"), "--limit -1; give seconds from 0"),
    (2, ("more",), "unknown option more; see --help"),
    (1, ("--out", "nowhere/r.json"), "nowhere/r.json: cannot be written"),
    (1, ("--out", "."), ".: cannot be written"),
]


@pytest.mark.parametrize(("code", "words", "message"), WRONG, ids=[str(words[:2]) for _, words, _ in WRONG])
def test_one_line_says_what_is_wrong(
    program: Path, tmp_path: Path, code: int, words: tuple[str, ...], message: str
) -> None:
    done = run(program, *words, cwd=tmp_path)
    assert done.returncode == code and done.stderr.count("\n") == 1
    assert done.stderr.startswith("error: ") and message in done.stderr
    assert not any(tmp_path.iterdir())


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="no /dev/full on this system")
def test_a_full_disk(program: Path) -> None:
    done = run(program, "--side", 8, "--seconds", 0, "--out", "/dev/full")
    assert done.returncode == 1 and done.stderr.endswith("error: /dev/full: cannot be written\n")


def test_what_takes_too_long_is_left_out(program: Path, tmp_path: Path) -> None:
    """An older file is replaced, and the default is named after the model."""
    out = tmp_path / "device-result-mine.json"
    out.write_text("an older one" * 10_000)
    done = run(program, "--side", 8, "--side", 16, "--seconds", 0, "--limit", 0, cwd=tmp_path)
    assert done.returncode == 0 and "sides from 16 would take over 0 s and are left out" in done.stderr
    assert [row["size"] for row in read_results(out)] == [[8, 8]]


def test_help(program: Path) -> None:
    done = run(program, "--help")
    assert done.returncode == 0 and "usage: time-mine [options]" in done.stdout and not done.stderr


@pytest.mark.skipif(not shutil.which("make"), reason="make is not installed")
def test_make_builds_a_program_a_model_and_records_the_flags(tmp_path: Path) -> None:
    names = ("one", "two")
    for name in names:
        (tmp_path / f"{name}.safetensors").write_bytes(to_bytes(random_model(), metadata={}))
    files = [tmp_path / f"{name}.safetensors" for name in names]
    write_bundle(files, tmp_path / "bundle", c_files=c_files)
    words = (f"CC={compiler()}", "FASTER=-no-such-flag")  # falls back
    done = subprocess.run(["make", *words], cwd=tmp_path / "bundle", capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    for name in names:
        out = tmp_path / f"{name}.json"
        assert run(f"./time-{name}", "--side", 8, "--seconds", 0, "--out", out, cwd=tmp_path / "bundle").returncode == 0
        (row,) = read_results(out)
        assert row["weights_label"] == name and row["compiler"].endswith(" -std=c99 -O3")
        assert (
            "make" in (tmp_path / "bundle" / "README.md").read_text()
            and f"-o time-{name} -lm" in (tmp_path / "bundle" / "README.md").read_text()
        )


def test_on_an_emulated_raspberry_pi(bundle: Path, tmp_path: Path) -> None:
    """It answers right and its file is imported; the times are the emulator's, and the name of the machine says so."""
    missing = [tool for tool in (CROSS, EMULATOR[0]) if shutil.which(tool) is None]
    if missing:
        pytest.skip(f"{' and '.join(missing)} not installed; CONTRIBUTING.md has the line that installs them")
    copy = shutil.copytree(bundle, tmp_path / "copy")
    program = build(copy, CROSS, *ARMV6)
    emulator = shutil.which(EMULATOR[0])
    done = run(emulator, *EMULATOR[1:], program, "--side", 8, "--seconds", 0, "--out", tmp_path / "r.json")
    assert done.returncode == 0, done.stderr
    (row,) = read_results(tmp_path / "r.json")
    assert row["machine"]["architecture"].startswith("arm") and np.isfinite(row["seconds"]).all()
    if "vendor_id" in Path("/proc/cpuinfo").read_text():
        assert " emulated on " in row["cpu"]


def test_any_name_of_a_model_can_be_printed(tmp_path: Path) -> None:
    """JSON within a C string: quotes, backslashes, trigraphs and letters beyond ASCII arrive as they were."""
    name = 'a "b" \\ ??/ ü\t%s'
    (tmp_path / "p.c").write_text(
        f"#include <stdio.h>\nint main(void) {{ fputs({c_string(json.dumps(name))}, stdout); return 0; }}\n"
    )
    subprocess.run([compiler(), *STRICT, "p.c", "-o", "p"], cwd=tmp_path, check=True)
    assert json.loads(run(tmp_path / "p").stdout) == name
