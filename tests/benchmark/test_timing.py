"""Timing: one real measurement in fresh processes, and the laws of what is timed, reused and reported."""

import dataclasses
import itertools
import json
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import psutil
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from mednca_bench.benchmark import timing, timing_cases, timing_memory, timing_process, timing_work
from mednca_bench.benchmark.errors import BenchError
from mednca_bench.benchmark.machine import LASTING, machine
from mednca_bench.benchmark.timing import TimingRequest, measure_efficiency, timing_key
from mednca_bench.benchmark.timing_summary import latencies
from mednca_bench.benchmark.workload import WORKLOAD_VARIABLE, Workload
from mednca_bench.models import build
from mednca_bench.models.weights import to_bytes

PARAMETERS = 25_920  # of med-nca-16
# 16 x 16 fine and 4 x 4 coarse cells, 2 steps; per cell 2 convolutions 16 -> 16 of 3 x 3, then 48 -> 128 and 128 -> 16
MACS = (256 + 16) * 2 * (2 * 9 * 16 * 16 + 48 * 128 + 128 * 16)

BROKEN = """
from mednca_bench.models import ModelEntry, register
from mednca_bench.models.base import Segmenter

class Broken(Segmenter):
    def segment(self, image, *, keys):
        raise ValueError("the weather is bad")

    def macs(self, height, width):
        return 0

def make(name, *, in_channels, out_channels):
    return Broken(name, in_channels=in_channels, out_channels=out_channels, options={})

register(ModelEntry("broken", __name__ + ":make", "never works", "nowhere"))
"""
WEATHER = "timing broken on 2 slices of 16 x 16 failed: ValueError: the weather is bad"


def tiny(out: Path, **changes: Any) -> TimingRequest:
    settings = {"model": "med-nca-16", "options": {"steps": 2}, "size": (16, 16), "slices": 2, "threads": 1}
    return TimingRequest(**(settings | {"out": out} | changes))


@pytest.fixture
def broken(tmp_path: Path) -> Path:
    path = tmp_path / "broken_plugin.py"
    path.write_text(BROKEN)
    return path


@pytest.fixture(scope="module")
def measured(tmp_path_factory: pytest.TempPathFactory) -> tuple[TimingRequest, dict[str, Any]]:
    """One measurement, started where the user's own pytest settings would break it."""
    home = tmp_path_factory.mktemp("home")
    (home / "conftest.py").write_text("raise RuntimeError('not for us')\n")
    (home / "pytest.ini").write_text("[pytest]\naddopts = --no-such-option\n")
    request = tiny(home / "efficiency", label="tiny / NCA")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(home)
        patch.setenv("PYTEST_ADDOPTS", "--no-such-option")
        return request, measure_efficiency(request)


class TestOneMeasurement:
    def test_numbers(self, measured):
        _, summary = measured
        assert (summary["parameters"], summary["weight_bytes"]) == (PARAMETERS, 4 * PARAMETERS)
        assert summary["macs"] == MACS
        assert (summary["size"], summary["image_side"], summary["slices"]) == ([16, 16], 16, 2)
        for what in ("slice", "volume"):
            median, p90 = summary[f"latency_{what}_ms_median"], summary[f"latency_{what}_ms_p90"]
            assert 0 < median <= p90
        assert 3 <= summary["rounds"] <= 200
        assert 20 < summary["baseline_memory_mb"] <= summary["loaded_memory_mb"] <= summary["peak_memory_mb"]
        assert summary["cpu"] == machine()["cpu"]
        assert {name: summary["machine"][name] for name in LASTING} == {name: machine()[name] for name in LASTING}
        assert isinstance(summary["busy"], bool)
        assert summary["versions"]["torch"] == torch.__version__
        assert re.fullmatch(r"\d{4}-\d\d-\d\d", summary["date"])

    def test_files(self, measured):
        request, summary = measured
        found = sorted(path.relative_to(request.out).as_posix() for path in request.out.rglob("*.json"))
        assert found == ["rounds/tiny_NCA-16x16-t1.json", "tiny_NCA-16x16-t1.json"]
        assert json.loads((request.out / "tiny_NCA-16x16-t1.json").read_text()) == summary

    def test_raw_rounds_give_the_summary(self, measured):
        request, summary = measured
        raw = json.loads((request.out / "rounds" / f"{request.stem}.json").read_text())
        for entry, what in zip(raw["benchmarks"], ("slice", "volume"), strict=True):
            seconds = np.array(entry["stats"]["data"])
            assert summary[f"latency_{what}_ms_median"] == pytest.approx(1e3 * np.median(seconds), abs=1e-4)
            assert summary[f"latency_{what}_ms_p90"] == pytest.approx(1e3 * np.percentile(seconds, 90), abs=1e-4)

    def test_again_is_read_not_measured(self, measured, monkeypatch):
        request, summary = measured
        monkeypatch.setattr(timing, "measure_memory", forbidden)
        monkeypatch.setattr(timing, "measure_time", forbidden)
        assert measure_efficiency(request) == summary


def forbidden(*_: object) -> None:
    raise AssertionError("measured again")


class TestFailures:
    """A failure is one line that says what was timed and why it failed; nothing is written."""

    def test_model_from_a_plugin_that_fails(self, tmp_path, broken):
        request = tiny(tmp_path / "out", model="broken", options={}, plugins=(broken,))
        with pytest.raises(BenchError) as caught:
            measure_efficiency(request)
        assert str(caught.value) == WEATHER
        assert "Traceback" in caught.value.__notes__[0]
        assert list(request.out.iterdir()) == []

    def test_the_same_under_pytest(self, tmp_path, broken):
        work = tiny(tmp_path, model="broken", options={}, plugins=(broken,)).workload()
        with pytest.raises(BenchError) as caught:
            timing_process.measure_time(work, tmp_path)
        assert str(caught.value) == WEATHER

    @pytest.mark.parametrize(
        ("code", "output", "expected"),
        [
            (1, "E   mednca_bench.benchmark.errors.UsageProblem: no\n1 error in 0.1s", "UsageProblem: no"),
            (1, "Traceback\nMemoryError\n", "MemoryError"),
            (4, "usage: pytest\nsomething else", "something else"),
            (3, "", "exit code 3 without a word"),
        ],
    )
    def test_reason(self, code: int, output: str, expected: str):
        assert timing_process.reason(code, output) == expected

    @pytest.mark.parametrize("changes", [{"slices": 0}, {"threads": 0}])
    def test_nothing_to_time(self, tmp_path, changes):
        with pytest.raises(ValueError, match="is 0; it must be at least 1"):
            tiny(tmp_path, **changes)

    def test_weights_that_are_not_there(self, tmp_path):
        with pytest.raises(BenchError, match=r"none\.safetensors: cannot be read"):
            measure_efficiency(tiny(tmp_path, weights=tmp_path / "none.safetensors"))


class TestReuse:
    @pytest.fixture
    def calls(self, monkeypatch: pytest.MonkeyPatch) -> list[Workload]:
        """Workloads measured, by processes that answer at once."""
        seen: list[Workload] = []
        entry = {"stats": {"data": [0.1, 0.2]}, "extra_info": {"other_cores": 0.0}}
        counted = {"parameters": 1, "weight_bytes": 4, "macs": 1, "instruction_set": "none", "other_cores": 99.0}
        raw = {"benchmarks": [entry | {"name": "test_slice", "extra_info": counted}, entry | {"name": "test_volume"}]}
        monkeypatch.setattr(timing, "measure_memory", lambda work, folder: seen.append(work) or {"peak": 1})
        monkeypatch.setattr(timing, "measure_time", lambda work, folder: json.dumps(raw).encode())
        return seen

    def test_busy_machine_is_flagged(self, tmp_path, calls):
        assert measure_efficiency(tiny(tmp_path))["busy"] is True

    def test_damaged_summary_is_measured_again(self, tmp_path, calls):
        request = tiny(tmp_path)
        summary = measure_efficiency(request)
        for damage in ("", "[]", '{"key": '):
            (tmp_path / f"{request.stem}.json").write_text(damage)
            assert measure_efficiency(request) == summary
        assert len(calls) == 4

    def test_other_machine_is_measured_again(self, tmp_path, calls, monkeypatch):
        measure_efficiency(tiny(tmp_path))
        monkeypatch.setattr(timing, "machine", lambda: machine() | {"cpu": "another"})
        measure_efficiency(tiny(tmp_path))
        assert len(calls) == 2

    def test_frequency_of_the_moment_is_no_other_machine(self, tmp_path, calls, monkeypatch):
        measure_efficiency(tiny(tmp_path))
        monkeypatch.setattr(timing, "machine", lambda: machine() | {"frequency_mhz": 1})
        measure_efficiency(tiny(tmp_path))
        assert len(calls) == 1

    @pytest.mark.parametrize(
        "change",
        [
            {"model": "med-nca"},
            {"options": {"steps": 3}},
            {"in_channels": 2},
            {"out_channels": 2},
            {"size": (16, 24)},
            {"slices": 3},
            {"threads": 2},
            {"profile": "conformant"},
            {"sweep": True},
        ],
    )
    def test_every_setting_counts(self, tmp_path, change):
        assert timing_key(tiny(tmp_path, **change)) != timing_key(tiny(tmp_path))

    def test_place_does_not_count(self, tmp_path):
        assert timing_key(tiny(tmp_path / "moved", label="other")) == timing_key(tiny(tmp_path))

    def test_contents_of_files_count(self, tmp_path, broken):
        before = {name: timing_key(tiny(tmp_path, **{name: value})) for name, value in files(broken).items()}
        broken.write_text(BROKEN + "# changed\n")
        after = {name: timing_key(tiny(tmp_path, **{name: value})) for name, value in files(broken).items()}
        assert len({timing_key(tiny(tmp_path)), *before.values(), *after.values()}) == 5


def files(path: Path) -> dict[str, object]:
    return {"weights": path, "plugins": (path,)}


class TestWork:
    @pytest.fixture(autouse=True)
    def threads(self) -> Iterator[None]:
        before = torch.get_num_threads()
        yield
        torch.set_num_threads(before)

    @given(slices=st.integers(1, 9), step=st.integers(1, 9), channels=st.integers(1, 3), side=st.integers(8, 12))
    def test_a_round_is_every_slice_once(self, slices: int, step: int, channels: int, side: int):
        work = tiny(Path(), in_channels=channels, size=(side, 8)).workload()
        work = dataclasses.replace(work, slices_per_pass=step)
        passes = timing_work.prepare(work, slices=slices, turn=3)
        assert [key.slice for _, keys in passes for key in keys] == list(range(slices))
        images = torch.cat([images for images, _ in passes])
        assert images.shape == (slices, channels, side, 8)
        assert images.dtype == torch.float32
        assert images.min() >= 0 and images.max() < 1
        assert max(len(keys) for _, keys in passes) <= step

    def test_no_round_repeats_images_or_fire_keys(self):
        work = tiny(Path()).workload()
        rounds = [timing_work.prepare(work, slices=2, turn=turn)[0] for turn in range(5)]
        assert len({key for _, keys in rounds for key in keys}) == 10
        assert len({images.numpy().tobytes() for images, _ in rounds}) == 5
        again = timing_work.prepare(work, slices=2, turn=4)[0]
        assert torch.equal(again[0], rounds[4][0])

    def test_passes_are_as_large_as_in_evaluation(self):
        assert tiny(Path(), size=(64, 64)).workload().slices_per_pass == 64
        assert tiny(Path(), size=(960, 960)).workload().slices_per_pass == 1

    def test_segmenting_is_the_plain_call(self):
        work = tiny(Path(), slices=3).workload()
        model = timing_work.make_model(work)
        assert not model.training
        passes = timing_work.prepare(dataclasses.replace(work, slices_per_pass=2), slices=3, turn=0)
        images, keys = torch.cat([part for part, _ in passes]), [key for _, part in passes for key in part]
        torch.testing.assert_close(torch.cat(timing_work.segment(model, passes)), model(images, keys=keys))

    def test_unet_is_counted_once(self):
        """PyPI unet registers its layers under two names each."""
        work = tiny(Path(), model="unet", options={}).workload()
        assert timing_work.facts(timing_work.make_model(work), work) | {"macs": 0} == {
            "parameters": 36_950_273,
            "weight_bytes": 147_801_092,
            "macs": 0,
            "steps": None,
            "engine_version": f"torch {torch.__version__}",
        }

    def test_weights_of_another_model(self, tmp_path):
        path = tmp_path / "weights.safetensors"
        path.write_bytes(to_bytes(build("med-nca-16", steps=5), metadata={}))
        model = timing_work.make_model(tiny(tmp_path, weights=path).workload())
        assert model.options["steps"] == 5  # the file's, not the request's
        with pytest.raises(BenchError, match=r"holds weights of 'med-nca-16', not of 'unet'"):
            timing_work.make_model(tiny(tmp_path, model="unet", weights=path).workload())

    def test_workload_survives_its_file(self, tmp_path, broken):
        work = tiny(tmp_path, weights=tmp_path / "w", plugins=(broken,)).workload()
        work.write(tmp_path / "workload.json")
        assert Workload.read(tmp_path / "workload.json") == work

    def test_every_timed_round_is_fresh(self, monkeypatch):
        work = tiny(Path()).workload()
        model = timing_work.make_model(work)
        seen: list[int] = []
        monkeypatch.setattr(timing_cases, "segment", lambda _, passes: seen.append(passes[0][1][0].seed))
        monkeypatch.setattr(timing_cases, "WARM_UP_SECONDS", (0.0, 0.01))
        recorder, turns = Recorder(), itertools.count()
        for window in range(2):
            timing_cases.test_slice(recorder, model, work, turns, window)
        assert seen == list(range(len(seen)))
        assert len(seen) > 2 * recorder.rounds >= 6  # warmed up before, and no window repeats another
        assert recorder.extra_info["other_cores"] >= 0 and recorder.extra_info["throttling"] == []

    @pytest.mark.parametrize(("seconds", "calls"), [(0.0, 20), (0.5, 2), (4.0, 1)])
    def test_warm_up_ends(self, monkeypatch, seconds: float, calls: int):
        """At least two calls and 0.2 s, unless one call takes the whole 3 s; a call costs 0.01 s more by this clock."""
        clock = [0.0]

        def call(argument: int, *, named: int) -> None:
            assert (argument, named) == (1, 2)
            clock.append(clock[-1] + seconds + 0.01)

        monkeypatch.setattr(timing_cases.time, "perf_counter", lambda: clock[-1])
        assert timing_cases.warm_up(call, lambda: ((1,), {"named": 2})) == pytest.approx(seconds + 0.01)
        assert len(clock) - 1 == pytest.approx(calls, abs=1)

    def test_memory_process(self, tmp_path, monkeypatch):
        work = tiny(tmp_path).workload()
        work.write(tmp_path / "workload.json")
        monkeypatch.setenv(WORKLOAD_VARIABLE, str(tmp_path / "workload.json"))
        timing_memory.main(tmp_path / "answer.json")
        answer = json.loads((tmp_path / "answer.json").read_text())
        assert 0 < answer["loaded"] <= answer["peak"]
        assert 0 < answer["baseline"] <= answer["peak"]


class Recorder:
    """Stands in for pytest-benchmark's fixture."""

    def __init__(self) -> None:
        self.extra_info: dict[str, Any] = {}
        self.rounds = 0

    def pedantic(self, target: Callable[..., object], *, setup: Callable[[], Any], rounds: int) -> None:
        self.rounds = rounds
        for _ in range(rounds):
            args, kwargs = setup()
            target(*args, **kwargs)


class TestPeakMemory:
    def test_reads_the_kernels_high_water_mark(self, tmp_path):
        (tmp_path / "status").write_text("Name:\tpython\nVmHWM:\t    2244 kB\nVmRSS:\t 1000 kB\n")
        assert timing_memory.peak_memory(tmp_path / "status") == 2244 * 1024

    @pytest.mark.parametrize("status", [None, "Name:\tpython\n"])
    def test_system_without_it(self, tmp_path, status: str | None):
        if status:
            (tmp_path / "status").write_text(status)
        assert timing_memory.peak_memory(tmp_path / "status") >= 0.5 * psutil.Process().memory_info().rss

    def test_is_at_least_what_is_used_now(self):
        assert timing_memory.peak_memory() >= 0.99 * psutil.Process().memory_info().rss  # counted in batches of pages


@given(st.lists(st.floats(1e-6, 1e3), min_size=2, max_size=50))
def test_latencies_agree_with_numpy(seconds: list[float]):
    found = list(latencies("slice", seconds).values())
    assert found == pytest.approx([1e3 * np.percentile(seconds, share) for share in (50, 90, 99)], abs=1e-4)
