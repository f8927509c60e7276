"""efficiency-v2: one real measurement from NIfTI to NIfTI and from a cold start, and what its parts promise."""

import dataclasses
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mednca_bench.benchmark import timing_cases, timing_process
from mednca_bench.benchmark.energy import EnergyMeter
from mednca_bench.benchmark.errors import UsageProblem
from mednca_bench.benchmark.machine_state import MachineState, board_limits, machine_state, throttling
from mednca_bench.benchmark.nifti import read_volume
from mednca_bench.benchmark.timing import TimingRequest, measure_efficiency
from mednca_bench.benchmark.timing_profile import PROFILES, find_profile
from mednca_bench.benchmark.timing_scan import scan_bytes
from mednca_bench.benchmark.timing_summary import summarise_sweep
from mednca_bench.models import build
from mednca_bench.models.fire_cache import recent

STAGES = ("interpreter", "import", "model", "answer")


@pytest.fixture(scope="module")
def request_(tmp_path_factory: pytest.TempPathFactory) -> TimingRequest:
    return TimingRequest(
        model="med-nca-16",
        options={"steps": 2},
        size=(16, 16),
        slices=3,
        threads=1,
        out=tmp_path_factory.mktemp("efficiency"),
        sweep=True,
    )


@pytest.fixture(scope="module")
def summary(request_: TimingRequest) -> dict[str, Any]:
    return measure_efficiency(request_)


class TestOneMeasurement:
    def test_latencies(self, summary):
        for what in ("slice", "end_to_end"):
            median, p90, p99 = (summary[f"latency_{what}_ms_{name}"] for name in ("median", "p90", "p99"))
            assert 0 < median <= p90 <= p99
        assert "latency_volume_ms_median" not in summary
        assert summary["throughput_slices_per_s"] > 0

    def test_cold_start_is_its_stages(self, summary):
        parts = [summary[f"cold_{stage}_s"] for stage in STAGES]
        assert min(parts) >= 0 and summary["cold_import_s"] > 0
        assert sum(parts) == pytest.approx(summary["cold_total_s"], abs=0.01)
        assert summary["cold_starts"] == 1

    def test_what_was_timed(self, summary):
        assert (summary["engine"], summary["steps"], summary["slices"]) == ("PyTorch", 2, 3)
        assert (summary["profile"], summary["conformant"], summary["windows"]) == ("quick", False, 1)
        assert summary["throttled"] is False or summary["throttling"]

    def test_energy_is_measured_or_unavailable(self, summary):
        measured = summary["energy_source"].startswith("RAPL")
        assert measured == (summary["energy_slice_j"] is not None)
        assert measured or summary["energy_source"].startswith("unavailable: ")

    def test_every_window_of_every_part_is_kept(self, request_, summary):
        raw = json.loads((request_.out / "rounds" / f"{request_.stem}.json").read_text())
        assert {entry["name"] for entry in raw["benchmarks"]} == {"test_slice[0]", "test_end_to_end[0]"}


def test_no_fire_mask_is_drawn_twice(request_, tmp_path, monkeypatch):
    """Warm-up, windows and parts: the masks of every round are new to the cache that evaluation uses."""
    work = dataclasses.replace(request_.workload(), slices=1, scan=str(tmp_path / "scan.nii.gz"))
    (tmp_path / "scan.nii.gz").write_bytes(scan_bytes(channels=1, size=(16, 16), slices=1))
    model = build("med-nca-16", steps=2).eval()
    asked: list[int] = []
    draw = recent.draw
    monkeypatch.setattr(recent, "draw", lambda streams, **how: asked.extend(streams) or draw(streams, **how))
    turns = iter(range(1000))
    for part in (timing_cases.test_slice, timing_cases.test_slice):
        part(Recorder(), model, work, turns, 0)
    timing_cases.test_end_to_end(Recorder(), model, work, turns, 0, tmp_path)
    assert len(asked) == len(set(asked)) >= 2 * 3 * 5  # two levels, three parts, warm-up and rounds


class Recorder:
    """Stands in for pytest-benchmark's fixture, for three rounds."""

    def __init__(self) -> None:
        self.extra_info: dict[str, Any] = {}

    def pedantic(self, target: Any, *, setup: Any, rounds: int) -> None:
        for _ in range(3):
            arguments, named = setup()
            target(*arguments, **named)


class TestConformant:
    def windows(self, seconds: float, **info: Any) -> dict[str, Any]:
        """Ten rounds a window; window w is w times as slow."""
        common = {"other_cores": 0.0, "energy_j": 5.0, "energy_source": "RAPL: package-0"} | info
        counted = {"parameters": 1, "weight_bytes": 4, "macs": 1, "steps": None, "instruction_set": "none"}
        return {
            "benchmarks": [
                {"name": f"test_{part}[{w}]", "stats": {"data": [seconds * w] * 10}, "extra_info": common | counted}
                for part in ("slice", "end_to_end")
                for w in (1, 2, 3, 4, 5)
            ]
        }

    def summary(self, request_: TimingRequest, raw: dict[str, Any]) -> dict[str, Any]:
        work = dataclasses.replace(request_, profile="conformant").workload()
        return summarise_sweep(work, raw, memory={"peak": 1}, cold=[{"total": each} for each in (3.0, 1.0, 9.0)])

    def test_every_figure_is_the_median_of_five_windows(self, request_):
        found = self.summary(request_, self.windows(1.0))
        assert (found["latency_slice_ms_median"], found["latency_end_to_end_ms_p99"]) == (3000.0, 3000.0)
        assert (found["windows"], found["throughput_slices_per_s"], found["cold_total_s"]) == (5, 0.333, 3.0)
        assert found["energy_slice_j"] == 0.5
        assert found["conformant"] is True and found["shortest_window_s"] == 10.0

    @pytest.mark.parametrize(
        ("seconds", "info"), [(0.9, {}), (1.0, {"other_cores": 99.0}), (1.0, {"throttling": ["too hot"]})]
    )
    def test_short_windows_other_work_and_throttling_are_not(self, request_, seconds, info):
        found = self.summary(request_, self.windows(seconds, **info))
        assert found["conformant"] is False
        assert found["throttled"] is ("throttling" in info) and found["busy"] is ("other_cores" in info)

    @given(seconds=st.floats(1e-5, 100.0))
    def test_rounds_fill_a_window(self, seconds: float):
        profile = PROFILES["conformant"]
        assert profile.rounds_for(seconds) * seconds >= profile.seconds
        assert profile.rounds_for(seconds) >= 3

    def test_an_unknown_profile_is_answered_with_the_nearest(self):
        with pytest.raises(UsageProblem, match=r"did you mean 'quick'\? allowed: quick, conformant"):
            find_profile("quik")


class TestEnergy:
    def zone(self, root: Path, number: int, name: str, count: int) -> Path:
        zone = root / f"intel-rapl:{number}"
        zone.mkdir(exist_ok=True)
        for file, text in (("name", name), ("energy_uj", count), ("max_energy_range_uj", 1000)):
            (zone / file).write_text(f"{text}\n")
        return zone

    def test_packages_add_up_over_pieces_and_through_the_counter_s_end(self, tmp_path):
        first, second = self.zone(tmp_path, 0, "package-0", 900), self.zone(tmp_path, 1, "package-1", 0)
        self.zone(tmp_path, 2, "dram", 0)
        meter = EnergyMeter(tmp_path)
        assert meter.source == "RAPL: package-0, package-1" and meter.available
        meter.stop()  # nothing was started
        meter.start()
        (first / "energy_uj").write_text("100\n")  # past its end: 200 uJ
        (second / "energy_uj").write_text("50\n")
        meter.stop()
        (first / "energy_uj").write_text("700\n")  # between the pieces
        meter.stop()
        assert meter.joules == pytest.approx(250e-6)

    def test_no_counter_is_unavailable_with_the_reason(self, tmp_path):
        meter = EnergyMeter(tmp_path)
        assert not meter.available and meter.source == "unavailable: this system has no RAPL counters"
        (tmp_path / "intel-rapl:0").mkdir()
        assert "may not be read" in EnergyMeter(tmp_path).source


class TestThrottling:
    def test_a_cool_machine_at_its_clock_is_not(self):
        state = MachineState(frequency_mhz=2000, temperature_c=50, throttle_events=7)
        assert throttling(state, dataclasses.replace(state, frequency_mhz=1900, temperature_c=70)) == ()
        assert throttling(MachineState(), MachineState()) == ()

    @pytest.mark.parametrize(
        ("change", "reason"),
        [
            ({"frequency_mhz": 1700}, "frequency fell from 2000 to 1700 MHz"),
            ({"throttle_events": 8}, "cores were slowed down for heat"),
            ({"temperature_c": 95.0, "too_hot": True}, "temperature 95 C at its limit"),
            ({"board": ("throttled",)}, "board: throttled"),
        ],
    )
    def test_each_sign_is_named(self, change, reason):
        state = MachineState(frequency_mhz=2000, temperature_c=50, throttle_events=7)
        assert throttling(state, dataclasses.replace(state, **change)) == (reason,)

    def test_the_board_s_bits(self, tmp_path):
        (tmp_path / "bits").write_text("50005\n")  # the high half tells of the past
        assert board_limits(tmp_path / "bits") == ("under-voltage", "throttled")
        assert board_limits(tmp_path / "none") == ()

    def test_this_machine_can_be_asked(self):
        state = machine_state()
        assert state.frequency_mhz is None or state.frequency_mhz > 0


def test_the_scan_is_a_scanner_s(tmp_path):
    data = scan_bytes(channels=2, size=(16, 24), slices=3)
    assert data == scan_bytes(channels=2, size=(16, 24), slices=3)
    (tmp_path / "scan.nii.gz").write_bytes(data)
    array = read_volume(tmp_path / "scan.nii.gz").array
    assert array.shape == (16, 24, 3, 2) and array.dtype == np.int16
    assert array.min() >= 0 and array.max() <= 4095 and array[8, 12].mean() > 5 * array[0, 0].mean()


def test_a_failing_cold_start_is_one_line(request_, tmp_path):
    work = dataclasses.replace(request_.workload(), model="none")
    with pytest.raises(Exception, match="timing none on 3 slices of 16 x 16 failed: ValueError: unknown model"):
        timing_process.measure_cold_start(work, tmp_path)


# Hand counts, from the rule: per cell and step two 3 x 3 convolutions C -> C, then 3C -> 128 and 128 -> C.
@pytest.mark.parametrize(
    ("model", "size", "steps", "by_hand"),
    [
        ("med-nca", (256, 256), 64, (65_536 + 4_096) * 64 * (2 * 9_216 + 12_288 + 4_096)),
        ("med-nca", (64, 64), 16, (4_096 + 256) * 16 * 34_816),
        ("med-nca-16", (320, 320), 64, (102_400 + 6_400) * 64 * (2 * 2_304 + 6_144 + 2_048)),
        ("med-nca", (61, 50), 1, (64 * 52 + 16 * 13) * 34_816),  # extended to multiples of 4
    ],
)
def test_macs_of_the_nca_by_hand(model, size, steps, by_hand):
    assert build(model, steps=steps).macs(*size) == by_hand
