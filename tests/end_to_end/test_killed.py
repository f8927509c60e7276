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
    return ("run", "--suite", "robustness", *chosen, *training, *where)


def wait_for(process: subprocess.Popen[str], text: str) -> str:
    """Read standard error up to the line that holds a text."""
    assert process.stderr is not None
    said = []
    for line in process.stderr:
        said.append(line)
        if text in line:
            return "".join(said)
    raise AssertionError(f"{text!r} was never said: {''.join(said)}")


def wait_until(condition: Callable[[], bool], *, seconds: float = 30.0) -> bool:
    """Whether a condition comes true in time."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if condition():
            return True
        time.sleep(0.02)
    return condition()


def kill_group(process, number: int) -> None:
    os.killpg(process.pid, number)


def test_killed_three_times_and_resumed_equals_unbroken(home):
    """Once in training, twice in scoring, each time a random while after something was kept. Both runs train."""
    chance = random.Random(2302)
    caches = {name: {"MEDNCA_CACHE": str(home.folder / f"cache-{name}")} for name in ("broken", "unbroken")}
    store, checkpoints = Store(home.folder / "broken"), home.folder / "cache-broken" / "weights"
    kept = []
    moments: list[tuple[str, Callable[[], bool]]] = [
        ("training ", lambda: any(checkpoints.rglob("checkpoint*"))),
        ("units, ", lambda: len(store.keys()) >= 1),
        ("units, ", lambda: len(store.keys()) >= 9),
    ]
    for said, enough in moments:
        process = home.start(*command(home, "broken"), **caches["broken"])
        wait_for(process, said)
        assert wait_until(enough)
        time.sleep(chance.uniform(0.0, 0.3))
        kill_group(process, signal.SIGKILL)
        process.communicate()
        assert process.returncode == -signal.SIGKILL
        kept.append(len(store.keys()))
    assert kept[0] == 0 < kept[1] and 9 <= kept[2] < UNITS[FEW]
    assert not list(checkpoints.rglob("checkpoint*"))
    resumed = home.run(*command(home, "broken"), **caches["broken"])
    assert resumed.returncode == 0 and f"{kept[2]} of {UNITS[FEW]} were done before" in resumed.stderr
    assert home.run(*command(home, "unbroken"), **caches["unbroken"]).returncode == 0
    broken, unbroken = (Store(home.folder / name).load() for name in ("broken", "unbroken"))
    assert len(unbroken) == UNITS[FEW]
    assert_frame_equal(broken, unbroken)


@pytest.mark.parametrize("scored", [0, 4], ids=["while workers start", "while they work"])
def test_ctrl_c_is_one_line_and_leaves_no_process(home, scored):
    """The terminal sends it to the whole group, workers included."""
    out = f"interrupted-{scored}"
    process = home.start(*command(home, out, families=(), jobs=2, seed=1))
    wait_for(process, "units, ")
    store = Store(home.folder / out)
    if scored:
        assert wait_until(lambda: len(store.keys()) >= scored)
    else:
        assert wait_until(lambda: len(psutil.Process(process.pid).children()) >= 2)
    workers = psutil.Process(process.pid).children(recursive=True)
    kill_group(process, signal.SIGINT)
    _, err = process.communicate(timeout=60)
    assert process.returncode == 1
    assert err.splitlines()[-1] == "error: interrupted; what was computed is kept, the same command goes on from there"
    assert "Traceback" not in err
    assert scored <= len(store.keys()) < UNITS[()]
    assert wait_until(lambda: not any(worker.is_running() for worker in workers))


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
