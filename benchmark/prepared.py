"""Cases on the model's grid, computed once and memory-mapped afterwards, for training.

Layout: `<cache>/prepared/<hash of case data and preprocessing>/image.npy, target.npy`. A folder appears whole or not at
all; one that cannot be read is computed again.
"""

from __future__ import annotations

import os
import tempfile
from dataclasses import asdict
from pathlib import Path

import numpy as np

from .cache import CaseCache
from .errors import BenchError
from .identity import key
from .preprocess import Preprocess, label_masks, model_input, model_target
from .slices import PreparedCase
from .task import CaseFiles, Task
from .volume import Case

PREPARED_VERSION = 1  # raise it when preprocessing changes


class PreparedCache:
    """Prepared cases of one task, channel and preprocessing.

    Args:
        cache: the cache folder, which also holds the decoded volumes.
        task: the cases' task.
        channel: which modality, or None for all.
        recipe: the preprocessing.
    """

    def __init__(self, cache: Path, *, task: Task, channel: str | int | None, recipe: Preprocess) -> None:
        self._volumes = CaseCache(cache / "volumes")
        self._folder = cache / "prepared"
        self._task, self._channel, self._recipe = task, channel, recipe

    def get(self, files: CaseFiles) -> PreparedCase:
        """A case on the model's grid. Raises BenchError as `volume.read_case` does, or if the cache is not writable."""
        case = self._volumes.get(files, task=self._task, channel=self._channel)
        folder = self._folder / key(
            kind="prepared",
            version=PREPARED_VERSION,
            case=case.sha256,
            labels=sorted(self._task.labels),
            preprocess=asdict(self._recipe),
        )
        prepared = _load(folder, case)
        if prepared is None:
            self._store(folder, case)
            prepared = _load(folder, case)
        if prepared is None:
            raise BenchError(f"{folder}: the prepared case cannot be read back; delete the folder and run again")
        return prepared

    def _store(self, folder: Path, case: Case) -> None:
        masks = label_masks(np.asarray(case.label), self._task.labels, self._recipe)
        try:
            folder.parent.mkdir(parents=True, exist_ok=True)
            with tempfile.TemporaryDirectory(prefix=".new-", dir=folder.parent) as scratch:
                fresh = Path(scratch) / "fresh"
                fresh.mkdir()
                np.save(fresh / "image.npy", model_input(np.asarray(case.image), self._recipe))
                np.save(fresh / "target.npy", model_target(masks, self._recipe))
                if folder.exists() and _load(folder, case) is None:
                    os.replace(folder, Path(scratch) / "spoiled")  # noqa: PTH105
                try:
                    os.rename(fresh, folder)  # noqa: PTH104
                except OSError:
                    if _load(folder, case) is None:  # else another process was first, and may be reading it
                        raise
        except OSError as error:
            raise BenchError(
                f"{folder.parent}: cannot write prepared cases ({error.strerror or error}); free some space there, or "
                "set MEDNCA_CACHE to a folder with room"
            ) from error


def _load(folder: Path, case: Case) -> PreparedCase | None:
    try:
        image = np.load(folder / "image.npy", mmap_mode="r", allow_pickle=False)
        target = np.load(folder / "target.npy", mmap_mode="r", allow_pickle=False)
    except (OSError, ValueError, EOFError):
        return None
    if image.ndim != 4 or target.ndim != 4 or len(image) != case.image.shape[3] or len(target) != len(image):
        return None
    return PreparedCase(case.id, case.sha256, image, target)
