"""A plausible run folder without any model: two networks, two perturbations, missed structures and failed units.

The Dice of a case falls with severity along its own curve, the stochastic model has two fire seeds, one case has no
foreground, one loses its structure at severity 5, and a few units failed or were never scored.
"""

import hashlib
import json
import math
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from mednca_bench.results import atomic, store
from mednca_bench.results.measure import state_of
from mednca_bench.results.record import IDENTITY

MODELS = {"med-nca": (0.86, 0.05, (0, 1)), "unet-small": (0.83, 0.09, (-1,))}
"""Clean Dice, Dice lost per severity step, fire seeds."""

FAMILIES: dict[str, tuple[str, str, str, str, tuple[float, ...]]] = {
    "noise": (
        "acquisition",
        "native",
        "sigma",
        "fraction of the 0.5-99.5 % range",
        (0.03, 0.06, 0.1, 0.15, 0.2),
    ),
    "ghosting": ("acquisition", "native", "intensity", "relative to the image", (0.1, 0.2, 0.3, 0.4, 0.5)),
    "spike": ("acquisition", "native", "intensity", "fraction of the k-space maximum", (0.1, 0.2, 0.3, 0.4, 0.5)),
    "bias-field": ("acquisition", "native", "peak_gain", "times", (1.2, 1.4, 1.7, 2.1, 2.5)),
    "scale-up": ("grid", "model", "factor", "times larger", (1.08, 1.16, 1.24, 1.32, 1.4)),
    "shift": ("grid", "model", "pixels", "pixels of the model grid", (1, 3, 4, 8, 10)),
}
"""Kind, grid, parameter, unit, and the parameter at severities 1 to 5."""

STEEPNESS = {
    "clean": 0.0,
    "noise": 1.2,
    "ghosting": 0.8,
    "spike": 0.7,
    "bias-field": 0.4,
    "scale-up": 0.5,
    "shift": 0.1,
}
"""Dice lost per severity step, relative to the model's."""


def sha(*parts: object) -> str:
    return hashlib.sha256("|".join(map(str, parts)).encode()).hexdigest()


def identity(**values: Any) -> dict[str, Any]:
    """Identity columns of one record; whatever is not given is that of a clean native scan of the first case."""
    row: dict[str, Any] = {
        "task": "Task04_Hippocampus",
        "phantom": False,
        "case": "hippocampus_001",
        "group": "subject-01",
        "split": "val",
        "label": "foreground",
        "model": "med-nca",
        "recipe": "quick",
        "train_seed": 0,
        "perturbation": "clean",
        "perturbation_version": 0,
        "kind": "clean",
        "severity": 0,
        "grid": "native",
        "draw_seed": 0,
        "fire_seed": 0,
        "passes": 1,
        "parameters": "{}",
    } | values
    row.setdefault("weights", sha(row["model"], row["recipe"], row["train_seed"]))
    unit = [row[n] for n in ("task", "case", "weights", "fire_seed", "passes")]
    row.setdefault("clean_key", sha(*unit, "clean", row["grid"]))
    row.setdefault(
        "key",
        row["clean_key"]
        if row["severity"] == 0
        else sha(*unit, row["perturbation"], row["severity"], row["grid"], row["draw_seed"]),
    )
    return {name: row[name] for name in IDENTITY}


def measured(
    dice: float, *, size: int = 1000, distances: Sequence[float] = (0.0, 1.0), **values: Any
) -> dict[str, Any]:
    """Measured columns with about the given hard Dice: prediction and truth of `size` voxels each."""
    tp = round(dice * size)
    counts = np.full(len(distances), 50, dtype=np.int32)
    row: dict[str, Any] = {
        "tp": tp,
        "fp": size - tp,
        "fn": size - tp,
        "voxels": 64_000,
        "p_sum": size * 1.05,
        "py_sum": tp * 0.98,
        "p_sum_paper": math.nan,
        "py_sum_paper": math.nan,
        "y_sum_paper": math.nan,
        "distance_mm": np.asarray(distances, dtype=np.float32),
        "count_prediction": counts,
        "count_reference": counts[::-1].copy(),
        "diagonal_mm": 80.0,
        "voxel_mm3": 1.0,
        "cal_count": np.full(15, 64_000 // 15, dtype=np.int32),
        "cal_p": np.linspace(0, 1000, 15, dtype=np.float32),
        "cal_y": np.linspace(0, 1000, 15, dtype=np.float32),
        "nqm": math.nan,
        "entropy_sum": (1 - dice) * size,
        "p_sum_model": size * 1.05,
        "eq_tp": -1,
        "eq_fp": -1,
        "eq_fn": -1,
    } | values
    row["state"] = state_of(predicted=row["tp"] + row["fp"], true=row["tp"] + row["fn"])
    if row["state"] != "ok":
        row |= {name: np.zeros(0, dtype=row[name].dtype) for name in ("distance_mm", "count_prediction")}
        row["count_reference"] = np.zeros(0, dtype=np.int32)
    return row


def record(dice: float = 0.8, *, measures: dict[str, Any] | None = None, **values: Any) -> dict[str, Any]:
    return identity(**values) | measured(dice, **(measures or {}))


def units(*, cases: int = 12, phantom: bool = False, labels: Sequence[str] = ("foreground",)) -> list[dict[str, Any]]:
    """Identity of everything the fake run intends: both models, every family, every severity, two cases per subject."""
    rows = []
    for model, (_, _, fire_seeds) in MODELS.items():
        for case in range(cases):
            for fire_seed in fire_seeds:
                for label in labels:
                    shared: dict[str, Any] = {
                        "model": model,
                        "case": f"hippocampus_{case:03d}",
                        "group": f"subject-{case // 2:02d}",
                        "fire_seed": fire_seed,
                        "label": label,
                        "phantom": phantom,
                    }
                    rows += [identity(**shared, grid=grid) for grid in ("native", "model")]
                    rows += list(_perturbed(shared))
    return rows


def _perturbed(shared: dict[str, Any]) -> Iterable[dict[str, Any]]:
    for family, (kind, grid, _, _, values) in FAMILIES.items():
        for severity, value in enumerate(values, start=1):
            yield identity(
                **shared,
                perturbation=family,
                perturbation_version=1,
                kind=kind,
                grid=grid,
                severity=severity,
                parameters=json.dumps({"value": value}),
            )


def score(unit: dict[str, Any], *, seed: int = 0) -> dict[str, Any]:
    """The record of a unit; depends on nothing but the unit and the seed."""
    rng = np.random.default_rng(int(sha(seed, unit["case"], unit["label"], unit["key"])[:12], 16))
    case = np.random.default_rng(int(sha(seed, unit["case"])[:12], 16)).normal(0, 0.03)
    clean, loss, _ = MODELS[unit["model"]]
    fall = STEEPNESS[unit["perturbation"]] * loss * unit["severity"]
    dice = float(np.clip(clean + case - fall + rng.normal(0, 0.01), 0.05, 0.99))
    far = tuple(float(x) for x in np.round(np.sort(rng.gamma(2, 1 - dice + 0.1, size=4)), 4))
    extra: dict[str, Any] = {}
    if unit["case"].endswith("011"):  # nothing to find, nothing found
        extra = {"tp": 0, "fp": 0, "fn": 0, "py_sum": 0.0}
    elif unit["case"].endswith("010") and unit["severity"] == 5 and unit["model"] == "unet-small":
        extra = {"tp": 0, "fp": 0, "fn": 1000, "py_sum": 20.0}
    if unit["severity"] == 0 and unit["grid"] == "model" and not extra:
        extra = {"p_sum_paper": 1050.0, "py_sum_paper": 1000 * dice, "y_sum_paper": 1010.0}
    return unit | measured(dice, distances=(0.0, *far), **extra)


def write_run(folder: Path, *, cases: int = 12, phantom: bool = False, labels: Sequence[str] = ("foreground",)) -> Path:
    """A whole run folder but for tables and plots; three noise units of case 3 failed, one was never tried."""
    intended = units(cases=cases, phantom=phantom, labels=labels)
    store.write_units(folder, intended)
    lost = [u for u in intended if u["case"].endswith("003") and u["perturbation"] == "noise" and u["severity"] > 3]
    target = store.Store(folder)
    rows = [score(unit) for unit in intended if unit not in lost]
    for start in range(0, len(rows), 200):
        target.append(rows[start : start + 200])
    for unit in lost[:-1]:
        target.fail({"key": unit["key"], "case": unit["case"], "error": "MemoryError: out of memory"})
    run = {
        "command": "mednca-bench run --suite robustness",
        "suite": "robustness-v1",
        "split": "val",
        "task": "Task04_Hippocampus",
        "phantom": phantom,
        "cases_on_disk": {"train": "131 of 158", "val": f"{cases} of {cases + 2}"},
        "perturbations": {
            name: {"parameter": parameter, "unit": unit, "severities": values}
            for name, (_, _, parameter, unit, values) in FAMILIES.items()
        },
    }
    atomic.write_text(folder / "run.json", json.dumps(run))
    efficiency(folder)
    return folder


def efficiency(folder: Path) -> None:
    for model, parameters, macs in (("med-nca", 70_016, 1.2e9), ("unet-small", 502_321, 3.1e8)):
        entry: dict[str, Any] = {
            "model": model,
            "parameters": parameters,
            "weight_bytes": 4 * parameters,
            "macs": macs,
            "image_side": 64,
            "threads": 2,
            "latency_slice_ms_median": 12.3456,
            "latency_slice_ms_p90": 14.0,
            "peak_memory_mb": 412.0,
            "cpu": "Some CPU | 2 cores",
            "machine": {"cores": 2},
            "busy": model == "unet-small",
        }
        atomic.write_text(folder / "efficiency" / f"{model}-64x64-t2.json", json.dumps(entry))
        atomic.write_text(folder / "efficiency" / f"{model}-64x64-t2.pytest-benchmark.json", '{"benchmarks": []}')


def examples(
    folder: Path,
    *,
    conditions: int = 4,
    models: Sequence[str] = tuple(MODELS),
    side: int = 64,
    cases: bool = False,
) -> Path:
    """An examples.npz: a bright disc in noise, and predictions that shrink with model and condition.

    With `cases`, the first three conditions stand for the best, the median and the worst case of every model.
    """
    rng = np.random.default_rng(0)
    y, x = np.mgrid[:side, :side]
    radius = np.hypot(y - side / 2, x - side / 2)
    truth = np.broadcast_to(radius < side / 5, (conditions, side, side))
    noise = np.stack([rng.normal(0, 0.05 + 0.02 * c, (side, side)) for c in range(conditions)])
    image = np.clip(0.3 + 0.3 * truth + noise, 0, 1).astype(np.float32)
    shrunk = np.stack([[radius < side / 5 - c - m for c in range(conditions)] for m in range(len(models))])
    worst_first, three = slice(2, None, -1), (len(models), 3)
    extremes = {
        "case_ids": np.broadcast_to(["hippocampus_004", "hippocampus_002", "an_id_" * 6], three),
        "case_dice": np.broadcast_to([0.41, 0.8, 0.93], three),
        "case_image": np.broadcast_to(image[worst_first], (*three, side, side)),
        "case_truth": np.broadcast_to(truth[worst_first], (*three, side, side)),
        "case_prediction": shrunk[:, worst_first],
    }
    path = folder / "examples.npz"
    path.parent.mkdir(parents=True, exist_ok=True)
    np.savez_compressed(
        path,
        image=image,
        truth=truth,
        titles=np.array(["clean", *(f"{family} 3" for family in (*FAMILIES, "scale-down", "shape"))][:conditions]),
        models=np.array(models),
        prediction=shrunk,
        case=np.array("hippocampus_003"),
        **(extremes if cases else {}),
    )
    return path
