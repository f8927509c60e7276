"""Other engines behind a model's call, so that they are timed on the same work as PyTorch: ONNX Runtime and C.

A model is exported, loaded or compiled on this machine, and answers as a `Segmenter`. Fire masks are drawn within the
call: by C itself, for ONNX by the code that draws them for every model.
"""

from __future__ import annotations

import ctypes
import os
import shutil
import subprocess
import tempfile
import weakref
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Final

import torch

from ..models.base import FireKey, Segmenter
from .errors import BenchError, unknown_name
from .onnx_session import onnx_segment, onnx_session

PYTORCH: Final = "pytorch"
TITLES: Final = {
    PYTORCH: "PyTorch",
    "onnx": "ONNX Runtime",
    "onnx-unrolled": "ONNX Runtime, unrolled",
    "c": "C99",
}
"""Engines by name, as tables call them."""

C_FLAGS: Final = ("-std=c99", "-O3", "-march=native", "-ffp-contract=fast")
C_COMPILERS: Final = ("cc", "gcc", "clang")

Answer = Callable[[torch.Tensor, Sequence[FireKey]], torch.Tensor]


def known_engine(name: str) -> str:
    """The name itself; raises UsageProblem if there is no such engine."""
    if name not in TITLES:
        raise unknown_name("engine", name, list(TITLES))
    return name


class Exported(Segmenter):
    """A model that another engine answers for; counts and options are those of the PyTorch model."""

    def __init__(self, model: Segmenter, answer: Answer, *, version: str, files: Path) -> None:
        channels = {"in_channels": model.in_channels, "out_channels": model.out_channels}
        super().__init__(model.name, **channels, options=model.options)
        self.model, self.answer, self.version = model, answer, version
        weakref.finalize(self, shutil.rmtree, files, ignore_errors=True)
        self.stochastic = model.stochastic

    def segment(self, image: torch.Tensor, *, keys: Sequence[FireKey]) -> torch.Tensor:
        """See `Segmenter.segment`; any size will do, since the engines extend images themselves."""
        return self.answer(image, keys)

    def macs(self, height: int, width: int) -> int:
        """Count those of the PyTorch model."""
        return self.model.macs(height, width)


def exported(model: Segmenter, engine: str, *, threads: int) -> Exported:
    """Hand a model over to another engine.

    Args:
        model: in evaluation mode, on the CPU.
        engine: a name of `TITLES` but PyTorch's.
        threads: within one operation; C takes one, whatever is asked for.

    Raises:
        BenchError: the engine is not installed, or does not take this model.
    """
    files = Path(tempfile.mkdtemp(prefix="mednca-engine-"))
    try:
        return (_as_c if engine == "c" else _as_onnx)(model, engine, files, threads)
    except BaseException:
        shutil.rmtree(files, ignore_errors=True)
        raise


def _as_onnx(model: Segmenter, engine: str, files: Path, threads: int) -> Exported:
    try:
        import onnxruntime

        from ..models.export.onnx_graph import onnx_bytes, onnx_inputs
    except ModuleNotFoundError as error:
        raise BenchError(f"engine {engine}: {error.name} is not installed; pip install 'mednca-bench[onnx]'") from error
    path = files / "model.onnx"
    path.write_bytes(onnx_bytes(model, unrolled=engine == "onnx-unrolled"))
    session = onnx_session(path, threads=threads)

    def answer(image: torch.Tensor, keys: Sequence[FireKey]) -> torch.Tensor:
        return torch.from_numpy(onnx_segment(session, onnx_inputs(model, image, keys)))

    return Exported(model, answer, version=f"onnxruntime {onnxruntime.__version__}", files=files)


class _Key(ctypes.Structure):
    """The `NAME_key` of the exported header."""

    _fields_ = (("seed", ctypes.c_uint64), ("case_id", ctypes.c_uint32 * 2), ("slice", ctypes.c_uint32))


def _as_c(model: Segmenter, engine: str, files: Path, threads: int) -> Exported:
    from ..models.export.c_source import c_files
    from ..models.med_nca import MedNCA

    if not isinstance(model, MedNCA):
        raise BenchError(f"engine c: C source is written for Med-NCA only, not for {model.name}")
    compiler, folder = _compiler(), files
    for name, text in c_files(model, name="net").items():
        (folder / name).write_text(text, encoding="utf-8")
    library = folder / "net.so"
    command = [compiler, *C_FLAGS, "-shared", "-fPIC", "net.c", "-o", library.name]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
    if done.returncode:
        raise BenchError(f"engine c: {compiler} failed: {(done.stderr.splitlines() or ['no message'])[0]}")
    net = ctypes.CDLL(str(library))
    net.net_arena_size.restype = ctypes.c_size_t

    def answer(image: torch.Tensor, keys: Sequence[FireKey]) -> torch.Tensor:
        image = image.contiguous()
        sides = [ctypes.c_long(side) for side in image.shape[-2:]]
        size = net.net_arena_size(*sides)
        arena = ctypes.create_string_buffer(size)
        logits = torch.empty(len(image), model.out_channels, *image.shape[-2:])
        for key, one, out in zip(keys, image, logits, strict=True):
            case = (ctypes.c_uint32 * 2)(int(key.case[:8], 16), int(key.case[8:16], 16))
            words = ctypes.byref(_Key(key.seed, case, key.slice))
            pointers = (ctypes.c_void_p(one.data_ptr()), *sides, words, ctypes.c_void_p(out.data_ptr()))
            if status := net.net_segment(*pointers, arena, ctypes.c_size_t(size)):
                raise BenchError(f"engine c: net_segment answers {status} for an image of {tuple(one.shape)}")
        return logits

    said = subprocess.run([compiler, "--version"], capture_output=True, text=True, check=False).stdout
    return Exported(model, answer, version=" ".join([(said.splitlines() or [compiler])[0], *C_FLAGS]), files=files)


def _compiler() -> str:
    for name in (os.environ.get("CC", ""), *C_COMPILERS):
        if name and (found := shutil.which(name)):
            return found
    raise BenchError("engine c: no C compiler found; install gcc or clang, or name one in $CC")
