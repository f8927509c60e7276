"""Exported C, compiled as a shared library and as a program, and called."""

import ctypes
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from mednca_bench.models import build
from mednca_bench.models.base import FireKey
from mednca_bench.models.contract import awakened
from mednca_bench.models.export.c_source import c_files
from mednca_bench.models.med_nca import MedNCA

CASE = "00112233445566778899aabbccddeeff" * 2
STRICT = ["-std=c99", "-Wall", "-Wextra", "-Wpedantic", "-Werror"]
SANITISERS = ("-g", "-O1", "-fsanitize=address,undefined", "-fno-sanitize-recover=all")
COMPILERS = ("gcc", "clang")
OK, BAD_ARGUMENT, BAD_SIZE, SMALL_ARENA = range(4)
CANARY = 0xA5


class Key(ctypes.Structure):
    _fields_ = (("seed", ctypes.c_uint64), ("case_id", ctypes.c_uint32 * 2), ("slice", ctypes.c_uint32))


def c_key(key: FireKey) -> Key:
    return Key(key.seed, (ctypes.c_uint32 * 2)(int(key.case[:8], 16), int(key.case[8:16], 16)), key.slice)


def compiler(name: str = "") -> str:
    """A C compiler by name, or any; skips the test where there is none."""
    found = next((path for one in ([name] if name else COMPILERS) if (path := shutil.which(one))), None)
    if found is None:
        pytest.skip(f"{name or 'no C compiler'} is not installed" if name else "no C compiler is installed")
    return found


def require_sanitisers(cc: str, folder: Path) -> None:
    """Skip the test where a compiler comes without the libraries of its sanitisers, as Debian's clang may."""
    (folder / "empty.c").write_text("int main(void) { return 0; }\n")
    command = [compiler(cc), *SANITISERS, "empty.c", "-o", "empty"]
    if subprocess.run(command, cwd=folder, capture_output=True, check=False).returncode:
        pytest.skip(f"{cc}: the libraries of its sanitisers are not installed")


def nca(name: str = "med-nca-16", **options: object) -> MedNCA:
    model = awakened(build(name, **options))
    assert isinstance(model, MedNCA)
    return model


def torch_logits(model: MedNCA, image: NDArray[np.float32], key: FireKey) -> NDArray[np.float32]:
    with torch.no_grad():
        return model(torch.from_numpy(image)[None], keys=[key])[0].numpy()


def write(model: MedNCA, folder: Path, **options: str) -> None:
    for name, text in c_files(model, name="net", **options).items():
        (folder / name).write_text(text, encoding="utf-8")


def compiled(folder: Path, *flags: str, cc: str = "", output: str = "net") -> Path:
    """Compile net.c and net_main.c; warnings fail."""
    command = [compiler(cc), *STRICT, *flags, "net.c", "net_main.c", "-o", output]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return folder / output


@dataclass(frozen=True)
class Library:
    """The functions of an exported network."""

    model: MedNCA
    handle: ctypes.CDLL

    def arena_size(self, height: int, width: int) -> int:
        return int(self.handle.net_arena_size(ctypes.c_long(height), ctypes.c_long(width)))

    def segment(
        self, image: NDArray[np.float32], key: FireKey, *, spare: int = 0, offset: int = 0
    ) -> tuple[int, NDArray[np.float32], NDArray[np.uint8]]:
        """Run on an arena `spare` bytes larger than asked for, `offset` bytes off alignment.

        Gives the status, the logits and the bytes before and behind the arena, which must all still be CANARY.
        """
        _, height, width = image.shape
        size = self.arena_size(height, width) + spare
        memory = np.full(size + 256, CANARY, np.uint8)
        logits = np.full((self.model.out_channels, height, width), np.nan, np.float32)
        start = 128 + offset
        status = self.handle.net_segment(
            np.ascontiguousarray(image).ctypes.data_as(ctypes.c_void_p),
            ctypes.c_long(height),
            ctypes.c_long(width),
            ctypes.byref(c_key(key)),
            logits.ctypes.data_as(ctypes.c_void_p),
            ctypes.c_void_p(memory.ctypes.data + start),
            ctypes.c_size_t(size),
        )
        around = memory if status else np.concatenate((memory[:start], memory[start + size :]))
        return status, logits, around


def library(model: MedNCA, folder: Path, *flags: str, **options: str) -> Library:
    write(model, folder, **options)
    command = [compiler(), *STRICT, "-O2", "-shared", "-fPIC", *flags, "net.c", "-o", "net.so"]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    handle = ctypes.CDLL(str(folder / "net.so"))
    handle.net_arena_size.restype = ctypes.c_size_t
    handle.net_stream.restype = ctypes.c_uint64
    handle.net_fires.restype = ctypes.c_uint
    return Library(model, handle)


def image_of(model: MedNCA, height: int, width: int) -> NDArray[np.float32]:
    return np.random.default_rng([height, width]).random((model.in_channels, height, width), np.float32)


def assert_same_answer(ours: NDArray[np.float32], theirs: NDArray[np.float32]) -> None:
    """Logits within 1e-4 * max(1, |logit|); masks equal wherever a logit is not within that of 0."""
    bound = 1e-4 * np.maximum(1, np.abs(theirs))
    assert np.all(np.abs(ours - theirs) <= bound), np.abs(ours - theirs).max()
    clear = np.abs(theirs) > bound
    assert np.array_equal((ours > 0)[clear], (theirs > 0)[clear])
