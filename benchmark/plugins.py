"""Perturbations and models from outside: entry points of installed packages, and files named by `--plugin`.

A plug-in file is ordinary Python that calls `mednca_bench.perturbations.register(...)` or
`mednca_bench.models.register(...)`; naming it is consent to running it.
"""

from __future__ import annotations

import hashlib
import importlib.util
import sys
from collections.abc import Iterable
from importlib.metadata import entry_points
from pathlib import Path

from .errors import BenchError

GROUPS = ("mednca_bench.perturbations", "mednca_bench.models")


def load_plugins(files: Iterable[Path] = ()) -> None:
    """Import every installed entry point and every named file once.

    Raises:
        BenchError: a plug-in cannot be imported.
    """
    for group in GROUPS:
        for point in entry_points(group=group):
            try:
                point.load()
            except Exception as error:
                raise BenchError(f"plug-in '{point.value}' cannot be loaded ({error}); repair or remove it") from error
    for file in files:
        _load_file(file.resolve())


def _load_file(file: Path) -> None:
    place = hashlib.sha256(str(file).encode()).hexdigest()[:8]  # two files may be called the same
    name = f"mednca_bench_plugin_{file.stem}_{place}"
    if name in sys.modules:
        return
    spec = importlib.util.spec_from_file_location(name, file)
    if not file.is_file() or spec is None or spec.loader is None:
        what = "not a Python file" if file.exists() else "no such plug-in file"
        raise BenchError(f"{file}: {what}; --plugin needs the path of a .py file")
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    try:
        spec.loader.exec_module(module)
    except Exception as error:
        del sys.modules[name]
        raise BenchError(f"{file}: the plug-in failed ({type(error).__name__}: {error}); repair it") from error
