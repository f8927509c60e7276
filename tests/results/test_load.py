"""`results.load`, and the examples in the docstrings of the room."""

import doctest
import importlib
import pkgutil
import shutil
import subprocess
import sys
from pathlib import Path
from types import ModuleType

import numpy as np
import pandas as pd
import pytest

from mednca_bench import results
from mednca_bench.results.metrics import METRICS, derive
from mednca_bench.results.record import LIST_COLUMNS, SCHEMA
from mednca_bench.results.store import Store


def test_load_is_tidy_and_has_all_metrics(run_folder: Path) -> None:
    frame = results.load(run_folder)
    expected = [name for name in SCHEMA.names if name not in LIST_COLUMNS]
    expected += [metric.name for metric in METRICS if metric.name not in expected]
    assert list(frame.columns) == expected
    pd.testing.assert_frame_equal(frame, derive(Store(run_folder).load())[expected])
    assert frame["dice"].notna().any() and frame["dice"].isna().any()


def test_metrics_are_derived_in_batches(run_folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    whole = results.load(run_folder)
    tidy = importlib.import_module("mednca_bench.results.tidy")
    monkeypatch.setattr(tidy, "BATCH_ROWS", 1)
    pd.testing.assert_frame_equal(results.load(run_folder), whole)


def test_load_refuses_contradictions_and_missing_folders(tmp_path: Path, fake: ModuleType) -> None:
    with pytest.raises(FileNotFoundError, match="no such run folder"):
        results.load(tmp_path / "none")
    row = fake.record(0.8)
    Store(tmp_path).append([row])
    Store(tmp_path).append([row | {"tp": 1}])
    with pytest.raises(ValueError, match="different records of the same unit"):
        results.load(tmp_path)


def test_load_leaves_out_what_tables_leave_out(run_folder: Path, tmp_path: Path, fake: ModuleType) -> None:
    folder = tmp_path / "run"
    shutil.copytree(run_folder, folder)
    mine, stranger = results.load(run_folder), fake.record(0.8, case="hippocampus_999")
    assert stranger["key"] not in set(mine["key"])
    Store(folder).append([stranger])
    pd.testing.assert_frame_equal(results.load(folder), mine)
    assert set(results.load(folder, everything=True)["key"]) - set(mine["key"]) == {stranger["key"]}


def test_an_empty_run_loads(tmp_path: Path) -> None:
    frame = results.load(tmp_path)
    assert frame.empty
    assert frame["dice"].dtype == np.float64


def test_the_room_imports_no_heavy_library() -> None:
    heavy = {"torch", "pandas", "pyarrow", "matplotlib", "scipy"}
    code = f"import sys, mednca_bench.results; print(sorted({heavy} & set(sys.modules)))"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout == "[]\n"


@pytest.mark.parametrize("name", [module.name for module in pkgutil.iter_modules(results.__path__)])
def test_docstring_examples_run(name: str) -> None:
    assert doctest.testmod(importlib.import_module(f"mednca_bench.results.{name}")).failed == 0
