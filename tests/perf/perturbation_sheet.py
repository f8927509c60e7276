"""The table of what perturbations cost beside TorchIO's."""

import json
import statistics
from dataclasses import asdict, dataclass
from pathlib import Path

from tests.perf.engine_sheet import machine


@dataclass(frozen=True)
class Row:
    """One family at one size: the seconds of each round, ours and TorchIO's, and the ratio asked for."""

    name: str
    version: int
    size: str
    ours: list[float]
    torchio: list[float]
    goal: float

    @property
    def ratio(self) -> float:
        return statistics.median(self.torchio) / statistics.median(self.ours)


def markdown(rows: list[Row]) -> str:
    """Write the table, one line per family and size; medians."""
    lines = [
        machine(),
        "",
        "| family | volume | ours, ms | TorchIO, ms | times faster | goal |",
        "|---|---|--:|--:|--:|--:|",
    ]
    for row in rows:
        ours, theirs = (1000 * statistics.median(seconds) for seconds in (row.ours, row.torchio))
        lines.append(
            f"| {row.name} v{row.version} | {row.size} | {ours:.2f} | {theirs:.2f} | {row.ratio:.1f} | {row.goal:g} |"
        )
    return "\n".join(lines)


def write(rows: list[Row], folder: Path) -> list[Path]:
    """Write perturbations.json and perturbations.md."""
    folder.mkdir(parents=True, exist_ok=True)
    table, data = folder / "perturbations.md", folder / "perturbations.json"
    table.write_text(markdown(rows) + "\n", encoding="utf-8")
    data.write_text(json.dumps([asdict(row) for row in rows], indent=1) + "\n", encoding="utf-8")
    return [table, data]
