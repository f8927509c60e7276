"""The bundle's files: model.json, and raw little-endian float32 numbers."""

from __future__ import annotations

import array
import hashlib
import json
import sys
from pathlib import Path
from typing import Any, Sequence

from .nca import MedNCA, Plane


def read_floats(path: Path) -> array.array[float]:
    """Read little-endian float32."""
    values = array.array("f", path.read_bytes())
    if sys.byteorder == "big":
        values.byteswap()
    return values


def planes(values: Sequence[float], height: int, width: int) -> list[Plane]:
    """Cut (channel, row, column) numbers into planes of rows."""
    rows = [list(values[start : start + width]) for start in range(0, len(values), width)]
    return [rows[start : start + height] for start in range(0, len(rows), height)]


class Model:
    """One model of the bundle.

    Attributes:
        folder: where its files are.
        about: the content of model.json.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.about: dict[str, Any] = json.loads((folder / "model.json").read_text(encoding="utf-8"))
        data = (folder / "weights.f32").read_bytes()
        if hashlib.sha256(data).hexdigest() != self.about["file_sha256"]:
            raise SystemExit("error: %s: damaged; copy the bundle again" % (folder / "weights.f32"))

    def python(self) -> MedNCA:
        """The model in plain Python."""
        values = read_floats(self.folder / "weights.f32")
        tensors: dict[str, Sequence[float]] = {}
        for entry in self.about["tensors"]:
            tensors[entry["name"]] = values[entry["start"] : entry["start"] + entry["count"]].tolist()
        return MedNCA(self.about["shape"], tensors)
