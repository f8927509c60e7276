"""Many plausible records, fast: parts built as Arrow tables, a model and 100 cases each.

Two cases a subject, ten perturbation families at five severities, clean on both grids: 52 records a case and model.
Each has 10 to 30 distinct surface distances and 15 calibration bins.
"""

import hashlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from mednca_bench.results.atomic import write_bytes
from mednca_bench.results.parts import part_name, to_bytes
from mednca_bench.results.record import CALIBRATION_BINS, SCHEMA, UNIT_SCHEMA

FAMILIES = [(f"family-{n}", "acquisition" if n < 6 else "grid") for n in range(10)]
CONDITIONS = [("clean", "clean", 0, "native"), ("clean", "clean", 0, "model")] + [
    (name, kind, severity, "native" if kind == "acquisition" else "model")
    for name, kind in FAMILIES
    for severity in range(1, 6)
]
CASES_PER_PART = 100


def write_run(folder: Path, *, models: int, subjects: int, seed: int = 0) -> int:
    """Write the records and units of a run; give the number of records."""
    units, rows = [], 0
    for table in _tables(models=models, subjects=subjects, seed=seed):
        data = to_bytes(table)
        write_bytes(folder / "records" / part_name(data), data)
        units.append(table.select(UNIT_SCHEMA.names))
        rows += len(table)
    whole = pa.concat_tables(units).sort_by([("key", "ascending"), ("label", "ascending")])
    write_bytes(folder / "units.parquet", to_bytes(whole.cast(UNIT_SCHEMA)))
    return rows


def _tables(*, models: int, subjects: int, seed: int) -> Iterator[Any]:
    rng = np.random.default_rng(seed)
    effect = rng.normal(0, 0.05, subjects)
    for model in range(models):
        for start in range(0, 2 * subjects, CASES_PER_PART):
            cases = np.arange(start, min(start + CASES_PER_PART, 2 * subjects))
            columns = _identity(model, cases) | _measured(rng, model, effect[cases // 2])
            table = pa.Table.from_arrays([pa.array(columns[f.name], f.type) for f in SCHEMA], schema=SCHEMA)
            yield table.sort_by([("key", "ascending"), ("label", "ascending")])


def _identity(model: int, cases: Any) -> dict[str, Any]:
    rows = len(cases) * len(CONDITIONS)
    case, condition = np.repeat(cases, len(CONDITIONS)), np.tile(np.arange(len(CONDITIONS)), len(cases))
    name, kind, severity, grid = (np.array(column)[condition] for column in zip(*CONDITIONS, strict=True))

    def key(one: int, where: int) -> str:
        return hashlib.sha256(f"{model} {one} {where}".encode()).hexdigest()

    fixed = {
        "task": "Task04_Hippocampus",
        "phantom": False,
        "split": "val",
        "label": "foreground",
        "model": f"model-{model}",
        "recipe": "quick",
        "weights": hashlib.sha256(str(model).encode()).hexdigest(),
        "train_seed": 0,
        "draw_seed": 0,
        "fire_seed": -1,
        "passes": 1,
        "parameters": "{}",
    }
    return {column: [value] * rows for column, value in fixed.items()} | {
        "key": [key(one, where) for one, where in zip(case.tolist(), condition.tolist(), strict=True)],
        "clean_key": [key(one, int(on == "model")) for one, on in zip(case.tolist(), grid, strict=True)],
        "case": [f"case_{one:06d}" for one in case],
        "group": [f"subject-{one // 2:06d}" for one in case],
        "perturbation": name,
        "perturbation_version": np.minimum(severity, 1),
        "kind": kind,
        "severity": severity,
        "grid": grid,
    }


def _measured(rng: np.random.Generator, model: int, effect: Any) -> dict[str, Any]:
    severity = np.tile([condition[2] for condition in CONDITIONS], len(effect))
    rows = severity.size
    clean = np.repeat(0.85 + effect, len(CONDITIONS)) - 0.004 * model
    dice = np.clip(clean - 0.03 * severity + rng.normal(0, 0.02, rows), 0.02, 0.99)
    size = 3000
    tp = np.rint(dice * size).astype(np.int64)
    state = np.where(rng.random(rows) < 0.002, "missed", "ok")
    tp[state == "missed"] = 0
    fp = np.where(state == "missed", 0, size - tp)
    length = np.where(state == "missed", 0, rng.integers(10, 31, rows))
    total, start = int(length.sum()), np.concatenate([[0], np.cumsum(length)]).astype(np.int32)
    place = np.arange(total) - np.repeat(start[:-1], length)
    distance = np.sqrt(place + (place > 1)).astype(np.float32)

    def lists(values: Any, offsets: Any, kind: Any) -> Any:
        return pa.ListArray.from_arrays(pa.array(offsets, pa.int32()), pa.array(values, kind))

    moved = np.tile([condition[1] == "grid" for condition in CONDITIONS], len(effect))
    apart = rng.integers(0, 200, rows)
    bins = np.arange(rows + 1, dtype=np.int32) * CALIBRATION_BINS
    counts = rng.integers(100, 3000, rows * CALIBRATION_BINS)
    middle = np.tile((np.arange(CALIBRATION_BINS) + 0.5) / CALIBRATION_BINS, rows)
    return {
        "tp": tp,
        "fp": fp,
        "fn": size - tp,
        "voxels": np.full(rows, 64_000),
        "p_sum": np.full(rows, 1.02 * size),
        "py_sum": 0.97 * tp,
        "p_sum_paper": np.where(severity == 0, 1.0 * size, np.nan),
        "py_sum_paper": np.where(severity == 0, 0.97 * tp, np.nan),
        "y_sum_paper": np.where(severity == 0, 1.0 * size, np.nan),
        "distance_mm": lists(distance, start, pa.float32()),
        "count_prediction": lists(rng.integers(0, 200, total), start, pa.int32()),
        "count_reference": lists(rng.integers(1, 200, total), start, pa.int32()),
        "diagonal_mm": np.full(rows, 70.0),
        "voxel_mm3": np.ones(rows),
        "cal_count": lists(counts, bins, pa.int32()),
        "cal_p": lists((counts * middle).astype(np.float32), bins, pa.float32()),
        "cal_y": lists(np.rint(counts * middle**1.1).astype(np.float32), bins, pa.float32()),
        "nqm": np.full(rows, np.nan),
        "entropy_sum": (1 - dice) * size * rng.uniform(0.8, 1.2, rows),
        "p_sum_model": np.full(rows, 1.02 * size),
        "eq_tp": np.where(moved, size - apart, -1),
        "eq_fp": np.where(moved, apart, -1),
        "eq_fn": np.where(moved, apart, -1),
        "state": state,
    }
