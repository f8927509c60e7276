"""The exported command-line program: compilers, sanitisers, PGM and raw slices, wrong input."""

import subprocess
from importlib import resources
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from mednca_bench.models import export
from mednca_bench.models.base import FireKey
from tests.models.export.c_library import (
    CASE,
    COMPILERS,
    SANITISERS,
    STRICT,
    assert_same_answer,
    compiled,
    compiler,
    image_of,
    nca,
    require_sanitisers,
    torch_logits,
    write,
)

SMALL = {"channels": 6, "hidden": 9, "steps": 3}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("program")
    write(nca(**SMALL), folder)
    return folder


@pytest.fixture(scope="module")
def program(folder: Path) -> Path:
    """With sanitisers, so that every test of the program is one of its memory too."""
    require_sanitisers("gcc", folder)
    return compiled(folder, *SANITISERS, cc="gcc")


def run(program: Path, *words: object) -> subprocess.CompletedProcess[str]:
    return subprocess.run([program, *map(str, words)], capture_output=True, text=True, check=False)


def pgm(pixels: NDArray[np.uint16], maximum: int) -> bytes:
    height, width = pixels.shape
    return (
        b"P5 # a comment\n%d %d\n%d\n" % (width, height, maximum)
        + pixels.astype(">u2" if maximum > 255 else "u1").tobytes()
    )


@pytest.mark.parametrize("kind", ["float32", "int8", "wide"])
@pytest.mark.parametrize("cc", COMPILERS)
def test_strict_c99_without_a_warning(cc: str, kind: str, tmp_path: Path) -> None:
    wide = {"in_channels": 2, "out_channels": 2, "fire_rate": 1.0, "scale": 1, "kernel_size": 5}
    model = nca(**SMALL | (wide if kind == "wide" else {}))
    write(model, tmp_path, weight_type="int8" if kind == "int8" else "float32")
    require_sanitisers(cc, tmp_path)
    program = compiled(tmp_path, *SANITISERS, "-Wconversion", "-Wshadow", cc=cc)
    if kind == "float32":
        for flags in (("-O3", "-march=native"), ("-O1", "-DNET_SCALAR")):
            compiled(tmp_path, *flags, cc=cc, output="other")
    image_of(model, 9, 11).tofile(tmp_path / "in.raw")
    done = run(program, "--raw", "9x11", tmp_path / "in.raw", tmp_path / "out.raw")
    assert (done.returncode, done.stderr) == (0, "")


def test_templates_are_c_as_they_stand(tmp_path: Path) -> None:
    for template in (resources.files(export) / "c").iterdir():
        (tmp_path / template.name.removesuffix(".in")).write_text(template.read_text(encoding="utf-8"))
    command = [compiler(), *STRICT, "med_nca.c", "med_nca_main.c", "-o", "example"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("size", [(8, 8), (9, 13), (31, 70), (64, 64)], ids=str)
def test_a_raw_volume(program: Path, size: tuple[int, int], tmp_path: Path) -> None:
    """Slices are numbered from --slice on; masks and logits are those of PyTorch."""
    model = nca(**SMALL)
    volume = np.stack([image_of(model, *size), 1 - image_of(model, *size)])
    volume.tofile(tmp_path / "in.raw")
    words = ("--raw", f"{size[0]}x{size[1]}", "--seed", 2**64 - 1, "--case", CASE, "--slice", 5, "--peak")
    done = run(program, *words, "--logits", tmp_path / "l.raw", tmp_path / "in.raw", tmp_path / "m.raw")
    assert done.returncode == 0, done.stderr
    logits = np.fromfile(tmp_path / "l.raw", np.float32).reshape(2, 1, *size)
    for index, image in enumerate(volume):
        assert_same_answer(logits[index], torch_logits(model, image, FireKey(2**64 - 1, CASE, 5 + index)))
    assert np.array_equal(np.fromfile(tmp_path / "m.raw", np.uint8), (logits > 0).ravel())


@pytest.mark.parametrize("maximum", [1, 255, 4095, 65535])
def test_a_pgm_image(program: Path, maximum: int, tmp_path: Path) -> None:
    model = nca(**SMALL)
    pixels = np.random.default_rng(maximum).integers(maximum + 1, size=(10, 17)).astype(np.uint16)
    (tmp_path / "in.pgm").write_bytes(pgm(pixels, maximum))
    done = run(program, tmp_path / "in.pgm", tmp_path / "out.pgm", "--logits", tmp_path / "l.raw")
    assert (done.returncode, done.stderr) == (0, "")
    image = pixels[None].astype(np.float32) / np.float32(maximum)
    logits = np.fromfile(tmp_path / "l.raw", np.float32).reshape(1, 10, 17)
    assert_same_answer(logits, torch_logits(model, image, FireKey(0, "0" * 64, 0)))
    head, mask = (tmp_path / "out.pgm").read_bytes()[:13], (tmp_path / "out.pgm").read_bytes()[13:]
    assert head == b"P5\n17 10\n255\n"
    assert np.array_equal(np.frombuffer(mask, np.uint8), np.where(logits > 0, 255, 0).ravel())


BAD_FILES = {
    "empty": (b"", (), "not a binary PGM image"),
    "another format": (b"P6\n8 8\n255\n" + bytes(192), (), "not a binary PGM image"),
    "no number": (b"P5\n8 x\n255\n" + bytes(64), (), "damaged PGM header"),
    "header only": (b"P5\n8 8", (), "damaged PGM header"),
    "maximum 0": (b"P5\n8 8\n0\n" + bytes(64), (), "damaged PGM header"),
    "huge": (b"P5\n99999999999999999999 8\n255\n" + bytes(64), (), "damaged PGM header"),
    "too small": (b"P5\n7 8\n255\n" + bytes(64), (), "sides must be from 8"),
    "truncated": (b"P5\n8 8\n255\n" + bytes(63), (), "truncated"),
    "too bright": (b"P5\n8 8\n4\n" + bytes([5] * 64), (), "above the maximum"),
    "part of a slice": (bytes(4 * 64 + 4), ("--raw", "8x8"), "not a positive number of slices"),
    "no slice": (b"", ("--raw", "8x8"), "not a positive number of slices"),
    "not a number": (np.full(64, np.nan, "f4").tobytes(), ("--raw", "8x8"), "not finite"),
}


@pytest.mark.parametrize("what", BAD_FILES)
def test_bad_files_give_one_line(program: Path, what: str, tmp_path: Path) -> None:
    data, options, message = BAD_FILES[what]
    (tmp_path / "in").write_bytes(data)
    done = run(program, *options, tmp_path / "in", tmp_path / "out")
    assert done.returncode == 1 and done.stderr.count("\n") == 1
    assert message in done.stderr and str(tmp_path / "in") in done.stderr


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ((), "usage:"),
        (("in",), "usage:"),
        (("in", "out", "more"), "unexpected argument more"),
        (("--seed",), "--seed has no value; see --help"),
        (("--seed", "-1"), "--seed -1; give a number"),
        (("--seed", 2**64), "give a number from 0 to 2^64 - 1"),
        (("--slice", 2**32), "give a number from 0 to 2^32 - 1"),
        (("--case", "abc"), "64 lower-case hexadecimal digits"),
        (("--raw", "8"), "--raw 8; give a height"),
        (("--raw", "8x7"), "from 8 to 32768"),
        (("--raw", "8x8x8"), "--raw 8x8x8; give a height"),
        (("--sed", "1"), "unknown option --sed"),
    ],
)
def test_wrong_usage(program: Path, words: tuple[object, ...], message: str) -> None:
    done = run(program, *words)
    assert done.returncode == 2 and message in done.stderr


def test_files_that_cannot_be_opened(program: Path, tmp_path: Path) -> None:
    done = run(program, tmp_path / "none.pgm", tmp_path / "out.pgm")
    assert done.returncode == 1 and "cannot be opened" in done.stderr
    (tmp_path / "in.pgm").write_bytes(b"P5\n8 8\n255\n" + bytes(64))
    done = run(program, tmp_path / "in.pgm", tmp_path / "none" / "out.pgm")
    assert done.returncode == 1 and "cannot be written" in done.stderr


def test_help_and_arena(program: Path) -> None:
    assert run(program, "--help").stdout.startswith("usage: net [options] INPUT OUTPUT")
    assert int(run(program, "--arena", "64x64").stdout) > 64 * 64 * 6 * 4
