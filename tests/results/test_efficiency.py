"""The efficiency table takes what timing left, whole or in part."""

from pathlib import Path
from types import ModuleType

import pandas as pd
import pytest

from mednca_bench.results import tables
from mednca_bench.results.atomic import write_text
from mednca_bench.results.run_info import RunInfo
from mednca_bench.results.table_efficiency import efficiency, read_efficiency


def test_entries_become_rows(tmp_path: Path, fake: ModuleType) -> None:
    fake.efficiency(tmp_path)
    entries = read_efficiency(tmp_path)
    assert [entry["model"] for entry in entries] == ["med-nca", "unet-small"]
    table = efficiency(entries, info=RunInfo(task="T", split="val", phantom=True))
    assert table is not None
    assert table.frame[["task", "split", "phantom"]].to_numpy().tolist() == [["T", "val", True]] * 2
    shown = table.shown.iloc[0]
    assert (shown["Parameters"], shown["GMAC per slice"], shown["Size"]) == ("70,016", "1.20", "64 × 64")
    assert shown["Slice (ms)"] == "12.3 [14.0]"
    assert "Volume (ms)" not in shown and "Engine" not in shown  # no row has one
    assert "70016," in table.csv() and "machine" not in table.csv()
    assert "Other programs were working" in table.notes[-1] and table.notes[-1].endswith("too long: unet-small 64x64.")


def test_absent_keys_are_dashes(tmp_path: Path) -> None:
    write_text(tmp_path / "efficiency" / "a.json", '{"extra": 1.5}')
    write_text(tmp_path / "efficiency" / "b.json", '{"model": "b", "parameters": 36950273, "size": [64, 48]}')
    table = efficiency(read_efficiency(tmp_path))
    assert table is not None
    assert list(table.shown["Parameters"]) == ["–", "36,950,273"]
    assert list(table.shown["Size"]) == ["–", "64 × 48"]
    assert list(table.frame["model"]) == ["a", "b"]
    assert table.frame["extra"].tolist()[0] == 1.5
    assert "36950273" in table.csv()


def test_no_entries_give_no_table(tmp_path: Path) -> None:
    assert read_efficiency(tmp_path) == []
    assert efficiency([]) is None


@pytest.mark.parametrize("text", ["{", "3"])
def test_damaged_entries_are_named(tmp_path: Path, text: str) -> None:
    path = write_text(tmp_path / "efficiency" / "a.json", text)
    with pytest.raises(ValueError, match=f"{path} is not .*timed again"):
        read_efficiency(tmp_path)


def test_a_run_of_timings_alone_has_the_table(tmp_path: Path, fake: ModuleType) -> None:
    fake.efficiency(tmp_path)
    names = [f"efficiency.{ending}" for ending in ("csv", "md", "tex", "html")]
    assert [path.name for path in tables.write(tmp_path)] == names
    assert len(pd.read_csv(tmp_path / "tables" / "efficiency.csv")) == 2
