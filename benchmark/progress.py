"""Progress of long work: a bar on a terminal, plain lines every few seconds elsewhere. Both go to standard error."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Protocol

LINE_SECONDS = 10.0
_bars = True


class Meter(Protocol):
    """What the work tells of itself."""

    def advance(self, steps: int = 1, *, note: str = "") -> None:
        """`steps` more are done; `note` is shown beside the count."""

    def skip(self, steps: int) -> None:
        """`steps` need no work: they are done, and the time left is not told from them."""


class Silent:
    """A meter nobody looks at."""

    def advance(self, steps: int = 1, *, note: str = "") -> None:
        """Nothing."""

    def skip(self, steps: int) -> None:
        """Nothing."""


def say(text: str) -> None:
    """One line on standard error."""
    print(text, file=sys.stderr, flush=True)


def lines_only() -> None:
    """Show no bars in this process from now on: several processes write to the same terminal."""
    global _bars
    _bars = False


@contextmanager
def progress(title: str, *, total: int, done: int = 0) -> Iterator[Meter]:
    """Show the progress of `total` steps, `done` of which need no work."""
    if _bars and sys.stderr.isatty():
        with _bar(title, total=total, done=done) as meter:
            yield meter
    else:
        yield _Lines(title, total=total, done=done)


@contextmanager
def _bar(title: str, *, total: int, done: int) -> Iterator[Meter]:
    from rich.console import Console
    from rich.progress import (
        BarColumn,
        MofNCompleteColumn,
        Progress,
        TextColumn,
        TimeElapsedColumn,
        TimeRemainingColumn,
    )

    columns = (
        TextColumn("{task.description}", markup=False),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        TimeRemainingColumn(),
        TextColumn("{task.fields[note]}", markup=False),
    )
    with Progress(*columns, console=Console(stderr=True)) as bar:
        task = bar.add_task(title, total=total, completed=done, note="")

        class Bar:
            def advance(self, steps: int = 1, *, note: str = "") -> None:
                bar.update(task, advance=steps, note=note)

            def skip(self, steps: int) -> None:
                bar.update(task, advance=steps)  # its speed is that of the last 30 s

        yield Bar()


class _Lines:
    """Plain log lines: at most one each LINE_SECONDS, and one at the end."""

    def __init__(self, title: str, *, total: int, done: int) -> None:
        self._title, self._total, self._done, self._before = title, total, done, done
        self._started = self._said = time.monotonic()

    def skip(self, steps: int) -> None:
        self._done += steps
        self._before += steps

    def advance(self, steps: int = 1, *, note: str = "") -> None:
        self._done += steps
        now = time.monotonic()
        if now - self._said < LINE_SECONDS and self._done < self._total:
            return
        self._said = now
        spent = now - self._started
        parts = [f"{self._title}: {self._done}/{self._total}", f"{spent:.0f} s"]
        if made := self._done - self._before:  # before the first is done there is nothing to tell the rest from
            parts.append(f"{spent / made * (self._total - self._done):.0f} s left")
        say(", ".join([*parts, note] if note else parts))
