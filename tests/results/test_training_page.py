"""The example of docs/training.md draws the figure that the page shows."""

import doctest
import shutil
from pathlib import Path

import numpy as np
import pytest
from PIL import Image


def test_the_figure_is_of_the_numbers_beside_it(
    repository: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    text = (repository / "docs" / "training.md").read_text(encoding="utf-8")
    (tmp_path / "docs").mkdir()
    shutil.copy(repository / "docs" / "learning_curves.csv", tmp_path / "docs")
    monkeypatch.chdir(tmp_path)
    page = doctest.DocTestParser().get_doctest(text, {}, "training.md", "training.md", 0)
    report: list[str] = []
    assert len(page.examples) > 5
    assert doctest.DocTestRunner().run(page, out=report.append).failed == 0, "".join(report)
    shown, drawn = (
        np.asarray(Image.open(f), dtype=float) for f in (repository / "docs/learning_curves.png", "learning_curves.png")
    )
    assert shown.shape == drawn.shape
    assert np.abs(shown - drawn).mean() < 0.005, "docs/learning_curves.png is not of docs/learning_curves.csv"
