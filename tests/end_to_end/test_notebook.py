"""The notebook's cells run in order on a small phantom, in a fresh process; it is committed without outputs."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

RUN = "import json, sys; space = {}; [exec(compile(cell, f'cell {n}', 'exec'), space) for n, cell in enumerate(json.load(sys.stdin))]"  # noqa: E501
SHOWN = "\nprint('FIGURES', plt.get_fignums(), len(stages), float(stages[-1].logits.std()) > 0)"


@pytest.fixture
def cells(repository: Path) -> list[dict[str, Any]]:
    content = json.loads((repository / "examples/train_med_nca.ipynb").read_text(encoding="utf-8"))
    assert (content["nbformat"], content["nbformat_minor"]) == (4, 5)
    found: list[dict[str, Any]] = content["cells"]
    return found


def test_it_is_committed_without_outputs(cells: list[dict[str, Any]]) -> None:
    code = [cell for cell in cells if cell["cell_type"] == "code"]
    assert len(code) == 5 and all(cell["outputs"] == [] and cell["execution_count"] is None for cell in code)
    assert len({cell["id"] for cell in cells}) == len(cells)


def test_it_runs_on_the_phantom(home, cells: list[dict[str, Any]]) -> None:
    task = home.data / "Phantom04_Hippocampus"
    code = ["".join(cell["source"]) for cell in cells if cell["cell_type"] == "code"]
    where = {"IMAGES": str(task / "imagesTr"), "LABELS": str(task / "labelsTr"), "UPDATES": "3", "MPLBACKEND": "Agg"}
    command = [sys.executable, "-c", RUN]
    done = subprocess.run(
        command,
        input=json.dumps([*code[:-1], code[-1] + SHOWN]),
        capture_output=True,
        text=True,
        check=False,
        cwd=home.folder,
        env=home.environment | where,
        timeout=280,
    )
    assert done.returncode == 0, done.stderr
    assert "Dice" in done.stdout and "FIGURES [1, 2] 8 True" in done.stdout
