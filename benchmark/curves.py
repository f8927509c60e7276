"""Learning curves for TensorBoard, written while training runs: loss, gradient norm, learning rate, Dice on val."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from types import TracebackType
from typing import Any

from .checkpoint import LogLine


class Curves:
    """Event files in a folder; opened at the first point, so that a resumed run replaces what it does again.

    Args:
        folder: TensorBoard's log folder.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._writer: Any = None

    def __enter__(self) -> Curves:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._writer is not None:
            self._writer.close()

    def add(self, line: LogLine) -> None:
        """One point of every curve that has a value."""
        if self._writer is None:
            from torch.utils.tensorboard import SummaryWriter

            self._writer = SummaryWriter(self._folder, purge_step=line.update)
        for name, value in asdict(line).items():
            if name != "update" and value is not None:
                self._writer.add_scalar(name, value, line.update)
