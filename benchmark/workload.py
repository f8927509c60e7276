"""A workload: what is to be timed, as plain data that one process writes and a fresh one reads."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

WORKLOAD_VARIABLE = "MEDNCA_TIMING_WORKLOAD"  # environment of the fresh process: path of the workload's file


@dataclass(frozen=True, kw_only=True)
class Workload:
    """A model and the images it is to segment.

    Attributes:
        model: registered name.
        options: what `models.build` is given beside channels.
        in_channels: channels of the image.
        out_channels: number of foreground labels.
        size: slice size (H, W) in pixels.
        slices: slices of the volume.
        slices_per_pass: slices that go through the model at once.
        threads: threads within one operation.
        weights: weights file; None builds the model fresh from `options`.
        plugins: files that register models.
        parts: what is timed: "slice" and "volume" the model's call, "end_to_end" from NIfTI to NIfTI.
        profile: how long and how often, a name of `timing_profile`.
        engine: what answers, a name of `other_engines.TITLES`.
        scan: NIfTI file of `slices` slices for the way end to end.
    """

    model: str
    options: Mapping[str, Any]
    in_channels: int
    out_channels: int
    size: tuple[int, int]
    slices: int
    slices_per_pass: int
    threads: int
    weights: str | None
    plugins: tuple[str, ...]
    parts: tuple[str, ...] = ("slice", "volume")
    profile: str = "quick"
    engine: str = "pytorch"
    scan: str | None = None

    def write(self, path: Path) -> None:
        """Write it for `read`."""
        path.write_text(json.dumps(asdict(self)), encoding="utf-8")

    @classmethod
    def read(cls, path: Path) -> Workload:
        """Read what `write` wrote."""
        words = json.loads(path.read_text(encoding="utf-8"))
        return cls(**words | {name: tuple(words[name]) for name in ("size", "plugins", "parts")})
