"""Cases as memory-mapped `.npy` files, so that NIfTI is decompressed and checked once per volume.

Layout under the cache folder:

    index/<key>.json       key = hash of both files' path, size and mtime, channel and label map
    <sha256>/image.npy     content, named by the case's sha256
    <sha256>/label.npy

An index entry repeats shapes, spacing and affine. Entries are written beside and renamed, so a killed or concurrent
writer leaves nothing half-written; an entry whose files do not have the size and shape the index says is rebuilt.
"""

import hashlib
import json
import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np

from ..results.atomic import write_text
from .errors import BenchError, DataProblem
from .nifti import RESTORE
from .task import CaseFiles, Task
from .volume import Case, channel_index, read_case

FORMAT = 1  # raise when the layout or the meaning of an entry changes


class CaseCache:
    """Reads cases through a folder of memory-mapped arrays.

    Args:
        folder: the cache folder, made when first written (`locations.cache_root() / "volumes"`).
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def get(self, files: CaseFiles, *, task: Task, channel: str | int | None = None) -> Case:
        """The case as `volume.read_case` gives it, with read-only memory-mapped arrays.

        Raises:
            BenchError: as `read_case`, or the cache folder cannot be written (full, read-only).
        """
        number = None if channel is None else channel_index(channel, task=task)
        entry = self.folder / "index" / f"{_key(files, task=task, channel=number)}.json"
        case = self._load(entry, files, task=task)
        if case is not None:
            return case
        fresh = read_case(files, task=task, channel=number)
        with _explained(self.folder):
            self._store(fresh, entry)
        return self._load(entry, files, task=task) or fresh

    def _load(self, entry: Path, files: CaseFiles, *, task: Task) -> Case | None:
        """The case behind an index entry, or None if anything about it is missing or not as the index says."""
        try:
            meta: dict[str, Any] = json.loads(entry.read_text(encoding="utf-8"))
            content = self.folder / meta["sha256"]
            image = np.load(content / "image.npy", mmap_mode="r", allow_pickle=False)
            label = np.load(content / "label.npy", mmap_mode="r", allow_pickle=False)
            if [list(image.shape), str(image.dtype)] != [meta["shape"], "float32"]:
                return None
            if [list(label.shape), str(label.dtype)] != [meta["shape"][1:], "uint8"]:
                return None
            spacing = (float(meta["spacing"][0]), float(meta["spacing"][1]), float(meta["spacing"][2]))
            affine = np.array(meta["affine"], dtype=np.float64).reshape(4, 4)
        except (OSError, ValueError, KeyError, TypeError, IndexError, EOFError):
            return None
        group = task.split.group.get(files.id, files.id)
        return Case(files.id, group, image, label, spacing, affine, meta["sha256"])

    def _store(self, case: Case, entry: Path) -> None:
        """Write the arrays, then the index entry that makes them visible."""
        self.folder.mkdir(parents=True, exist_ok=True)
        target = self.folder / case.sha256
        with tempfile.TemporaryDirectory(prefix=".new-", dir=self.folder) as scratch:
            fresh = Path(scratch) / "fresh"
            fresh.mkdir()
            np.save(fresh / "image.npy", case.image, allow_pickle=False)
            np.save(fresh / "label.npy", case.label, allow_pickle=False)
            if target.exists() and not _same(fresh, target):
                os.replace(target, Path(scratch) / "spoiled")  # noqa: PTH105  readers keep their open mapping
            try:
                os.rename(fresh, target)  # noqa: PTH104
            except OSError:
                if not target.is_dir():  # else another process wrote the same content first
                    raise
        entry.parent.mkdir(exist_ok=True)
        meta = {
            "sha256": case.sha256,
            "shape": list(case.image.shape),
            "spacing": list(case.spacing),
            "affine": case.affine.tolist(),
        }
        write_text(entry, json.dumps(meta))

    def clear(self) -> None:
        """Delete every entry."""
        shutil.rmtree(self.folder, ignore_errors=True)


def _same(one: Path, other: Path) -> bool:
    """Whether two content folders hold the same bytes."""
    try:
        return all((one / name).read_bytes() == (other / name).read_bytes() for name in ("image.npy", "label.npy"))
    except OSError:
        return False


def _key(files: CaseFiles, *, task: Task, channel: int | None) -> str:
    """Changes whenever reading the case again could give something else."""
    stats = []
    for path in (files.image, files.label):
        try:
            stat = path.stat()
        except OSError as error:
            raise DataProblem(path, "no such file", RESTORE) from error
        stats.append([str(path.resolve()), stat.st_size, stat.st_mtime_ns])
    parts = [FORMAT, stats, channel, sorted(task.labels), len(task.modalities)]
    return hashlib.sha256(json.dumps(parts).encode()).hexdigest()


@contextmanager
def _explained(folder: Path) -> Iterator[None]:
    """Turn a failed write into one line with the remedy."""
    try:
        yield
    except OSError as error:
        reason = error.strerror or str(error)
        raise BenchError(
            f"{folder}: cannot write the volume cache ({reason}); free some space there, or set MEDNCA_CACHE to a "
            "folder with room"
        ) from error
