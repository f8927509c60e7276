"""Sorting in the report by a browser: columns of numbers by number, of words by letters and whole numbers."""

import random
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from mednca_bench.results import tables
from mednca_bench.results.metrics import derive
from mednca_bench.results.report.page import page
from mednca_bench.results.table import Table


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    from tests.results.browser import chromium

    with chromium() as running:
        yield running


@pytest.fixture
def opened(browser: Any, tmp_path: Path) -> Iterator[Callable[[Table], Any]]:
    """Opens the page of one table."""
    tabs = []

    def open_page(table: Table) -> Any:
        path = tmp_path / "report.html"
        path.write_text(page(tmp_path, {table.name: table}), encoding="utf-8")
        tabs.append(browser.new_page())
        tabs[-1].goto(path.as_uri())
        return tabs[-1]

    yield open_page
    for tab in tabs:
        tab.close()


def table_of(heading: str, cells: list[str]) -> Table:
    scope = pd.DataFrame({"task": "T", "split": "val", "phantom": False}, index=range(len(cells)))
    shown = pd.DataFrame({"Model": [f"m{place}" for place in range(len(cells))], heading: cells})
    return Table("made", "Made", scope, shown)


def cells(tab: Any, table: str, place: int) -> list[str]:
    rows = f"rows => rows.map((row) => row.cells[{place}].textContent.replaceAll('−', '-'))"
    found: list[str] = tab.eval_on_selector_all(f"#table-{table} tbody tr", rows)
    return found


COLUMNS = {
    "p": (["<0.0001", "0.0001", "0.0003", "0.012", "0.11", "0.9"], ["–", "–"]),
    "Dice": (["0.09 ± 0.10 [0.01, 0.20]", "0.883 ± 0.048 [0.8, 0.9]", "0.9 ± 0.1"], ["–"]),
    "Parameters": (["9", "70,016", "502,321", "36,950,000"], ["–"]),
    "Difference": (["-1.5 [-2.0, -1.0]", "-0.2", "+0.012", "+0.2"], ["–", ""]),
    "n": (["7 of 9", "7 of 10", "12 of 12", "100 of 200"], []),
    "Peak": (["1.5", "12", "refused"], ["–"]),
    "Model family": (["a 0.15", "a 0.2", "s2", "s10", "s10b", "t"], ["–"]),
    "Recipe": (["3D UNet", "20", "b2", "b11"], []),
    "Subject": (["2", "10", "101"], []),
}


@pytest.mark.parametrize("heading", COLUMNS)
def test_a_column_sorts_by_what_it_holds(opened: Callable[[Table], Any], heading: str) -> None:
    known, undefined = COLUMNS[heading]
    given = random.Random(0).sample([*known, *undefined], len(known) + len(undefined))
    tab = opened(table_of(heading, given))
    for expected in (known, known[::-1]):
        tab.click("#table-made thead th:nth-child(2) button")
        found = cells(tab, "made", 1)
        if "refused" in known:  # no number: after the numbers, both ways
            expected = [*(text for text in expected if text != "refused"), "refused"]
        assert found[: len(known)] == expected and sorted(found[len(known) :]) == sorted(undefined)


def test_p_values_of_a_real_table_sort_with_the_smallest_first(opened: Callable[[Table], Any], fake: Any) -> None:
    lost = {"med-nca": 0.0, "unet-small": 0.05, "unet": 0.004, "segresnet": 0.001}
    noise = random.Random(1)
    rows = [
        fake.record(0.85 - loss + noise.gauss(0, 0.01), model=model, case=f"c{n}", group=f"s{n}", fire_seed=-1)
        for n in range(24)
        for model, loss in lost.items()
    ]
    table = tables.pairwise(derive(pd.DataFrame(rows)))
    assert table is not None and "<0.0001" in set(table.shown["p"])
    tab = opened(table)
    for name in ("p", "p (Holm)"):
        place = list(table.shown).index(name)
        head = f"#table-pairwise thead th:nth-child({place + 1}) button"
        for reverse in (False, True):
            tab.click(head)
            values = [float(text.replace("<0.0001", "0")) for text in cells(tab, "pairwise", place)]
            assert values == sorted(values, reverse=reverse) and len(set(values)) > 2
