"""The store: what is appended is there once, whole, or named in an error."""

import errno
import json
import os
import shutil
from pathlib import Path
from types import ModuleType

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from mednca_bench.results.record import COLUMNS, IDENTITY, MEASURED, SCHEMA, SCHEMA_KEY, SCHEMA_VERSION
from mednca_bench.results.store import Store, load_units, write_units


@pytest.fixture
def rows(fake: ModuleType) -> list[dict[str, object]]:
    return [fake.score(unit) for unit in fake.units(cases=2)]


def test_every_column_is_described_and_has_a_role() -> None:
    assert all(column.meaning for column in COLUMNS)
    assert {*IDENTITY, *MEASURED} == set(SCHEMA.names)


def test_round_trip(tmp_path: Path, rows: list[dict[str, object]]) -> None:
    store = Store(tmp_path)
    store.append(rows[:7])
    store.append(rows[7:])
    loaded = store.load()
    assert list(loaded.columns) == SCHEMA.names
    assert store.keys() == {row["key"] for row in rows}
    expected = pd.DataFrame(rows).sort_values(["key", "label"], ignore_index=True)
    for name in SCHEMA.names:
        for found, given in zip(loaded[name], expected[name], strict=True):
            np.testing.assert_array_equal(np.asarray(found), np.asarray(given), err_msg=name)


def test_an_empty_store_has_no_keys_and_an_empty_frame(tmp_path: Path) -> None:
    store = Store(tmp_path / "none")
    assert store.append([]) is None
    assert store.keys() == set()
    assert store.failures() == []
    assert list(store.load(["tp"]).columns) == ["key", "label", "tp"]
    assert not (tmp_path / "none").exists()


def test_the_same_records_give_the_same_part_in_any_order(tmp_path: Path, rows: list[dict[str, object]]) -> None:
    store = Store(tmp_path)
    first = store.append(rows)
    assert store.append(rows[::-1]) == first
    assert store.parts() == [first]


def test_columns_are_chosen_and_unknown_ones_refused(tmp_path: Path, rows: list[dict[str, object]]) -> None:
    store = Store(tmp_path)
    store.append(rows)
    assert list(store.load(["fp", "tp"]).columns) == ["key", "label", "tp", "fp"]
    with pytest.raises(ValueError, match="unknown record columns \\['dice'\\]"):
        store.load(["dice"])


def test_equal_copies_are_one_record(tmp_path: Path, rows: list[dict[str, object]]) -> None:
    store = Store(tmp_path)
    store.append(rows[:5])
    store.append(rows[3:])
    assert len(store.load()) == len(rows)


def test_soft_sums_of_copies_may_differ_in_the_last_digits(tmp_path: Path, rows: list[dict[str, object]]) -> None:
    store = Store(tmp_path)
    store.append(rows[:1])
    store.append([rows[0] | {"p_sum": rows[0]["p_sum"] * (1 + 1e-6)}])  # type: ignore[operator]
    assert store.load()["p_sum"].tolist() == [rows[0]["p_sum"]]


@pytest.mark.parametrize(
    ("column", "value"),
    [("tp", 1), ("p_sum", 7.0), ("case", "other"), ("distance_mm", np.array([9.0, 10, 11, 12, 13], np.float32))],
)
def test_contradicting_copies_are_named(
    tmp_path: Path, rows: list[dict[str, object]], column: str, value: object
) -> None:
    store = Store(tmp_path)
    store.append(rows)
    store.append([rows[0] | {column: value}])
    with pytest.raises(ValueError, match=f"{rows[0]['key']} \\({column}\\)"):
        store.load()


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"tp": None}, "'tp' has no value in 1 rows"),
        ({"tp": "many"}, "'tp' is not int64"),
        ({"dice": 0.8}, "unknown \\['dice'\\]"),
    ],
)
def test_bad_rows_are_refused(
    tmp_path: Path, rows: list[dict[str, object]], change: dict[str, object], message: str
) -> None:
    with pytest.raises(ValueError, match=message):
        Store(tmp_path).append([rows[0] | change])
    assert Store(tmp_path).parts() == []


def test_a_missing_column_and_a_double_row_are_refused(tmp_path: Path, rows: list[dict[str, object]]) -> None:
    with pytest.raises(ValueError, match="missing \\['tp'\\]"):
        Store(tmp_path).append([{name: value for name, value in rows[0].items() if name != "tp"}])
    with pytest.raises(ValueError, match="given twice"):
        Store(tmp_path).append([rows[0], rows[0]])


@pytest.mark.parametrize("keep", [0, 5, 0.5, 0.99])
def test_a_truncated_part_is_named_with_the_remedy(tmp_path: Path, rows: list[dict[str, object]], keep: float) -> None:
    store = Store(tmp_path)
    part = store.append(rows)
    assert part is not None
    data = part.read_bytes()
    part.write_bytes(data[: int(keep if keep > 1 else keep * len(data))])
    for read in (store.keys, store.load):
        with pytest.raises(ValueError, match=f"{part} is truncated or damaged.*delete it; its units are"):
            read()


def test_a_flipped_bit_is_named(tmp_path: Path, rows: list[dict[str, object]]) -> None:
    part = Store(tmp_path).append(rows)
    assert part is not None
    data = bytearray(part.read_bytes())
    data[len(data) // 3] ^= 0x10
    part.write_bytes(bytes(data))
    with pytest.raises(ValueError, match=f"{part}.*delete it"):
        Store(tmp_path).load()


def test_damaged_units_are_named(tmp_path: Path, fake: ModuleType) -> None:
    path = write_units(tmp_path, fake.units(cases=2))
    data = bytearray(path.read_bytes())
    data[4:40] = bytes(byte ^ 0x5A for byte in data[4:40])
    path.write_bytes(bytes(data))
    with pytest.raises(ValueError, match=f"{path} is truncated or damaged"):
        load_units(tmp_path)


def test_foreign_and_newer_parts_are_named(tmp_path: Path, rows: list[dict[str, object]]) -> None:
    store = Store(tmp_path)
    part = store.append(rows)
    assert part is not None
    table = pq.read_table(part)
    part.unlink()
    part = store.records / "part-newer.parquet"
    pq.write_table(table.replace_schema_metadata({SCHEMA_KEY: b"99"}), part)
    with pytest.raises(ValueError, match=f"{part} has record schema 99, this version reads {SCHEMA_VERSION}"):
        store.keys()
    pq.write_table(pa.table({"key": ["a"]}), part)
    with pytest.raises(ValueError, match=f"{part} holds no mednca-bench records"):
        store.keys()


def test_a_full_disk_names_the_part_and_loses_nothing(
    tmp_path: Path, rows: list[dict[str, object]], monkeypatch: pytest.MonkeyPatch
) -> None:
    store = Store(tmp_path)
    store.append(rows[:3])

    def full(_: int) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OSError) as caught:
        store.append(rows[3:])
    assert caught.value.errno == errno.ENOSPC
    assert str(caught.value.filename).startswith(str(store.records))
    monkeypatch.undo()
    assert len(store.load()) == 3


def test_a_killed_writers_temporary_file_is_ignored(tmp_path: Path, rows: list[dict[str, object]]) -> None:
    store = Store(tmp_path)
    part = store.append(rows)
    assert part is not None
    shutil.copy(part, part.with_name(f".{part.name}.1-ab.tmp"))
    part.with_name(".part-half.parquet.1-cd.tmp").write_bytes(b"PAR1")
    assert store.parts() == [part]


def test_failures_survive_a_torn_line(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    store = Store(tmp_path)
    store.fail({"key": "a", "error": "with\nnewline – ü"})
    with store.failures_file.open("a") as stream:
        stream.write('{"key": "b", "err')
    assert [entry["key"] for entry in store.failures()] == ["a"]
    assert "line 2 was torn" in caplog.text
    store.fail({"key": "c"})
    assert [entry["key"] for entry in store.failures()] == ["a", "c"]
    assert store.failures()[0]["error"] == "with\nnewline – ü"


def test_bad_failures_are_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="needs the key"):
        Store(tmp_path).fail({"error": "x"})
    with pytest.raises(ValueError, match="cannot be written as JSON"):
        Store(tmp_path).fail({"key": "a", "at": Path()})
    (tmp_path / "file").write_text("")
    with pytest.raises(OSError) as caught:
        Store(tmp_path / "file").fail({"key": "a"})
    assert caught.value.filename == str(tmp_path / "file" / "failures.jsonl")


def test_units_round_trip(tmp_path: Path, fake: ModuleType) -> None:
    assert load_units(tmp_path) is None
    units = fake.units(cases=2)
    write_units(tmp_path, units)
    loaded = load_units(tmp_path)
    assert loaded is not None
    expected = pd.DataFrame(units).sort_values(["key", "label"], ignore_index=True)
    pd.testing.assert_frame_equal(loaded, expected, check_dtype=False)
    assert json.loads(loaded["parameters"][5])
