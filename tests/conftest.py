"""Fixtures shared by all rooms, and what holds for every test.

No test sees the user's data or touches the user's caches, no window opens, and none may leave a global random state
other than it found it: the package draws from generators that are passed in, and so do its tests.
"""

import os
import random
import signal
import sys
import tempfile
from collections.abc import Generator
from pathlib import Path

import hypothesis
import numpy as np
import pytest
import rich.console  # noqa: F401  its first import draws from `random`; here, no test is the one to do it

REPOSITORY = Path(__file__).resolve().parents[1]
DATA_VARIABLE = "MEDNCA_TEST_DATA"

# The same examples in every run, so that a red test means a change. Examples train nets on busy machines: no deadline,
# and slow drawing is no failure.
# `--hypothesis-profile=explore` looks for new ones.
hypothesis.settings.register_profile(
    "repeatable", derandomize=True, deadline=None, suppress_health_check=[hypothesis.HealthCheck.too_slow]
)
hypothesis.settings.register_profile("explore", derandomize=False, deadline=None, print_blob=True)
hypothesis.settings.load_profile("repeatable")


def pytest_configure(config: pytest.Config) -> None:
    """Set the environment before a test module is imported: matplotlib reads it then, child processes inherit it."""
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:  # a shell's background job: Ctrl-C would reach no test
        signal.signal(signal.SIGINT, signal.default_int_handler)
    home = tempfile.TemporaryDirectory(prefix="mednca-bench-tests-", ignore_cleanup_errors=True)
    config.add_cleanup(home.cleanup)
    environment = pytest.MonkeyPatch()
    config.add_cleanup(environment.undo)
    for name, value in {
        "MEDNCA_CACHE": f"{home.name}/cache",
        "XDG_CACHE_HOME": f"{home.name}/user-cache",
        "MPLCONFIGDIR": f"{home.name}/matplotlib",
        "MPLBACKEND": "Agg",
    }.items():
        environment.setenv(name, value)
    environment.delenv("MEDNCA_DATA", raising=False)


@pytest.fixture(scope="session")
def repository() -> Path:
    """The root of the source tree, which need not be where `mednca_bench` is imported from."""
    return REPOSITORY


@pytest.fixture(scope="session")
def real_data() -> Path:
    """A data root that holds Task04_Hippocampus: `MEDNCA_TEST_DATA`, else `shared/data` beside the repository."""
    named = os.environ.get(DATA_VARIABLE)
    root = Path(named) if named else REPOSITORY.parent / "shared" / "data"
    if (root / "Task04_Hippocampus" / "dataset.json").is_file():
        return root
    if named:
        pytest.fail(f"{root}, named by {DATA_VARIABLE}, holds no Task04_Hippocampus", pytrace=False)
    pytest.skip(f"no real data: {DATA_VARIABLE} is not set and {root} holds no Task04_Hippocampus")


def _global_random_states() -> dict[str, object]:
    """What each global generator would draw next. torch is asked once something has imported it."""
    numpy_state = np.random.get_state(legacy=True)  # noqa: NPY002 (the legacy global state is what is watched)
    states: dict[str, object] = {
        "random": random.getstate(),
        "numpy.random": (numpy_state[1].tobytes(), *numpy_state[2:]),
    }
    torch = sys.modules.get("torch")
    if torch is not None and hasattr(torch, "get_rng_state"):
        states["torch"] = torch.get_rng_state().numpy().tobytes()
    return states


def _unchanged_random_states() -> Generator[None, object, object]:
    before = _global_random_states()
    result = yield
    after = _global_random_states()
    if "torch" in after and "torch" not in before:  # imported meanwhile: nothing was drawn if it stands at its seed
        torch = sys.modules["torch"]
        before["torch"] = torch.Generator().manual_seed(torch.initial_seed()).get_state().numpy().tobytes()
    changed = [name for name, state in after.items() if state != before[name]]
    if changed:
        pytest.fail(f"changed the global random state of {', '.join(changed)}: pass a seeded generator", pytrace=False)
    return result


@pytest.hookimpl(wrapper=True)
def pytest_runtest_setup() -> Generator[None, object, object]:
    """Fail a test whose fixtures draw from a global generator."""
    return (yield from _unchanged_random_states())


@pytest.hookimpl(wrapper=True)
def pytest_runtest_call() -> Generator[None, object, object]:
    """Fail a test that draws from, or seeds, a global generator; hypothesis puts back what it seeds."""
    return (yield from _unchanged_random_states())
