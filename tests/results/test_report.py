"""report.html in a browser: it opens from disk alone, sorts, filters, fits two widths, and runs nobody else's code."""

import base64
import hashlib
import io
import re
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest
from PIL import Image

from mednca_bench.results import drawings, plots, report, tables
from mednca_bench.results.atomic import write_text
from mednca_bench.results.report import figures
from mednca_bench.results.report.cautions import warnings
from mednca_bench.results.report.summary import chapters
from mednca_bench.results.store import Store

HOSTILE = "</script><script>window.hacked=1</script><img src=x onerror=window.hacked=1>{{7*7}}$\\bad{$'\"&"


def _hostile(record: dict[str, Any]) -> dict[str, Any]:
    """The record with hostile names for one model, one subject and its cases."""
    model = f"a{HOSTILE}" if record["model"] == "unet-small" else record["model"]
    if record["group"] == "subject-01":
        record = record | {"group": HOSTILE, "case": HOSTILE + record["case"]}
    return record | {"model": model}


@pytest.fixture(scope="module")
def page(fake: ModuleType, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The report of a phantom run with a subject, its cases, a model and a command of hostile names."""
    folder: Path = fake.write_run(tmp_path_factory.mktemp("report"), cases=6, phantom=True)
    fake.examples(folder, conditions=3, cases=True)
    shutil.rmtree(folder / "records")
    (folder / "units.parquet").unlink()
    Store(folder).append([_hostile(fake.score(unit)) for unit in fake.units(cases=6, phantom=True)])
    run = (folder / "run.json").read_text()
    write_text(
        folder / "run.json", run.replace("--suite robustness", "--suite robustness </pre><script>hacked=1</script>")
    )
    built = tables.build(folder)
    plots.write(folder, tables=built)
    return report.write(folder, tables=built)


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    from tests.results.browser import chromium

    with chromium() as running:
        yield running


@pytest.fixture
def opened(browser: Any, page: Path) -> Iterator[Callable[..., Any]]:
    """Opens the page at a width and in a colour scheme; whatever it asks for or complains of fails the test."""
    troubles: list[str] = []
    contexts = []

    def open_page(width: int = 1280, scheme: str = "light") -> Any:
        context = browser.new_context(viewport={"width": width, "height": 900}, color_scheme=scheme)
        contexts.append(context)
        tab = context.new_page()
        tab.on("console", lambda message: troubles.append(message.text))
        tab.on("pageerror", lambda error: troubles.append(str(error)))
        tab.on("request", lambda request: troubles.append(request.url) if request.url.startswith("http") else None)
        tab.goto(page.as_uri())
        return tab

    yield open_page
    for context in contexts:
        context.close()
    assert troubles == []


@pytest.mark.parametrize("width", [1280, 390])
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_nothing_overflows_and_the_colours_follow_the_reader(
    opened: Callable[..., Any], width: int, scheme: str
) -> None:
    tab = opened(width, scheme)
    assert tab.evaluate("document.documentElement.scrollWidth") <= width
    beyond = """[...document.querySelectorAll("body *")].filter((e) => !e.closest(".scroll, .paper, pre, .skip"))
        .filter((e) => e.getBoundingClientRect().right > innerWidth + 1).map((e) => e.outerHTML.slice(0, 80))"""
    assert tab.evaluate(beyond) == []
    ground = tab.evaluate("getComputedStyle(document.body).backgroundColor")
    assert (sum(map(int, re.findall(r"\d+", ground)[:3])) < 150) == (scheme == "dark")
    pictures = "[...document.images].map((image) => [image.complete && image.naturalWidth > 0, image.alt.length > 20])"
    assert {tuple(flags) for flags in tab.evaluate(pictures)} == {(True, True)}


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_a_table_that_goes_on_to_the_right_shows_it(opened: Callable[..., Any], scheme: str) -> None:
    tab = opened(1000, scheme)
    region = tab.query_selector("#table-robustness_summary .scroll")
    assert region.evaluate("e => e.scrollWidth > e.clientWidth")
    assert region.evaluate("e => getComputedStyle(e, '::-webkit-scrollbar').height") == "11.2px"

    def edge() -> float:
        """How far the last column of pixels, in the middle, is from the table's ground: 0 to 255."""
        picture = np.asarray(Image.open(io.BytesIO(region.screenshot())).convert("L")).astype(float)
        ground = {"light": 255, "dark": 30}[scheme]
        return float(np.median(np.abs(picture[60:-20, -2] - ground)))

    assert edge() > 40
    region.evaluate("e => e.scrollTo(e.scrollWidth, 0)")
    assert edge() < 3


def test_a_heading_sorts_by_number_both_ways_with_the_undefined_last(opened: Callable[..., Any]) -> None:
    tab = opened()
    column = "rows => rows.map((row) => row.cells[8].textContent)"
    rows, head = "#table-robustness_by_severity tbody tr", "#table-robustness_by_severity thead th:nth-child(9)"
    before = tab.eval_on_selector_all(rows, column)
    assert "–" in before
    for expected in ("ascending", "descending"):
        tab.click(f"{head} button")
        assert tab.get_attribute(head, "aria-sort") == expected
        after = tab.eval_on_selector_all(rows, column)
        known = [float(text) for text in after if text != "–"]
        assert known == sorted(known, reverse=expected == "descending")
        assert after[len(known) :] == ["–"] * before.count("–") and sorted(after) == sorted(before)
    tab.focus("#table-robustness_by_severity thead th:nth-child(3) button")
    tab.keyboard.press("Enter")
    assert tab.get_attribute(head, "aria-sort") is None


def test_negative_numbers_sort_as_such(opened: Callable[..., Any]) -> None:
    tab = opened()
    tab.click("#table-robustness_by_severity thead th:nth-child(8) button")
    cells = tab.eval_on_selector_all(
        "#table-robustness_by_severity tbody tr", "rows => rows.map((r) => r.cells[7].textContent)"
    )
    known = [float(text.split(" ")[0].replace("−", "-")) for text in cells if text != "–"]
    assert known == sorted(known) and known[0] < 0


def test_words_and_menus_filter(opened: Callable[..., Any]) -> None:
    tab = opened()
    table = "#table-robustness_by_severity"
    visible = "rows => rows.filter((row) => !row.hidden).map((row) => row.textContent)"
    total = len(tab.query_selector_all(f"{table} tbody tr"))
    tab.fill(f"{table} input[type=search]", "MED-nca shift")
    rows = tab.eval_on_selector_all(f"{table} tbody tr", visible)
    assert len(rows) == 6 and all("med-nca" in row and "shift" in row for row in rows)
    assert tab.inner_text(f"{table} output") == f"6 of {total} rows"
    tab.fill(f"{table} input[type=search]", "")
    tab.select_option(f"{table} select >> nth=1", label="noise")
    rows = tab.eval_on_selector_all(f"{table} tbody tr", visible)
    assert len(rows) == 12 and all("noise" in row for row in rows)


def test_hostile_names_are_shown_and_not_run(opened: Callable[..., Any]) -> None:
    tab = opened()
    assert tab.evaluate("window.hacked") is None
    assert f"a{HOSTILE}" in tab.eval_on_selector_all("tbody th", "cells => cells.map((cell) => cell.textContent)")
    assert HOSTILE in tab.text_content("#table-subjects")
    assert "</pre><script>hacked=1</script>" in tab.text_content("#provenance pre")
    assert tab.evaluate("document.scripts.length") == 1


def test_the_policy_allows_this_style_and_script_and_nothing_else(page: Path) -> None:
    text = page.read_text(encoding="utf-8")
    policy = re.search(r'Content-Security-Policy" content="([^"]+)"', text)
    assert policy is not None
    allowed = policy[1].replace("&#39;", "'")
    assert allowed.startswith("default-src 'none'; img-src data:;") and "unsafe" not in allowed
    for tag in ("style", "script"):
        (inline,) = re.findall(f"<{tag}>(.*?)</{tag}>", text, flags=re.DOTALL)
        digest = base64.b64encode(hashlib.sha256(inline.encode()).digest()).decode()
        assert f"{tag}-src 'sha256-{digest}'" in allowed
    assert not re.search(r"""(?:src|href)=["'](?!data:|#)""", re.sub(r"&[^;]+;", "", text))


def test_it_is_one_small_file_and_the_same_each_time(page: Path) -> None:
    before = page.read_bytes()
    assert len(before) < 10_000_000
    assert report.write(page.parent) == page and page.read_bytes() == before


def test_a_figure_of_other_tables_is_left_out(
    fake: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fake.write_run(tmp_path, cases=4)
    monkeypatch.setattr(drawings, "KINDS", drawings.KINDS[:1])  # one is enough, all take seconds
    plots.write(tmp_path)
    assert 'id="figure-severity_curves"' in report.write(tmp_path).read_text()
    Store(tmp_path).append([fake.score(unit) for unit in fake.units(cases=5) if unit["case"].endswith("004")])
    (tmp_path / "units.parquet").unlink()
    text = report.write(tmp_path).read_text()
    assert 'id="figure-severity_curves"' not in text and 'id="table-robustness_by_severity"' in text


def test_large_pictures_become_small_ones() -> None:
    noise = np.random.default_rng(0).integers(0, 256, (800, 600, 3), dtype=np.uint8)
    buffer = io.BytesIO()
    Image.fromarray(noise).save(buffer, format="PNG")
    assert len(buffer.getvalue()) > figures.PNG_BYTES
    kind, data = figures._compact(buffer.getvalue())
    assert kind == "jpeg" and len(data) < 400_000 and Image.open(io.BytesIO(data)).size == (300, 400)
    assert figures._compact(b"small") == ("png", b"small")


def test_findings_and_warnings_are_those_of_the_tables(run_folder: Path) -> None:
    built = tables.build(run_folder)
    (chapter,) = chapters(built)
    sentences = " ".join(finding.sentence for finding in chapter.findings)
    assert "12 cases of 6 subjects were scored with 2 models" in sentences
    assert "med-nca has the highest mean Dice on clean images, 0.865 [" in sentences
    assert "noise hurts most: under it unet-small" in sentences
    assert "unet-small loses most" in sentences and "7.2 times as many" in sentences
    found = warnings(built)
    assert any("6 subjects" in text for text in found)
    assert "Failed: 5 answers; the table Data and exclusions says of what." in found
    assert "Not tried: 1 answer; the table Data and exclusions says of what." in found
    assert any("too long: unet-small" in text for text in found)


def test_an_empty_run_has_a_report(tmp_path: Path) -> None:
    assert "Nothing was scored yet." in report.write(tmp_path).read_text()
