"""Extract a tar archive of files and folders, refusing members that would be written outside the target.

Links are refused altogether: no MSD archive has one, and a chain of innocent links can lead outside. All members are
looked at before the first is written. The operating system's own files ("._name", ".DS_Store", which the MSD archives
contain) are left out.
"""

import tarfile
from pathlib import Path, PurePosixPath

from .errors import BenchError


def extract(archive: Path, folder: Path) -> None:
    """Extract `archive` into the existing, empty `folder`.

    Raises:
        BenchError: not a tar file, truncated, or a member with an absolute path, a path out of the folder, a link or a
            device; nothing is written in these cases, but for an archive whose damage shows only while extracting.
    """
    try:
        with tarfile.open(archive) as tar:
            members = [member for member in tar.getmembers() if not _is_litter(member.name)]
            for member in members:
                reason = _danger(member)
                if reason:
                    raise BenchError(
                        f"{archive}: member {member.name!r} {reason}; refused, nothing was extracted: "
                        "delete the archive and fetch it again from its source"
                    )
            # The filter repeats the refusals; interpreters before 3.11.4 do not have it.
            known = {"filter": "data"} if hasattr(tarfile, "data_filter") else {}
            tar.extractall(folder, members=members, **known)  # type: ignore[arg-type]
    except (tarfile.TarError, EOFError) as error:
        raise BenchError(f"{archive}: not a complete tar archive ({error}); delete it and fetch again") from error


def _is_litter(name: str) -> bool:
    """Files of macOS that carry no data."""
    last = PurePosixPath(name).name
    return last.startswith("._") or last == ".DS_Store"


def _outside(path: str) -> bool:
    """Whether a path, taken relative to the folder, leaves it; both kinds of separators count."""
    depth = 0
    for piece in path.replace("\\", "/").split("/"):
        depth += -1 if piece == ".." else 0 if piece in ("", ".") else 1
        if depth < 0:
            return True
    return path.startswith(("/", "\\")) or path[1:2] == ":"


def _danger(member: tarfile.TarInfo) -> str | None:
    """Why a member is refused, or None."""
    if _outside(member.name):
        return "would be written outside the folder"
    if member.issym() or member.islnk():
        return f"is a link to {member.linkname!r}"
    if not (member.isfile() or member.isdir()):
        return "is a device or a pipe"
    return None
