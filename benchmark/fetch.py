"""Fetch an MSD task: download the archive MONAI names, check it against MONAI's checksum, extract it safely.

Every step can be interrupted and starts where it stopped: a partial download goes on (`download`), a complete archive
with the right checksum is not downloaded again, and the task folder appears in one step when it is complete.
"""

import logging
import shutil
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from .archive import extract
from .download import download
from .errors import BenchError
from .msd import find_task


def source(task: str) -> tuple[str, str]:
    """URL and MD5 of an MSD task's archive, from MONAI's table ("Task04_Hippocampus")."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        from monai.apps.datasets import DecathlonDataset  # takes seconds, so only here

    return DecathlonDataset.resource[task], DecathlonDataset.md5[task]


def fetch(name: str, *, root: Path) -> Path:
    """Download, check and extract a task.

    Args:
        name: an MSD task in any spelling of `msd.find_task`.
        root: the data root, made if needed.

    Returns:
        The task folder; one that is already there is left as it is. The archive is kept beside it.

    Raises:
        UsageProblem: unknown task.
        BenchError: no network, a wrong checksum, an unsafe or broken archive, a full disk; one line with the remedy.
    """
    task = find_task(name).name
    target, archive = root / task, root / f"{task}.tar"
    if (target / "dataset.json").is_file():
        return target
    if target.exists():
        raise BenchError(f"{target}: exists without dataset.json; move it away, then fetch again")
    with _explained(root):
        root.mkdir(parents=True, exist_ok=True)
        url, md5 = source(task)
        if not archive.exists():
            _download(url, archive, md5=md5)
        elif not _has_md5(archive, md5):
            raise BenchError(f"{archive}: MD5 is not {md5}; delete it and fetch again")
        _extract(archive, target)
    return target


def _download(url: str, archive: Path, *, md5: str) -> None:
    """Download to a `.part` beside the archive; it takes the archive's name when its checksum is right."""
    part = archive.with_name(f"{archive.name}.part")
    try:
        download(url, part)
    except BenchError as error:
        raise BenchError(f"{error}, or place the archive by hand at {archive} and fetch again") from error
    if not _has_md5(part, md5):
        part.unlink()
        raise BenchError(f"{url}: the download's MD5 is not {md5}, so it was deleted; fetch again")
    part.rename(archive)


def _extract(archive: Path, target: Path) -> None:
    """Extract beside the target, then rename; what an interrupted extraction left is thrown away."""
    scratch = target.with_name(f".extracting-{target.name}")
    shutil.rmtree(scratch, ignore_errors=True)
    scratch.mkdir()
    try:
        extract(archive, scratch)
        if not (scratch / target.name / "dataset.json").is_file():
            raise BenchError(f"{archive}: holds no {target.name}/dataset.json; it is not this task's archive")
        (scratch / target.name).rename(target)
    finally:
        shutil.rmtree(scratch, ignore_errors=True)


def _has_md5(file: Path, md5: str) -> bool:
    """Check with MONAI's function, without its log lines on standard output."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        from monai.apps.utils import check_hash

    logger = logging.getLogger("monai.apps")
    level = logger.level
    logger.setLevel(logging.CRITICAL)
    try:
        return bool(check_hash(file, md5, hash_type="md5"))
    finally:
        logger.setLevel(level)


@contextmanager
def _explained(root: Path) -> Iterator[None]:
    """Turn a failed write into one line with the remedy."""
    try:
        yield
    except OSError as error:
        reason = error.strerror or str(error)
        raise BenchError(f"{root}: cannot write there ({reason}); free some space or name another --data") from error
