"""Errors a user can act on: one line that says what is wrong, where, and what to do.

The command line prints the line without a traceback and leaves with the class's `exit_code`: 1 for work that failed,
2 for wrong usage.
"""

import difflib
from collections.abc import Iterable
from pathlib import Path
from typing import Final

_LISTED: Final = 40
"""Names listed in an error: every model, suite and perturbation fits, the cases of a task do not."""


class BenchError(Exception):
    """Work that cannot go on: what, which file, what to do, in one line.

    Attributes:
        exit_code: the process's exit code when the error ends a command.
    """

    exit_code = 1

    def __init__(self, message: str) -> None:
        super().__init__(" ".join(message.splitlines()))


class UsageProblem(BenchError):  # noqa: N818  a problem of the question, not of the work
    """Something was asked for that does not exist or does not fit together."""

    exit_code = 2


class DataProblem(BenchError):  # noqa: N818  a problem of the data, not of the program
    """Something wrong with one file of a data set.

    Attributes:
        file: the file.
        problem: what is wrong with it.
        remedy: what to do.
    """

    def __init__(self, file: Path, problem: str, remedy: str) -> None:
        super().__init__(f"{file}: {problem}; {remedy}")
        self.file, self.problem, self.remedy = file, " ".join(problem.splitlines()), remedy

    def __reduce__(self) -> tuple[type[BenchError], tuple[Path, str, str]]:
        return DataProblem, (self.file, self.problem, self.remedy)


def nearest(given: str, allowed: Iterable[str]) -> str | None:
    """The allowed name closest to `given`, ignoring case, or None if none is close.

    >>> nearest("Hipocampus", ["prostate", "hippocampus"])
    'hippocampus'
    """
    by_folded = {name.casefold(): name for name in allowed}
    close = difflib.get_close_matches(given.casefold(), by_folded, n=1)
    return by_folded[close[0]] if close else None


def unknown_name(kind: str, given: str, allowed: Iterable[str]) -> UsageProblem:
    """The error for a name that is in no table.

    Args:
        kind: what was named, singular: "model", "task", "suite".
        given: the name as typed.
        allowed: every valid name, in the order to print.

    Returns:
        A problem to raise, with the nearest name if one is close, and the allowed ones (`_LISTED` of many).

    >>> str(unknown_name("model", "unet-smal", ["med-nca", "unet-small"]))
    "unknown model 'unet-smal'; did you mean 'unet-small'? allowed: med-nca, unet-small"
    """
    names = list(allowed)
    close = nearest(given, names)
    hint = f"; did you mean {close!r}?" if close else ";"
    more = f" and {len(names) - _LISTED} more" if len(names) > _LISTED else ""
    return UsageProblem(f"unknown {kind} {given!r}{hint} allowed: {', '.join(names[:_LISTED]) or '(none)'}{more}")
