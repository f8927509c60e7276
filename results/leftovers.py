"""Tables and figures that an earlier writing left in a run folder and the present one has nothing for.

A run folder is used again, for other models or fewer cases; and a table of before would contradict those of now.
Only files of names that this package writes are touched: a table's by `TABLES`, a figure's by its sidecar.
"""

import json
from collections.abc import Collection
from pathlib import Path
from typing import Final

TABLES: Final = (
    "accuracy", "accuracy_details", "table1", "reproduction", "robustness_summary", "robustness_by_severity",
    "pairwise", "ranks", "rank_conventions", "training_seeds", "variance", "subjects", "equivariance", "quality",
    "risk_coverage", "efficiency", "efficiency_end_to_end", "memory_ladder", "training", "learning_curves",
    "data",
)  # fmt: skip
"""What `tables.build` may give."""


def clear(run_folder: str | Path, *, written: Collection[Path]) -> list[Path]:
    """Delete the tables and figures that are not among the files just written.

    Args:
        run_folder: as given to `--out`.
        written: all files that `tables.write` and `plots.write` have written now.

    Returns:
        The files deleted.
    """
    folder, kept = Path(run_folder), set(written)
    old = [folder / "tables" / f"{name}.{ending}" for name in TABLES for ending in ("csv", "md", "tex", "html")]
    for sidecar in sorted((folder / "plots").glob("*.json")):
        if _is_ours(sidecar):
            old += [sidecar.with_suffix(ending) for ending in (".png", ".svg", ".json")]
    gone = [path for path in old if path not in kept and path.is_file()]
    for path in gone:
        path.unlink()
    return gone


def _is_ours(sidecar: Path) -> bool:
    try:
        content = json.loads(sidecar.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return False
    return isinstance(content, dict) and content.get("figure") == sidecar.stem
