"""Several training runs at once, one worker process each.

Small networks leave most of a second core idle, and threads that wait for each other are slow on a busy machine: two
models beside each other, each with few threads, are ready sooner than one after the other. The weights depend on the
number of threads in a run, never on how many runs go on beside it.
"""

from __future__ import annotations

import multiprocessing
from collections.abc import Sequence
from concurrent.futures import Future, wait
from concurrent.futures.process import BrokenProcessPool
from pathlib import Path

from .errors import BenchError
from .execute import executor
from .interrupt import deaf_children, deferred_interrupt
from .plan import Contestant
from .progress import lines_only
from .trained import Training, existing, trained

POLL_SECONDS = 0.5


def trained_all(trainings: Sequence[Training], *, jobs: int, threads: int, plugins: Sequence[Path]) -> list[Contestant]:
    """The contestants asked for, in order; those that have no weights yet are trained, `jobs` at a time.

    Raises:
        BenchError: a training run failed; the others were finished first.
        KeyboardInterrupt: after every run has written its checkpoint.
    """
    missing = [training for training in trainings if existing(training) is None]
    width = min(jobs, len(missing))
    if width > 1:
        _together(missing, width=width, threads=threads, plugins=plugins)
    return [trained(training) for training in trainings]


def _together(missing: Sequence[Training], *, width: int, threads: int, plugins: Sequence[Path]) -> None:
    with (
        deferred_interrupt() as interrupted,
        executor(jobs=width, threads=threads, plugins=plugins) as pool,
    ):
        with deaf_children():  # the parent tells them to stop, once it has heard of it
            running = {pool.submit(_train_quietly, training) for training in missing}
        unfinished: set[Future[None]] = running
        while unfinished and not interrupted():
            _, unfinished = wait(unfinished, timeout=POLL_SECONDS)
        if interrupted():
            for future in unfinished:
                future.cancel()
            for process in multiprocessing.active_children():
                process.terminate()  # a run in its loop hears this, writes its checkpoint and stops
            wait(unfinished)
    if interrupted():
        raise KeyboardInterrupt
    for future in running:
        try:
            future.result()
        except BrokenProcessPool:
            raise BenchError(
                "a training process was killed, perhaps for lack of memory; run the same command again, it goes on "
                "from the last checkpoints"
            ) from None


def _train_quietly(training: Training) -> None:
    lines_only()  # bars of several processes would overwrite each other
    trained(training)
