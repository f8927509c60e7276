"""Learning curves for TensorBoard, written while training runs: loss, gradient norm, learning rate, Dice on val.

At each validation, pictures too: the slice with most foreground of a few val cases, truth in white, prediction in red.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from .checkpoint import LogLine
from .progress import say
from .slices import PreparedCase

if TYPE_CHECKING:
    from ..models.base import Segmenter

PICTURES = 3  # val cases shown
_ZOOM = 4  # a contour is one pixel of the picture, a quarter of one of the slice
_TRUTH, _PREDICTION = (255, 255, 255), (230, 50, 30)


class Curves:
    """Event files in a folder; opened at the first point, so that a resumed run replaces what it does again.

    Where they cannot be written, a line says so and no more is written: training goes on without them.

    Args:
        folder: TensorBoard's log folder.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._writer: Any = None
        self._lost = False
        self._hook = threading.excepthook

    def __enter__(self) -> Curves:
        threading.excepthook = self._hear
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._writer is not None:
            with self._optional():
                self._writer.close()
        threading.excepthook = self._hook

    def _hear(self, failed: threading.ExceptHookArgs) -> None:
        """The writer's thread prints no traceback: what ended it is raised again at the next point."""
        if not (issubclass(failed.exc_type, OSError) and type(failed.thread).__module__.startswith("tensorboard")):
            self._hook(failed)

    def add(self, line: LogLine) -> None:
        """One point of every curve that has a value."""
        if self._lost:
            return
        with self._optional():
            writer = self._open(line)
            for name, value in asdict(line).items():
                if name != "update" and value is not None:
                    writer.add_scalar(name, value, line.update)

    def overlays(self, line: LogLine, model: Segmenter, cases: tuple[PreparedCase, ...]) -> None:
        """Pictures of a few val cases if this point has a validation; the model is left in evaluation mode."""
        if line.val_dice is None or self._lost:
            return
        with self._optional():
            for case in cases[:: max(1, len(cases) // PICTURES)][:PICTURES]:
                picture = overlay(model, case)
                self._open(line).add_image(f"val/{case.id}", picture, line.update, dataformats="HWC")

    def _open(self, line: LogLine) -> Any:
        if self._writer is None:
            from torch.utils.tensorboard import SummaryWriter

            self._writer = SummaryWriter(self._folder, purge_step=line.update)
        return self._writer

    @contextmanager
    def _optional(self) -> Iterator[None]:
        """Do without curves from the first that cannot be written."""
        try:
            yield
        except OSError as error:
            if not self._lost:
                say(f"{self._folder}: no more curves are written ({error.strerror or error}); training goes on")
            self._lost = True


def overlay(model: Segmenter, case: PreparedCase) -> NDArray[np.uint8]:
    """The slice of a case with most foreground: (4 W, 4 H, 3), contours of all outputs together; X right, Y up."""
    import torch

    from ..models.base import FireKey

    z = int((case.target > 0).sum(axis=(1, 2, 3)).argmax())
    model.eval()
    with torch.no_grad():
        image = torch.from_numpy(np.array(case.image[z : z + 1]))
        logits = model(image, keys=[FireKey(seed=0, case=case.sha256, slice=z)]).numpy()[0]
    grey = np.clip(case.image[z, 0] * 255, 0, 255).astype(np.uint8)
    picture = np.repeat(_zoomed(grey)[..., None], 3, axis=-1)
    for mask, colour in (((case.target[z] > 0).any(axis=0), _TRUTH), ((logits > 0).any(axis=0), _PREDICTION)):
        picture[_border(_zoomed(mask))] = colour
    return np.ascontiguousarray(picture.transpose(1, 0, 2)[::-1])


def _zoomed(plane: NDArray[Any]) -> NDArray[Any]:
    return plane.repeat(_ZOOM, axis=0).repeat(_ZOOM, axis=1)


def _border(mask: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """The pixels of a mask that touch its outside."""
    from scipy.ndimage import binary_erosion

    border: NDArray[np.bool_] = mask & ~binary_erosion(mask, border_value=1)
    return border
