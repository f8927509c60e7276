"""A hard limit on the memory of a fresh process: a control group where the user has one, else the address space.

Control group (Linux, version 2, the memory controller delegated to the user): everything the process has resident
counts, interpreter and libraries too, as on a small board. Address space (`RLIMIT_AS`, Linux): what is reserved
counts, used or not, so libraries alone would break any small limit; the limit is therefore set once they are loaded, to
what is reserved then plus the cap. A cap of 64 MB means 64 MB for weights, images, states and activations.
"""

from __future__ import annotations

import contextlib
import os
import secrets
import sys
from collections.abc import Iterator
from pathlib import Path

from .errors import BenchError

CGROUP = "control group, whole process"
ADDRESS_SPACE = "address space beyond the loaded libraries"

_MOUNT = Path("/sys/fs/cgroup")
_SELF = Path("/proc/self/cgroup")
_ENTER = 'echo $$ > "$0/cgroup.procs" && exec "$@"'  # joined before Python starts, so that nothing escapes the count


def method() -> str:
    """Which limit this system offers.

    Raises:
        BenchError: none; only Linux enforces either.
    """
    if not sys.platform.startswith("linux"):
        raise BenchError(f"a hard memory limit needs Linux, and this is {sys.platform}; run the ladder there")
    return CGROUP if delegated_group() else ADDRESS_SPACE


def delegated_group(mount: Path = _MOUNT, own: Path = _SELF) -> Path | None:
    """Our control group if its children can be given memory limits by us, else None."""
    try:
        (path,) = (line[3:] for line in own.read_text(encoding="utf-8").splitlines() if line.startswith("0::"))
    except (OSError, ValueError):
        return None
    group = mount / path.lstrip("/")
    try:
        enabled = (group / "cgroup.subtree_control").read_text(encoding="ascii").split()
    except OSError:
        return None
    return group if "memory" in enabled and os.access(group, os.W_OK) else None


@contextlib.contextmanager
def limited(group: Path, cap: int) -> Iterator[list[str]]:
    """A child group with a limit of `cap` bytes; gives the words that start a command inside it."""
    child = group / f"mednca-bench-{os.getpid()}-{secrets.token_hex(4)}"
    child.mkdir()
    try:
        (child / "memory.max").write_text(str(cap), encoding="ascii")
        with contextlib.suppress(OSError):  # a system without swap has no such file
            (child / "memory.swap.max").write_text("0", encoding="ascii")
        yield ["/bin/sh", "-c", _ENTER, str(child)]
    finally:
        child.rmdir()


def reserved(status: Path = Path("/proc/self/status")) -> int:
    """The address space of this process, in bytes."""
    for line in status.read_text(encoding="utf-8").splitlines():
        if line.startswith("VmSize:"):
            return int(line.split()[1]) * 1024
    raise BenchError(f"{status}: names no VmSize; run the ladder on Linux")


def limit_address_space(extra: int) -> int:
    """Let this process reserve `extra` bytes more than it has now; give what it has now, in bytes."""
    import resource

    now = reserved()
    resource.setrlimit(resource.RLIMIT_AS, (now + extra, now + extra))
    return now
