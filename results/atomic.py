"""Files that are either the old one or the new one, never half of one.

The bytes go to a temporary file in the target's own folder, are flushed to the disk, and take the target's name in one
step (`os.replace`, atomic on POSIX and Windows within one file system). A process killed in between leaves the target
untouched and at most a hidden `.NAME.*.tmp` file beside it.
"""

import contextlib
import os
import secrets
from pathlib import Path


def write_bytes(path: str | Path, data: bytes) -> Path:
    """Write `data` to `path` so that a reader sees all of it or nothing of it.

    Missing parent folders are made. An existing file is replaced.

    Raises:
        OSError: the disk is full, the folder is not writable, ...; `filename` names the target. The old file, if there
            was one, is still there, and no temporary file is left.
    """
    target = Path(path)
    temporary = target.with_name(f".{target.name}.{os.getpid()}-{secrets.token_hex(4)}.tmp")
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        # 0o666 under the umask, as open() would: a shared result folder stays readable for the group.
        descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL | getattr(os, "O_BINARY", 0), 0o666)
        with os.fdopen(descriptor, "wb") as stream:
            stream.write(data)
            stream.flush()
            os.fsync(stream.fileno())
        os.replace(temporary, target)  # noqa: PTH105 (tests count on the one call that makes the change visible)
    except OSError as error:
        _remove(temporary)
        raise named(error, target) from error
    except BaseException:  # Ctrl-C between two lines above
        _remove(temporary)
        raise
    _flush_folder(target.parent)
    return target


def write_text(path: str | Path, text: str) -> Path:
    """Write `text` as UTF-8 with the newlines it has; see `write_bytes`."""
    return write_bytes(path, text.encode("utf-8"))


def named(error: OSError, path: Path) -> OSError:
    """The same error, naming the file the caller asked for (a full disk is reported by `write` without any name)."""
    return OSError(error.errno, error.strerror or str(error), str(path))


def _remove(path: Path) -> None:
    with contextlib.suppress(OSError):
        path.unlink()


def _flush_folder(folder: Path) -> None:
    """Make the new name survive a power cut; not every file system can, and none needs it for atomicity."""
    if os.name != "posix":
        return
    with contextlib.suppress(OSError):
        descriptor = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
