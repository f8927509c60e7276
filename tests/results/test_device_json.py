"""Results from another machine are taken whole or not at all, and what they say is shown, never obeyed."""

import copy
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mednca_bench.results import tables
from mednca_bench.results.device_json import import_results, read_results

GOOD: dict[str, Any] = {
    "format": "mednca-device-result",
    "version": 1,
    "bundle": "ab" * 32,
    "date": "2026-01-31",
    "machine": {
        "cpu": "Raspberry Pi Model B Plus Rev 1.2 (ARMv6-compatible processor rev 7 (v6l))",
        "architecture": "armv6l",
        "os": "Linux-6.1",
        "python": "CPython 3.9.2",
        "cores": 1,
        "memory_mb": 459.0,
        "governor": None,
    },
    "rows": [
        {
            "model": "med-nca",
            "label": "mine",
            "weights": "cd" * 32,
            "parameters": 70016,
            "weight_bytes": 280064,
            "macs": 2424307712,
            "steps": 16,
            "runner": "c",
            "compiler": "gcc 10 -O3",
            "size": [64, 64],
            "threads": 1,
            "seconds": [3.0, 1.0, 2.0],
            "peak_memory_mb": 2.5,
            "check_error": 1e-6,
            "other_cores": 0.02,
            "throttled": False,
            "frequency_mhz": 700.0,
            "temperature_c": None,
        }
    ],
}


@pytest.fixture
def file(tmp_path: Path) -> Callable[[Any], Path]:
    def write(content: Any) -> Path:
        path = tmp_path / "device.json"
        path.write_text(content if isinstance(content, str) else json.dumps(content))
        return path

    return write


def changed(*place: Any, value: Any) -> dict[str, Any]:
    content = copy.deepcopy(GOOD)
    target: Any = content
    for step in place[:-1]:
        target = target[step]
    target[place[-1]] = value
    return content


def test_a_row_of_the_efficiency_table(file, tmp_path):
    (path,) = import_results(file(GOOD), tmp_path)
    assert import_results(file(GOOD), tmp_path) == [path]  # the same again is the same file
    (table,) = tables.build(tmp_path).values()
    shown = table.shown.iloc[0]
    assert shown["Model"].startswith("med-nca on Raspberry Pi Model B Plus") and shown["Engine"] == "C"
    assert shown["Slice (ms)"] == "2,000 [2,800, 2,980]" and shown["Size"] == "64 × 64"
    assert shown["Slices/s"] == "0.500" and shown["Peak memory (MB)"] == "2"


def test_a_busy_device_is_flagged(file):
    (row,) = read_results(file(changed("rows", 0, "other_cores", value=0.5)))
    assert row["busy"] is True
    (row,) = read_results(file(changed("rows", 0, "other_cores", value=None)))
    assert row["busy"] is False


def test_what_it_says_is_escaped(file, tmp_path):
    content = changed("machine", "cpu", value="<script>alert(1)</script> | x")
    import_results(file(content), tmp_path)
    text = tables.build(tmp_path)["efficiency"].markdown()
    assert "<script" not in text and "&lt;script>" in text and "\\| x" in text


WRONG = [
    (("rows", 0, "extra"), 1, "the file: rows[0] has an unknown field 'extra'"),
    (("machine", "host"), "me", "the file: machine has an unknown field 'host'"),
    (("version",), 2, "the file: version is not a whole number from 1 to 1"),
    (("version",), True, "the file: version is not a whole number"),
    (("format",), "mednca-device-result\n", "the file: format is not"),
    (("date",), "yesterday", "the file: date is not a date"),
    (("bundle",), "AB" * 32, "the file: bundle is not a SHA-256"),
    (("machine",), [], "the file: machine is not an object"),
    (("machine", "cpu"), "a\x1b[31mb", "the file: machine: cpu is not a line of 1 to 200 printable characters"),
    (("machine", "cpu"), "x" * 201, "the file: machine: cpu is not a line"),
    (("machine", "cores"), 0, "the file: machine: cores is not a whole number"),
    (("rows",), [], "the file: rows is not a list of 1 to 1000"),
    (("rows", 0, "label"), "../../x\n", "the file: rows[0]: label is not a line"),
    (("rows", 0, "runner"), "perl", "the file: rows[0]: runner is not python or c"),
    (("rows", 0, "seconds"), [1.0, 1.0], "the file: rows[0]: seconds is not a list of 3"),
    (("rows", 0, "seconds"), [1.0, 1.0, -1.0], "the file: rows[0]: seconds[2] is not a number"),
    (("rows", 0, "seconds"), [1.0, 1.0, "1"], "the file: rows[0]: seconds[2] is not a number"),
    (("rows", 0, "size"), [64], "the file: rows[0]: size is not a list of 2 to 2"),
    (("rows", 0, "check_error"), 0.1, "the file: rows[0]: check_error is not a number from 0 to 0.0001"),
    (("rows", 0, "throttled"), 0, "the file: rows[0]: throttled is neither true nor false"),
    (("rows", 0, "parameters"), 10**13, "the file: rows[0]: parameters is not a whole number"),
]


@pytest.mark.parametrize(
    ("place", "value", "words"), WRONG, ids=[f"{place}-{value!r:.20}" for place, value, _ in WRONG]
)
def test_anything_else_is_refused_with_its_place(file, tmp_path, place, value, words):
    with pytest.raises(ValueError, match="is no device result") as caught:
        import_results(file(changed(*place, value=value)), tmp_path)
    assert words in str(caught.value) and str(caught.value).isprintable()
    assert not (tmp_path / "efficiency").exists()


@pytest.mark.parametrize("place", [(name,) for name in GOOD] + [("rows", 0, name) for name in GOOD["rows"][0]])
def test_every_field_is_needed(file, place):
    content = copy.deepcopy(GOOD)
    target: Any = content
    for step in place[:-1]:
        target = target[step]
    del target[place[-1]]
    with pytest.raises(ValueError, match=f"lacks the field '{place[-1]}'"):
        read_results(file(content))


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "Expecting value"),
        ("[1]", "the file is not an object"),
        ('{"format": 1, "format": 2}', "a field stands twice"),
        (json.dumps(GOOD).replace("700.0", "NaN"), "NaN is no number"),
        (json.dumps(GOOD).replace("700.0", "1e999"), "frequency_mhz is not a number"),
        ("[" * 100_000, "recursion"),
    ],
)
def test_broken_json(file, text, words):
    with pytest.raises(ValueError, match=words):
        read_results(file(text))


def test_huge_files_are_not_read(file):
    with pytest.raises(ValueError, match="is larger than 4,000,000 bytes"):
        read_results(file(" " * 4_000_001))


@given(
    st.recursive(
        st.none() | st.booleans() | st.floats() | st.text(),
        lambda each: st.lists(each) | st.dictionaries(st.text(), each),
    )
)
def test_no_other_json_breaks_the_reader(tmp_path_factory, content):
    path = tmp_path_factory.mktemp("device") / "x.json"
    path.write_text(json.dumps(content))
    with pytest.raises(ValueError, match="is no device result") as caught:
        read_results(path)
    assert len(str(caught.value).splitlines()) == 1
