"""The description of the machine: worked examples of what systems tell, and laws of the CPU clocks."""

import json
import os
import subprocess
import sys
import time
from pathlib import Path

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from mednca_bench.benchmark import machine as described
from mednca_bench.benchmark.machine import (
    LASTING,
    CpuClock,
    core_quota,
    cpu_clock,
    cpu_name,
    machine,
    other_work,
    usable_cores,
    versions,
)

X86 = "processor\t: 0\nmodel\t\t: 17\nmodel name\t: AMD EPYC 9354\n\nprocessor\t: 1\nmodel name\t: another\n"
PI_64 = "processor\t: 0\nBogoMIPS\t: 108.00\nModel\t\t: Raspberry Pi 4 Model B Rev 1.4\n"


def test_machine_is_plain_data_and_complete():
    here = machine()
    assert json.loads(json.dumps(here)) == here
    assert set(LASTING) <= set(here)
    assert here["cpu"]
    assert here["cores_usable"] >= 1
    assert here["memory_gb"] > 0
    assert machine() | {"frequency_mhz": 0} == here | {"frequency_mhz": 0}


def test_versions_agree_with_the_libraries_themselves():
    assert versions()["torch"] == torch.__version__
    assert {"numpy", "monai", "unet", "pytest-benchmark"} <= set(versions())


def test_describing_the_machine_imports_nothing_heavy():
    code = (
        "import sys; from mednca_bench.benchmark.machine import machine, versions; machine(), versions(); "
        "print({'torch', 'monai', 'scipy', 'pandas', 'numpy'} & set(sys.modules))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "set()"


@pytest.mark.parametrize(
    ("cpuinfo", "name"),
    [
        (X86, "AMD EPYC 9354"),
        (PI_64, "Raspberry Pi 4 Model B Rev 1.4"),
        ("", None),
        ("no colon\nmodel name\t:\n", None),
    ],
)
def test_cpu_name(cpuinfo: str, name: str | None):
    assert cpu_name(cpuinfo) == name


@pytest.mark.parametrize(
    ("files", "quota"),
    [
        ({"cpu.max": "150000 100000\n"}, 1.5),
        ({"cpu.max": "max 100000\n"}, None),
        ({"cpu/cpu.cfs_quota_us": "50000", "cpu/cpu.cfs_period_us": "100000"}, 0.5),
        ({"cpu/cpu.cfs_quota_us": "-1", "cpu/cpu.cfs_period_us": "100000"}, None),
        ({}, None),
    ],
)
def test_core_quota_of_both_control_group_versions(tmp_path: Path, files: dict[str, str], quota: float | None):
    for name, text in files.items():
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(text)
    assert core_quota(tmp_path) == quota


class TestOtherSystems:
    """What is asked on systems that are not at hand; psutil documents the errors."""

    def test_apple(self, monkeypatch):
        answer = subprocess.CompletedProcess([], 0, stdout="Apple M2\n")
        monkeypatch.setattr(described, "_read", lambda path: None)
        monkeypatch.setattr(described.platform, "system", lambda: "Darwin")
        monkeypatch.setattr(subprocess, "run", lambda *command, **options: answer)
        assert described._cpu.__wrapped__() == "Apple M2"

    def test_no_name_anywhere(self, monkeypatch):
        for name in ("system", "processor", "machine"):
            monkeypatch.setattr(described.platform, name, lambda: "")
        monkeypatch.setattr(described, "_read", lambda path: None)
        assert described._cpu.__wrapped__() == "unknown"

    @pytest.mark.parametrize("error", [NotImplementedError, FileNotFoundError, RuntimeError])
    def test_no_frequency(self, monkeypatch, error: type[Exception]):
        def refuse() -> None:
            raise error

        monkeypatch.setattr(described.psutil, "cpu_freq", refuse)
        assert (machine()["frequency_mhz"], machine()["frequency_max_mhz"]) == (None, None)

    def test_no_affinity(self, monkeypatch):
        monkeypatch.delattr(os, "sched_getaffinity", raising=False)
        assert usable_cores() == os.cpu_count()

    def test_library_that_is_not_installed(self, monkeypatch):
        monkeypatch.setattr(described, "LIBRARIES", ("torch", "no-such-library"))
        assert set(versions()) == {"torch"}


seconds = st.floats(0.0, 1e4)


@given(wall=st.floats(0.1, 100.0), own=seconds, others=seconds)
def test_other_work_is_what_is_left_per_second(wall: float, own: float, others: float):
    start = CpuClock(wall=5.0, all_work=70.0, own_work=3.0)
    end = CpuClock(wall=5.0 + wall, all_work=70.0 + own + others, own_work=3.0 + own)
    assert other_work(start, end) == pytest.approx(others / wall, abs=1e-9 * (1 + own + others) / wall)


def test_other_work_is_never_negative():
    """The kernel counts work in ticks of 10 ms, a process's own work exactly."""
    assert other_work(CpuClock(0.0, 0.0, 0.0), CpuClock(0.1, 0.0, 0.01)) == 0.0


def test_clock_counts_own_work_as_own():
    start = cpu_clock()
    until = time.process_time() + 0.3
    while time.process_time() < until:
        pass
    end = cpu_clock()
    assert end.own_work - start.own_work >= 0.3
    assert end.all_work - start.all_work >= 0.2  # counted in ticks
    assert other_work(start, end) <= usable_cores()


def test_other_work_sees_another_process():
    code = "import time; end = time.process_time() + 30\nwhile time.process_time() < end: pass"
    with subprocess.Popen([sys.executable, "-c", code]) as other:
        time.sleep(0.3)  # its start
        start = cpu_clock()
        time.sleep(0.6)
        seen = other_work(start, cpu_clock())
        other.kill()
    assert seen > 0.3
