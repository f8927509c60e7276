"""The examples of docs/python.md run and print what they say."""

import doctest
from pathlib import Path
from types import ModuleType

import pytest


def test_the_page_runs(fake: ModuleType, repository: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    fake.write_run(tmp_path / "runs" / "mine")
    monkeypatch.chdir(tmp_path)
    text = (repository / "docs" / "python.md").read_text(encoding="utf-8")
    page = doctest.DocTestParser().get_doctest(text, {}, "python.md", "python.md", 0)
    report: list[str] = []
    assert len(page.examples) > 10
    assert doctest.DocTestRunner().run(page, out=report.append).failed == 0, "".join(report)
    assert len(text.splitlines()) <= 55, "one screen"
