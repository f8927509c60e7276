"""Running jobs: every executor gives the same records, and whatever stops it, what is done is stored."""

import os
import signal
from collections.abc import Callable
from concurrent.futures import Executor, Future
from concurrent.futures.process import BrokenProcessPool
from pathlib import Path

import pytest
import torch
from pandas.testing import assert_frame_equal

from mednca_bench.benchmark import execute as execute_module
from mednca_bench.benchmark.condition import Condition
from mednca_bench.benchmark.errors import BenchError
from mednca_bench.benchmark.evaluate import Job, run_job
from mednca_bench.benchmark.execute import InProcess, execute, executor, make_jobs
from mednca_bench.benchmark.task import open_task
from mednca_bench.results.store import Store

pytestmark = pytest.mark.usefixtures("one_thread")
CHOSEN = [
    Condition(grid="native"),
    Condition(grid="model"),
    *(Condition(perturbation="noise", version=1, kind="acquisition", severity=s, grid="native") for s in (1, 2)),
    *(Condition(perturbation="shift", version=1, kind="grid", severity=s, grid="model") for s in (1, 2)),
]
KEYS = 3 * len(CHOSEN)


@pytest.fixture
def jobs_of(msd_folder, plan_of, contestant) -> Callable[[str], list[Job]]:
    """Three cases under six conditions."""

    def make(model: str = "threshold") -> list[Job]:
        return plan_of(open_task(msd_folder(3).root), [contestant(model)], CHOSEN)

    return make


@pytest.fixture
def store(tmp_path) -> Store:
    return Store(tmp_path / "run")


def keys_of(jobs: list[Job]) -> list[str]:
    return [unit.key for job in jobs for unit in job.units]


def test_jobs_share_model_case_fire_seed_and_perturbation(msd_folder, plan_of, contestant):
    task = open_task(msd_folder(2).root)
    jobs = plan_of(task, [contestant("med-nca-16"), contestant()], CHOSEN, fire_seeds=2)
    assert len(jobs) == 2 * (2 + 1) * 3 and all(len(job.units) == 2 for job in jobs)
    for job in jobs:
        shared = {(u.contestant.weights, u.case.files.id, u.fire_seed, u.condition.perturbation) for u in job.units}
        assert len(shared) == 1
    again = make_jobs([u for job in jobs for u in job.units], task=task, part="test", channel=None, cache=jobs[0].cache)
    assert again == jobs


def test_every_unit_is_stored(jobs_of, store):
    jobs = jobs_of()
    assert execute(jobs, InProcess(), store, width=1) == (KEYS, 0)
    assert store.keys() == set(keys_of(jobs)) and len(store.load()) == KEYS
    assert len(store.parts()) == 1  # all within the first seconds


def test_a_process_pool_gives_the_records_of_the_calling_process(jobs_of, store, plugin, tmp_path):
    jobs = jobs_of("med-nca-16")
    execute(jobs, InProcess(), store, width=1)
    pooled = Store(tmp_path / "pooled")
    with executor(jobs=2, threads=1, plugins=[plugin]) as pool:
        assert execute(jobs, pool, pooled, width=2) == (KEYS, 0)
    assert_frame_equal(pooled.load(), store.load())


def test_one_job_needs_no_pool_and_sets_the_threads():
    with executor(jobs=1, threads=2) as pool:
        assert isinstance(pool, InProcess) and torch.get_num_threads() == 2


def test_a_killed_worker_is_one_line_with_the_remedy(jobs_of, store, plugin):
    with (
        pytest.raises(BenchError, match=r"a worker process was killed, .* 7 of 25 units are stored; .* smaller --jobs"),
        executor(jobs=2, threads=1, plugins=[plugin]) as pool,
    ):
        execute(jobs_of("fatal"), pool, store, width=2, done=7)
    assert store.keys() == set() and store.failures() == []


class Breaking(InProcess):
    """A pool whose worker dies with its fourth job."""

    def __init__(self) -> None:
        self.submitted = 0

    def submit(self, fn, /, *args, **kwargs):
        self.submitted += 1
        if self.submitted == 4:
            future: Future[object] = Future()
            future.set_exception(BrokenProcessPool("a child process terminated abruptly"))
            return future
        return super().submit(fn, *args, **kwargs)


def test_what_was_done_before_a_worker_died_is_stored_and_the_rest_is_left(jobs_of, store):
    jobs = jobs_of()
    with pytest.raises(BenchError, match="are stored"):
        execute(jobs, Breaking(), store, width=1)
    done = store.keys()
    assert {u.key for job in jobs[:2] for u in job.units} <= done < set(keys_of(jobs))


def test_parts_are_written_as_time_goes(jobs_of, store, monkeypatch):
    monkeypatch.setattr(execute_module, "STORE_SECONDS", -1.0)
    jobs = jobs_of()
    execute(jobs, InProcess(), store, width=1)
    assert len(store.parts()) == len(jobs) and len(store.load()) == KEYS


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_ctrl_c_finishes_what_is_under_way_and_stores_it(jobs_of, store, monkeypatch, number):
    jobs, asked = jobs_of(), []

    def interrupted(job: Job) -> object:
        asked.append(job)
        if len(asked) == 3:
            os.kill(os.getpid(), number)
        return run_job(job)

    with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
        patch.setattr(execute_module, "run_job", interrupted)
        execute(jobs, InProcess(), store, width=1)
    done = store.keys()
    assert len(asked) < len(jobs) and done == set(keys_of(asked))
    left = [job for job in jobs if job.units[0].key not in done]
    assert execute(left, InProcess(), store, width=1) == (KEYS - 2 * len(asked), 0)
    assert store.keys() == set(keys_of(jobs))


def test_failures_are_counted_and_stored_beside_the_records(jobs_of, store, monkeypatch):
    from mednca_bench.benchmark import evaluate

    def no_noise(case, condition, recipe):
        if condition.perturbation == "noise":
            raise RuntimeError("no luck")
        return shown(case, condition, recipe)

    shown = evaluate.show
    monkeypatch.setattr(evaluate, "show", no_noise)
    jobs = jobs_of()
    assert execute(jobs, InProcess(), store, width=1) == (KEYS - 6, 6)
    failed = {u.key for job in jobs for u in job.units if u.condition.perturbation == "noise"}
    assert {entry["key"] for entry in store.failures()} == failed
    assert store.keys() == set(keys_of(jobs)) - failed


def test_an_error_of_the_store_does_not_lose_what_was_stored(jobs_of, store, monkeypatch):
    monkeypatch.setattr(execute_module, "STORE_SECONDS", -1.0)
    append, calls = store.append, []

    def full(rows):
        calls.append(rows)
        if len(calls) >= 3:
            raise OSError(28, "No space left on device", "part")
        return append(rows)

    monkeypatch.setattr(store, "append", full)
    with pytest.raises(OSError, match="No space left"):
        execute(jobs_of(), InProcess(), store, width=1)
    assert len(store.parts()) == 2


def test_the_executor_of_the_calling_process_keeps_exceptions_for_the_result():
    pool: Executor = InProcess()
    assert pool.submit(divmod, 7, 2).result() == (3, 1)
    failed = pool.submit(divmod, 7, 0)
    assert failed.done() and isinstance(failed.exception(), ZeroDivisionError)


def test_no_more_jobs_are_under_way_than_the_window(jobs_of, store):
    """Stopping is quick only if what was submitted is little."""
    open_futures, most = [], []

    class Late(InProcess):
        def submit(self, fn, /, *args, **kwargs):
            future = super().submit(fn, *args, **kwargs)
            open_futures.append(future)
            most.append(sum(not getattr(f, "seen", False) for f in open_futures))
            result = future.result

            def seen(timeout: float | None = None) -> object:
                future.seen = True
                return result(timeout)

            future.result = seen
            return future

    execute(jobs_of(), Late(), store, width=2)
    assert max(most) <= 4 and len(most) == 9


def test_work_starts_where_an_earlier_run_stopped(jobs_of, store, capsys):
    jobs = jobs_of()
    execute(jobs[:4], InProcess(), store, width=1)
    done = store.keys()
    capsys.readouterr()
    execute([job for job in jobs if job.units[0].key not in done], InProcess(), store, width=1, done=8)
    assert "scoring: 18/18" in capsys.readouterr().err
    assert len(store.load()) == KEYS


def test_signals_are_as_before_afterwards(jobs_of, store):
    before = signal.getsignal(signal.SIGINT)
    execute(jobs_of()[:1], InProcess(), store, width=1)
    assert signal.getsignal(signal.SIGINT) is before


def test_nothing_to_do_writes_nothing(store, tmp_path):
    assert execute([], InProcess(), store, width=1) == (0, 0)
    assert not Path(store.folder).exists()
