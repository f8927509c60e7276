"""MSD-format phantom task folders, generated from a seed: the data when there is none, and the data of the tests.

`Phantom04_Hippocampus` (two volumes, the two sides, per subject) and `Phantom05_Prostate` (one per subject, 4-D). Every
volume has generators of its own, derived from (seed, subject, side); the same seed and `VERSION` give the same bytes
under one numpy and zlib. `dataset.json` carries `"phantom": true` and what the folder was generated from.

A folder appears under its name only when complete. One generated from the same settings is used again.
"""

import json
import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path

from .errors import BenchError, UsageProblem, unknown_name
from .phantom_folder import DEFAULT_SUBJECTS, NAMES, VERSION, Settings, write


def make(
    folder: Path,
    *,
    kind: str,
    seed: int = 0,
    subjects: int | None = None,
    shape: tuple[int, int, int] | None = None,
) -> Path:
    """Generate a phantom task, or find the one already there.

    Args:
        folder: a data root, made if needed; the task folder is made inside.
        kind: "hippocampus" or "prostate".
        seed: 0 or above; of the whole data set. Its first n subjects do not depend on how many there are.
        subjects: at least 3; by default 24 (48 volumes) for the hippocampus and 9 for the prostate.
        shape: voxels of each prostate volume; by default 320×320×20. The hippocampus draws its own shapes.

    Returns:
        The task folder, `folder / "Phantom04_Hippocampus"` or `folder / "Phantom05_Prostate"`.

    Raises:
        UsageProblem: unknown kind, a negative seed, too few subjects, a shape where none can be given.
        BenchError: the folder holds a phantom of other settings, or cannot be written.
    """
    if kind not in NAMES:
        raise unknown_name("phantom kind", kind, NAMES)
    settings = Settings(kind, VERSION, seed, DEFAULT_SUBJECTS[kind] if subjects is None else subjects, shape)
    if seed < 0 or settings.subjects < 3:
        raise UsageProblem(f"a phantom needs a seed from 0 and at least 3 subjects; given {seed}, {settings.subjects}")
    if shape is not None and (kind == "hippocampus" or min(shape) < 2):
        raise UsageProblem(f"shape {shape} does not fit: give three numbers from 2, for the prostate phantom only")
    target = folder / NAMES[kind]
    if _complete(target, settings):
        return target
    with _explained(folder):
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(prefix=".new-", dir=folder) as scratch:
            fresh = Path(scratch) / "fresh"
            write(fresh, settings)
            if target.exists():  # same settings, but files are missing
                os.replace(target, Path(scratch) / "incomplete")  # noqa: PTH105
            try:
                os.rename(fresh, target)  # noqa: PTH104
            except OSError:
                if not _complete(target, settings):  # else another process was first
                    raise
    return target


def default_phantom(cache: Path) -> Path:
    """The phantom `run` uses when there is no real data: hippocampus, seed 0, 48 volumes, kept in the cache folder.

    Args:
        cache: the cache folder (`locations.cache_root()`).
    """
    folder = cache / "phantoms" / f"hippocampus-version-{VERSION}-seed-0"
    return make(folder, kind="hippocampus", seed=0)


def _complete(target: Path, settings: Settings) -> bool:
    """Whether `target` is a phantom of these settings with all its files; one of other settings is an error."""
    if not target.exists():
        return False
    try:
        content = json.loads((target / "dataset.json").read_text(encoding="utf-8"))
        found = content["generator"]
    except (OSError, ValueError, KeyError, TypeError):
        found = None
    wanted = json.loads(json.dumps(asdict(settings)))
    if not isinstance(found, dict):
        raise BenchError(f"{target}: already there, and not a phantom; choose another folder")
    if found != wanted:
        other = ", ".join(
            f"{key} {found.get(key)} instead of {wanted[key]}" for key in wanted if found.get(key) != wanted[key]
        )
        raise BenchError(f"{target}: already there, generated with {other}; delete it or choose another folder")
    files = [target / part / f"{case}.nii.gz" for case in settings.ids for part in ("imagesTr", "labelsTr")]
    return all(file.is_file() for file in [*files, target / "split.json"])


@contextmanager
def _explained(folder: Path) -> Iterator[None]:
    """Turn a failed write into one line with the remedy."""
    try:
        yield
    except OSError as error:
        reason = error.strerror or str(error)
        raise BenchError(
            f"{folder}: cannot write the phantom ({reason}); free some space or choose another folder"
        ) from error
