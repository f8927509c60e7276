"""The memory ladder: bisection, what a failure is put down to, and one real limit in fresh processes."""

import json
import sys
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mednca_bench.benchmark import ladder, ladder_attempt, memory_cap
from mednca_bench.benchmark.errors import BenchError
from mednca_bench.benchmark.ladder import climb, measure_ladder
from mednca_bench.benchmark.ladder_attempt import Attempt, try_side
from mednca_bench.benchmark.memory_cap import ADDRESS_SPACE, delegated_group, limited, reserved
from mednca_bench.benchmark.timing import TimingRequest

SIDES = tuple(range(32, 1025, 32))
linux = pytest.mark.skipif(not sys.platform.startswith("linux"), reason="only Linux enforces a memory limit")


def request(out: Path, **changes: Any) -> TimingRequest:
    settings = {"model": "med-nca-16", "options": {"steps": 1}, "size": (64, 64), "slices": 1, "threads": 1}
    return TimingRequest(**(settings | {"out": out} | changes))


@given(limit=st.integers(0, 1100), sides=st.lists(st.sampled_from(SIDES), min_size=1, unique=True).map(sorted))
def test_the_largest_side_that_works_is_found(limit: int, sides: list[int]):
    tried: list[int] = []

    def attempt(side: int) -> Attempt:
        tried.append(side)
        return Attempt(ok=side <= limit, failed_for="" if side <= limit else "memory")

    side, best, beyond = climb(attempt, sides=tuple(sides))
    assert side == max((each for each in sides if each <= limit), default=None)
    assert best.ok == (side is not None)
    larger = [each for each in sides if side is not None and each > side]
    assert (beyond is None) == (not larger) and (beyond is None or beyond.failed_for == "memory")
    assert len(tried) == len(set(tried)) <= 2 + len(sides).bit_length()


class TestLadder:
    @pytest.fixture
    def rungs(self, monkeypatch: pytest.MonkeyPatch) -> list[tuple[int, int]]:
        """Attempts (cap in MB, side), answered at once: a side needs as many MB as pixels, the weights take 100."""
        seen: list[tuple[int, int]] = []

        def answer(wanted: TimingRequest, cap: int, folder: Path, group: Path | None) -> Attempt:
            mb, side = cap // 10**6, wanted.size[0]
            seen.append((mb, side))
            if mb < 100:
                return Attempt(ok=False, failed_for="weights", baseline_mb=600.0)
            return Attempt(ok=side <= mb, failed_for="" if side <= mb else "memory", baseline_mb=600.0, peak_mb=200.0)

        monkeypatch.setattr(ladder, "try_side", answer)
        monkeypatch.setattr(ladder, "method", lambda: ADDRESS_SPACE)
        return seen

    def test_rows(self, tmp_path, rungs):
        told: list[str] = []
        found = measure_ladder(request(tmp_path), note=told.append)
        sides = {row["cap_mb"]: (row["largest_side"], row["stopped_by"]) for row in found["rows"]}
        assert list(sides) == [64, 128, 256, 512, 1024, 2048]
        assert sides[128] == (128, "memory") and sides[512] == (512, "memory") and sides[64] == (None, "weights")
        assert sides[1024] == sides[2048] == (1024, "nothing larger was tried")
        assert found["method"] == ADDRESS_SPACE and len(told) == 6
        assert json.loads((tmp_path / "ladder" / "med-nca-16-t1.json").read_text()) == found

    def test_what_fails_under_a_large_cap_is_not_tried_under_a_smaller(self, tmp_path, rungs):
        measure_ladder(request(tmp_path), caps=(128, 512))
        assert max(side for cap, side in rungs if cap == 128) <= 512
        rungs.clear()
        measure_ladder(request(tmp_path), caps=(32, 64))
        assert rungs == [(64, 32)]  # not even the weights fit

    def test_again_is_read_not_measured(self, tmp_path, rungs):
        found = measure_ladder(request(tmp_path), caps=(128,))
        rungs.clear()
        assert measure_ladder(request(tmp_path), caps=(128,)) == found and rungs == []
        measure_ladder(request(tmp_path, threads=2), caps=(128,))
        assert rungs


@linux
def test_a_hard_limit_in_fresh_processes(tmp_path):
    """A 1024 x 1024 state of 16 float32 is 67 MB: more than 40, far less than 1000."""
    for cap, expected in ((40, "memory"), (1000, "")):
        folder = tmp_path / str(cap)
        folder.mkdir()
        found = try_side(request(tmp_path, size=(1024, 1024)), cap * 10**6, folder, None)
        assert (found.ok, found.failed_for) == (not expected, expected)
        assert found.baseline_mb is not None and found.baseline_mb > 50  # the libraries', which the cap leaves out


@linux
def test_another_failure_is_no_lack_of_memory(tmp_path):
    with pytest.raises(BenchError, match=r"memory ladder of none failed at side 64 under 100 MB: .*unknown model"):
        try_side(request(tmp_path, model="none"), 10**8, tmp_path, None)


@linux
def test_no_time(tmp_path, monkeypatch):
    monkeypatch.setattr(ladder_attempt, "SECONDS", 0.01)
    assert try_side(request(tmp_path), 10**8, tmp_path, None) == Attempt(ok=False, failed_for="time")


class TestControlGroup:
    """Against a folder that looks like one: what the kernel does with it cannot be tested without a delegated group."""

    @pytest.fixture
    def group(self, tmp_path) -> Path:
        group = tmp_path / "mount" / "user.slice" / "me"
        group.mkdir(parents=True)
        (group / "cgroup.subtree_control").write_text("cpu memory\n")
        (tmp_path / "own").write_text("0::/user.slice/me\n")
        return group

    def test_found_only_with_the_memory_controller(self, group, tmp_path):
        assert delegated_group(tmp_path / "mount", tmp_path / "own") == group
        (group / "cgroup.subtree_control").write_text("cpu\n")
        assert delegated_group(tmp_path / "mount", tmp_path / "own") is None
        (tmp_path / "own").write_text("4:memory:/old\n")  # version 1
        assert delegated_group(tmp_path / "mount", tmp_path / "own") is None

    def test_a_child_is_limited_and_removed(self, group, monkeypatch):
        removed: list[Path] = []
        monkeypatch.setattr(Path, "rmdir", lambda self: removed.append(self))  # a real one has no files of its own
        with limited(group, 64_000_000) as words:
            (child,) = (path for path in group.iterdir() if path.is_dir())
            assert (child / "memory.max").read_text() == "64000000"
            assert words[:2] == ["/bin/sh", "-c"] and words[-1] == str(child)
        assert removed == [child]


@linux
def test_reserved_memory_is_the_kernel_s_figure(tmp_path):
    assert reserved() > 10**7
    (tmp_path / "status").write_text("Name: x\nVmSize:\t  100 kB\n")
    assert reserved(tmp_path / "status") == 102_400
    (tmp_path / "status").write_text("Name: x\n")
    with pytest.raises(BenchError, match="names no VmSize"):
        reserved(tmp_path / "status")


def test_other_systems_are_told(monkeypatch):
    monkeypatch.setattr(memory_cap.sys, "platform", "win32")
    with pytest.raises(BenchError, match="a hard memory limit needs Linux, and this is win32"):
        memory_cap.method()
