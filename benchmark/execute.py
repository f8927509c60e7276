"""Running the plan: jobs through a `concurrent.futures.Executor`, results into the store as they come.

In-process, process-pool and cluster runs are one code path: whatever has `submit`. Only the parent writes, a part file
every few seconds, so a kill costs at most what was computed since the last part.
"""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Executor, Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from contextlib import AbstractContextManager
from itertools import groupby
from multiprocessing import connection, get_context, parent_process
from pathlib import Path
from typing import Any, TypeVar

from ..results.store import Store
from .errors import BenchError
from .evaluate import Job, JobResult, run_job
from .interrupt import deaf_children, deferred_interrupt
from .plan import Unit
from .plugins import load_plugins
from .progress import progress
from .task import Task

STORE_SECONDS = 15.0
T = TypeVar("T")


class InProcess(Executor):
    """An executor that does the work at once, in the calling process."""

    def submit(self, fn: Callable[..., T], /, *args: Any, **kwargs: Any) -> Future[T]:
        """Run now; the future is already done."""
        future: Future[T] = Future()
        try:
            future.set_result(fn(*args, **kwargs))
        except Exception as error:
            future.set_exception(error)
        return future


def executor(*, jobs: int, threads: int, plugins: Sequence[Path] = ()) -> AbstractContextManager[Executor]:
    """In-process for one job, else a pool of fresh processes, each with `threads` threads."""
    if jobs == 1:
        _set_threads(threads)
        return InProcess()
    return ProcessPoolExecutor(
        jobs, mp_context=get_context("spawn"), initializer=_start_worker, initargs=(threads, tuple(plugins))
    )


def _start_worker(threads: int, plugins: tuple[Path, ...]) -> None:
    threading.Thread(target=_die_with_parent, daemon=True).start()
    _set_threads(threads)
    load_plugins(plugins)


def _die_with_parent() -> None:
    parent = parent_process()
    if parent is not None:
        connection.wait([parent.sentinel])
        os._exit(1)  # the parent was killed: nobody will read our answers


def _set_threads(threads: int) -> None:
    import torch

    torch.set_num_threads(threads)


def make_jobs(units: Sequence[Unit], *, task: Task, part: str, channel: str | int | None, cache: Path) -> list[Job]:
    """Group units that share model, case, fire seed and perturbation, in the plan's order."""

    def shared(unit: Unit) -> tuple[str, str, int, str]:
        return unit.contestant.weights, unit.case.files.id, unit.fire_seed, unit.condition.perturbation

    return [Job(tuple(group), task, part, channel, cache) for _, group in groupby(units, key=shared)]


class Intake:
    """Takes results into the store as they come, a part file every few seconds.

    Attributes:
        computed: units taken that have records.
        failed: units taken that failed.
    """

    def __init__(self, store: Store) -> None:
        self.computed = self.failed = 0
        self._store = store
        self._pending: list[dict[str, Any]] = []
        self._stored_at = time.monotonic()

    def take(self, result: JobResult) -> None:
        """One more job's records and failures."""
        self._pending += result.rows
        for failure in result.failures:
            self._store.fail(failure)
        self.computed += result.units - len(result.failures)
        self.failed += len(result.failures)
        if time.monotonic() - self._stored_at > STORE_SECONDS:
            self.flush()

    def flush(self) -> None:
        """Store what was taken and is not stored yet."""
        if self._pending:
            self._store.append(self._pending)
        self._pending, self._stored_at = [], time.monotonic()


def execute(jobs: Sequence[Job], pool: Executor, store: Store, *, width: int, done: int = 0) -> tuple[int, int]:
    """Run jobs and store their records as they come.

    Args:
        jobs: what to do.
        pool: where to do it.
        store: where records and failures go.
        width: jobs worked on at the same time.
        done: units that were in the store before, for the progress bar.

    Returns:
        Units computed, units failed.

    Raises:
        KeyboardInterrupt: after storing what is done.
        BenchError: a worker process died.
    """
    total = done + sum(len(job.units) for job in jobs)
    intake = Intake(store)
    with deferred_interrupt() as interrupted, progress("scoring", total=total, done=done) as meter:
        try:
            for result in _results(jobs, pool, window=2 * width, stop=interrupted):
                intake.take(result)
                meter.advance(result.units, note=f"{intake.failed} failed" if intake.failed else "")
        except BrokenProcessPool:
            raise BenchError(
                f"a worker process was killed, perhaps for lack of memory; {done + intake.computed} of {total} units "
                "are stored; run the same command again, with a smaller --jobs"
            ) from None
        finally:
            intake.flush()
        if interrupted():
            raise KeyboardInterrupt
    return intake.computed, intake.failed


def _results(jobs: Sequence[Job], pool: Executor, *, window: int, stop: Callable[[], bool]) -> Iterator[JobResult]:
    """Results in the order they come; at most `window` jobs are under way, so stopping is quick."""
    waiting = iter(jobs)
    running: set[Future[JobResult]] = set()
    while True:
        while not stop() and len(running) < window and (job := next(waiting, None)) is not None:
            with deaf_children():  # a pool starts its workers when it is given work
                running.add(pool.submit(run_job, job))
        if not running:
            return
        finished, running = wait(running, return_when=FIRST_COMPLETED)
        for future in finished:
            yield future.result()
