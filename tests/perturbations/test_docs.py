"""The documented tables are the ones in the code."""

import re
from pathlib import Path

import pytest

from mednca_bench import perturbations


@pytest.mark.parametrize("name", perturbations.TABLE)
def test_documented_severities(name: str, repository: Path) -> None:
    family = perturbations.get(name)
    text = (repository / "docs" / "perturbations.md").read_text(encoding="utf-8")
    row = re.search(rf"^\| `{name}` \| {family.kind} \|(.*)$", text, re.MULTILINE)
    assert row, f"docs/perturbations.md has no row for {name}"
    cells = [cell.strip() for cell in row.group(1).split("|")]
    assert cells[2:7] == [str(magnitude) for magnitude in family.severities]
