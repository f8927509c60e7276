"""Killed, interrupted, out of workers: nothing computed is lost, nothing is left running, the records are the same."""

import os
import random
import signal
import subprocess
import time
from collections.abc import Callable

import psutil
import pytest
from pandas.testing import assert_frame_equal

from mednca_bench.results.store import Store

FEW = ("noise", "shift")
UNITS = {FEW: 2 * (2 + 5 + 5), (): 2 * (2 + 8 * 5)}  # of 2 cases


def command(home, out: str, *, families: tuple[str, ...] = FEW, jobs: int = 1, seed: int = 0) -> tuple[str, ...]:
    """About 1 s of training and 0.05 s a unit."""
    chosen = [word for name in families for word in ("--perturbation", name)]
    training = ("--model", "med-nca-16", "--recipe", "slow", "--plugin", str(home.slow_plugin), "--seed", str(seed))
    where = ("--data", str(home.data), "--out", out, "--jobs", str(jobs))
    return ("run", "--suite", "robustness-v1", *chosen, *training, *where)


def wait_for(process: subprocess.Popen[str], text: str) -> str:
    """Read standard error up to the line that holds a text."""
    assert process.stderr is not None
    said = []
    for line in process.stderr:
        said.append(line)
        if text in line:
            return "".join(said)
    raise AssertionError(f"{text!r} was never said: {''.join(said)}")


def wait_until(condition: Callable[[], bool], *, seconds: float = 120.0) -> bool:
    """Whether a condition comes true in time."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if condition():
            return True
        time.sleep(0.02)
    return condition()


def kill_group(process, number: int) -> None:
    os.killpg(process.pid, number)


def own_cache(home, name: str) -> dict[str, str]:
    """A cache of its own, so that a run trains, whatever other tests did."""
    return {"MEDNCA_CACHE": str(home.folder / f"cache-{name}")}


@pytest.fixture(scope="module")
def unbroken(home) -> Store:
    done = home.run(*command(home, "unbroken"), **own_cache(home, "unbroken"))
    assert done.returncode == 0, done.stderr
    return Store(home.folder / "unbroken")


@pytest.fixture(scope="module")
def kept(home) -> list[int]:
    """Units in the store after each of three kills: one in training, two in scoring, a random while after a save."""
    chance = random.Random(2302)
    store, checkpoints = Store(home.folder / "broken"), home.folder / "cache-broken" / "weights"
    moments: list[tuple[str, Callable[[], bool]]] = [
        ("training ", lambda: any(checkpoints.glob("*/checkpoint*"))),
        ("units, ", lambda: len(store.keys()) >= 1),
        ("units, ", lambda: len(store.keys()) >= 9),
    ]
    counts = []
    for said, enough in moments:
        process = home.start(*command(home, "broken"), **own_cache(home, "broken"))
        wait_for(process, said)
        assert wait_until(enough)
        time.sleep(chance.uniform(0.0, 0.3))
        kill_group(process, signal.SIGKILL)
        process.communicate()
        assert process.returncode == -signal.SIGKILL
        counts.append(len(store.keys()))
    assert not list(checkpoints.glob("*/checkpoint*"))
    return counts


def test_an_unbroken_run_scores_every_unit(unbroken):
    assert len(unbroken.load()) == UNITS[FEW]


def test_what_was_stored_before_a_kill_is_kept(kept):
    assert kept[0] == 0 < kept[1] and 9 <= kept[2] < UNITS[FEW]


def test_killed_three_times_and_resumed_equals_unbroken(home, kept, unbroken):
    resumed = home.run(*command(home, "broken"), **own_cache(home, "broken"))
    assert resumed.returncode == 0 and f"{kept[2]} of {UNITS[FEW]} were done before" in resumed.stderr
    assert_frame_equal(Store(home.folder / "broken").load(), unbroken.load())


@pytest.mark.parametrize("scored", [0, 4], ids=["while workers start", "while they work"])
def test_ctrl_c_is_one_line_and_leaves_no_process(home, scored):
    out = f"interrupted-{scored}"
    process = home.start(*command(home, out, families=(), jobs=2, seed=1))
    wait_for(process, "units, ")
    store = Store(home.folder / out)
    if scored:
        assert wait_until(lambda: len(store.keys()) >= scored)
    else:
        assert wait_until(lambda: len(psutil.Process(process.pid).children()) >= 2)
    workers = psutil.Process(process.pid).children(recursive=True)
    interrupt(process)
    assert scored <= len(store.keys()) < UNITS[()]
    assert wait_until(lambda: not any(alive(worker) for worker in workers))


def test_ctrl_c_while_two_models_train_keeps_both_checkpoints(home):
    cache = home.folder / "cache-training"
    words = (*command(home, "trained", jobs=2), "--seed", "1")
    process = home.start(*words, MEDNCA_CACHE=str(cache), TEST_DAWDLE="0.5")
    assert wait_until(lambda: len(list(cache.glob("weights/*/tensorboard"))) == 2)  # both are in their loop
    interrupt(process)
    assert len(list(cache.glob("weights/*/checkpoint.safetensors"))) == 2
    assert not list(cache.glob("weights/*/weights.safetensors")) and not (home.folder / "trained/records").exists()


def interrupt(process: subprocess.Popen[str]) -> None:
    """Press Ctrl-C, which reaches the whole group: the command says so in one line and leaves with exit code 1."""
    kill_group(process, signal.SIGINT)
    _, err = process.communicate(timeout=120)
    assert process.returncode == 1
    assert err.splitlines()[-1] == "error: interrupted; what was computed is kept, the same command goes on from there"
    assert "Traceback" not in err


def test_workers_die_with_a_killed_parent(home):
    process = home.start(*command(home, "orphans", jobs=2, seed=1), TEST_DAWDLE="0.5")
    wait_for(process, "units, ")
    store = Store(home.folder / "orphans")
    assert wait_until(lambda: len(store.keys()) > 0)
    workers = psutil.Process(process.pid).children(recursive=True)
    assert len(workers) >= 2
    process.kill()
    process.communicate()
    assert wait_until(lambda: not any(alive(worker) for worker in workers)), workers
    assert len(store.keys()) < UNITS[FEW]


def alive(worker: psutil.Process) -> bool:
    try:
        return worker.is_running() and worker.status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False
