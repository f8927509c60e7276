"""Ctrl-C at a moment of our choosing: finish the step at hand, save, then stop."""

from __future__ import annotations

import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType


@contextmanager
def deferred_interrupt() -> Iterator[Callable[[], bool]]:
    """Hold back SIGINT and SIGTERM inside the block; the yielded function tells whether one has come.

    A block that ends by an error after one has come ends by KeyboardInterrupt: the signal is not lost.
    Outside the main thread, where Python cannot install handlers, the block runs as it is.
    """
    seen = threading.Event()
    if threading.current_thread() is not threading.main_thread():
        yield seen.is_set
        return

    def note(signum: int, frame: FrameType | None) -> None:
        seen.set()

    before = {number: signal.signal(number, note) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield seen.is_set
    except Exception as error:
        if seen.is_set():
            raise KeyboardInterrupt from error
        raise
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


@contextmanager
def deaf_children() -> Iterator[None]:
    """Processes started inside the block never hear Ctrl-C, not even before their first line of Python.

    A signal that comes meanwhile reaches this process at the end of the block.
    """
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)
