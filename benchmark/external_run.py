"""The run folder of scored predictions: run.json, units, records and failures, as `run` writes them for our models."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from .. import __version__
from ..results.record import UNIT_SCHEMA
from ..results.store import Store, load_units, write_units
from .condition import Condition
from .errors import BenchError
from .external import Found, Manifest, scored_rows
from .machine import machine, versions
from .provenance import family_table, read_run, write_run

SHARED = ("task", "split", "phantom", "suite", "labels")
"""What two sets of predictions must share to stand in one run folder."""


def score_into(
    folder: Path, manifest: Manifest, found: Found, *, model: str, predictions: Path
) -> list[dict[str, Any]]:
    """Score predictions into a run folder, beside those of other makers that were scored on the same export.

    Returns:
        The failures: missing and unreadable predictions.

    Raises:
        BenchError: the folder holds results for something else.
    """
    before = read_run(folder)
    content = manifest.content
    for name in SHARED:
        if before and before.get(name) != content[name]:
            raise BenchError(
                f"{folder}: holds results for {name} {before.get(name)}, not {content[name]}; give another --out"
            )
    intended, records, failures = scored_rows(manifest, found, model=model)
    description = _description(manifest, before, model=model, predictions=predictions)
    write_run(folder, description)
    store = Store(folder)
    done = store.keys()
    store.append([row for row in records if row["key"] not in done])
    for failure in failures:
        store.fail(failure)
    write_units(folder, _units(folder, intended, model=model))
    write_run(folder, description, outcome={"computed": len(records), "failed": len(failures)})
    return failures


def _units(folder: Path, intended: list[dict[str, Any]], *, model: str) -> list[dict[str, Any]]:
    """This maker's units in place of its earlier ones, and those of the others."""
    earlier = load_units(folder)
    kept: list[dict[str, Any]] = []
    if earlier is not None:
        kept = [{str(k): v for k, v in row.items()} for row in earlier.to_dict("records") if row["model"] != model]
    return [*kept, *({name: row[name] for name in UNIT_SCHEMA.names} for row in intended)]


def _description(manifest: Manifest, before: dict[str, Any], *, model: str, predictions: Path) -> dict[str, Any]:
    conditions = [Condition(**entry["condition"]) for entry in manifest.entries]
    families = {c.perturbation: c.family for c in conditions if c.severity and c.installed}
    others = [entry for entry in before.get("models", []) if entry.get("model") != model]
    return {
        "mednca_bench": __version__,
        **{name: manifest.content[name] for name in SHARED},
        "manifest": str(manifest.folder),
        "cases": sorted({entry["case"] for entry in manifest.entries}),
        "models": [*others, {"model": model, "recipe": "external", "predictions": str(predictions)}],
        "perturbations": {name: family_table(family) for name, family in sorted(families.items())},
        "versions": versions(),
        "machine": machine(),
    }
