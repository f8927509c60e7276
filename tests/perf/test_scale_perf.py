"""Tables of many records, in a process of their own: `pytest tests/perf/test_scale_perf.py --benchmark-only`.

A record is a case of two thousand under one of 52 conditions by one of ten models: 1,040,000. Time is of
`tables.build`, from the files to the numbers, imports and the reading of the parts included; memory is the peak of the
whole process, which on Linux is asked of the process itself: `getrusage` there counts what its parent had before.
"""

import json
import subprocess
import sys
from pathlib import Path

import pytest
from pytest_benchmark.fixture import BenchmarkFixture

from tests.perf.many_records import write_run

SECONDS, GIGABYTES = 10.0, 2.0

PROGRAM = """
import json, resource, sys, time
start = time.perf_counter()
from mednca_bench.results import tables
built = tables.build(sys.argv[1])
seconds = time.perf_counter() - start
if sys.platform == "linux":
    lines = open("/proc/self/status").read().splitlines()
    peak = next(int(line.split()[1]) for line in lines if line.startswith("VmHWM")) * 1024
else:
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * (1 if sys.platform == "darwin" else 1024)
print(json.dumps({"seconds": seconds, "gigabytes": peak / 1e9, "tables": sorted(built)}))
"""


def built(folder: Path) -> dict[str, float]:
    answer = subprocess.run([sys.executable, "-c", PROGRAM, str(folder)], capture_output=True, text=True, check=True)
    found: dict[str, float] = json.loads(answer.stdout)
    return found


@pytest.mark.parametrize("models", [1, 10], ids=["104 thousand", "a million"])
def test_tables_of_many_records(benchmark: BenchmarkFixture, tmp_path: Path, models: int) -> None:
    rows = write_run(tmp_path, models=models, subjects=1000)
    found = benchmark.pedantic(built, args=(tmp_path,), rounds=1)
    benchmark.extra_info.update(found, records=rows)
    print(f"\n{rows:,} records: {found['seconds']:.1f} s, {found['gigabytes']:.2f} GB")
    assert found["seconds"] < SECONDS and found["gigabytes"] < GIGABYTES
