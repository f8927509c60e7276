"""Where data and caches live.

Data root: `--data`, else the environment variable `MEDNCA_DATA`, else `<user cache>/data`. It holds task folders
(`Task04_Hippocampus/`), or is one. Cache: `MEDNCA_CACHE`, else the user's cache folder as the platform defines it.
"""

import os
from pathlib import Path

from .dataset_json import read_listing
from .errors import BenchError, unknown_name
from .msd import TASKS, known_task

APPLICATION = "mednca-bench"


def cache_root() -> Path:
    """The cache folder; it need not exist yet."""
    explicit = os.environ.get("MEDNCA_CACHE")
    if explicit:
        return Path(explicit).expanduser()
    import platformdirs

    return Path(platformdirs.user_cache_dir(APPLICATION, appauthor=False))


def default_data_root() -> Path:
    """Where `data fetch` puts tasks, and where they are looked for, unless told otherwise."""
    import platformdirs

    return Path(platformdirs.user_cache_dir(APPLICATION, appauthor=False)) / "data"


def data_root(option: str | None = None) -> Path | None:
    """The folder to look for tasks in.

    Args:
        option: the value of `--data`, or None.

    Returns:
        An existing folder, or None when none was named and the default one does not exist.

    Raises:
        BenchError: `--data` or `MEDNCA_DATA` names a folder that does not exist.
    """
    for source, value in (("--data", option), ("MEDNCA_DATA", os.environ.get("MEDNCA_DATA"))):
        if value:
            folder = Path(value).expanduser()
            if not folder.is_dir():
                raise BenchError(f"{folder}: no such folder, given by {source}; create it or name another")
            return folder
    root = default_data_root()
    return root if root.is_dir() else None


def task_folders(root: Path) -> tuple[Path, ...]:
    """The task folders at a data root: the root itself if it is one, else its sub-folders with a `dataset.json`."""
    if (root / "dataset.json").is_file():
        return (root,)
    try:
        return tuple(sorted(entry for entry in root.iterdir() if (entry / "dataset.json").is_file()))
    except OSError as error:
        raise BenchError(f"{root}: cannot be listed ({error.strerror}); check the folder's permissions") from error


def find_task_folder(name: str, root: Path) -> Path | None:
    """The folder of the task called `name` at a data root, or None.

    Args:
        name: an MSD task in any spelling of `msd.find_task`, or the name of a folder in `root`.
        root: a data root, or a task folder, which answers to the name its `dataset.json` gives it.
    """
    msd = known_task(name)
    for folder in task_folders(root):
        own = read_listing(folder).name if folder == root else folder.resolve().name
        if own.casefold() == name.casefold() or (msd and known_task(own) == msd):
            return folder
    return None


def task_folder(name: str, root: Path) -> Path:
    """The folder of the task called `name`; see `find_task_folder`.

    Raises:
        UsageProblem: the name is neither an MSD task nor a folder at `root`.
        BenchError: an MSD task that is not at `root`.
    """
    folder = find_task_folder(name, root)
    if folder:
        return folder
    here = [entry.resolve().name for entry in task_folders(root)]
    msd = known_task(name)
    if msd is None:
        raise unknown_name("task", name, [*here, *(task.alias for task in TASKS)])
    raise BenchError(
        f"{root}: holds no {msd.name} (found: {', '.join(here) or 'no task folder'}); "
        f"type `mednca-bench data fetch {msd.alias}` or name another folder with --data"
    )
