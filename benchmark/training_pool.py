"""Several training runs at once, one worker process each.

Small networks leave most of a second core idle, and threads that wait for each other are slow on a busy machine: two
models beside each other, each with few threads, are ready sooner than one after the other. The weights depend on the
number of threads in a run, never on how many runs go on beside it. A process whose training is done scores its model
while the others train.
"""

from __future__ import annotations

import multiprocessing
from collections import deque
from collections.abc import Callable, Sequence
from concurrent.futures import FIRST_COMPLETED, Executor, Future, wait
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from .errors import BenchError
from .evaluate import Job, JobResult, run_job
from .execute import Intake, executor
from .interrupt import deaf_children, deferred_interrupt
from .plan import Contestant
from .progress import lines_only
from .train import PausedError
from .trained import Training, existing, trained

POLL_SECONDS = 0.5


@dataclass(frozen=True)
class HeadStart:
    """What is scored while other models train.

    Attributes:
        jobs: what there is to score of a model that is ready.
        intake: where the results go.
    """

    jobs: Callable[[Contestant], Sequence[Job]]
    intake: Intake


def trained_all(
    trainings: Sequence[Training],
    *,
    jobs: int,
    threads: int,
    plugins: Sequence[Path],
    head_start: HeadStart | None = None,
) -> list[Contestant]:
    """The contestants asked for, in order; those that have no weights yet are trained, `jobs` at a time.

    Args:
        trainings: what is asked for.
        jobs: processes.
        threads: of each.
        plugins: files that register models, for the processes.
        head_start: what idle processes do until the last training is done; by default nothing.

    Raises:
        BenchError: a training run failed, the first in order; the others were finished first.
        KeyboardInterrupt: after every run has written its checkpoint.
    """
    missing = [training for training in trainings if existing(training) is None]
    width = min(jobs, len(missing))
    if width > 1:
        _together(missing, width=width, threads=threads, plugins=plugins, head_start=head_start)
        return [trained(training) for training in trainings]
    found, problems = [], []
    for training in trainings:
        try:
            found.append(trained(training))
        except PausedError:
            raise  # the time is over, not this run's alone
        except BenchError as error:
            problems.append(error)
    if problems:
        raise problems[0]
    return found


def _together(
    missing: Sequence[Training], *, width: int, threads: int, plugins: Sequence[Path], head_start: HeadStart | None
) -> None:
    scoring = _Scoring(head_start)
    with (
        deferred_interrupt() as interrupted,
        executor(jobs=width, threads=threads, plugins=plugins) as pool,
    ):
        with deaf_children():  # the parent tells them to stop, once it has heard of it
            running = [pool.submit(_train_quietly, training) for training in missing]
        unfinished: set[Future[Contestant]] = set(running)
        while unfinished and not interrupted():
            either: set[Future[Any]] = {*unfinished, *scoring.running}
            wait(either, timeout=POLL_SECONDS, return_when=FIRST_COMPLETED)
            for future in [future for future in unfinished if future.done()]:
                unfinished.discard(future)
                scoring.ready(future)
            scoring.collect()
            if unfinished:
                scoring.start(pool, slots=width - len(unfinished))
        scoring.finish()
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


class _Scoring:
    """Jobs of models that are ready, and those under way in the pool."""

    def __init__(self, head_start: HeadStart | None) -> None:
        self.running: set[Future[JobResult]] = set()
        self._head_start = head_start
        self._waiting: deque[Job] = deque()

    def ready(self, training: Future[Contestant]) -> None:
        """Add what there is to score of a model, unless its training failed."""
        if self._head_start is not None and training.exception() is None:
            self._waiting.extend(self._head_start.jobs(training.result()))

    def start(self, pool: Executor, *, slots: int) -> None:
        """Fill the processes that do not train."""
        while self._waiting and len(self.running) < slots:
            self.running.add(pool.submit(run_job, self._waiting.popleft()))

    def collect(self) -> None:
        """Keep the results that have come; of a process that died the trainings tell."""
        for future in [future for future in self.running if future.done()]:
            self.running.discard(future)
            if self._head_start is not None and future.exception() is None:
                self._head_start.intake.take(future.result())

    def finish(self) -> None:
        """Wait for what is under way and store it."""
        wait(self.running)
        self.collect()
        if self._head_start is not None:
            self._head_start.intake.flush()


def _train_quietly(training: Training) -> Contestant:
    lines_only()  # bars of several processes would overwrite each other
    return trained(training)
