"""Score anybody's predictions on an export of `data corrupt`, into the records of our own models.

Predictions are masks, so the probability is 0 or 1: counts, Dice and distances mean what they mean for our models, soft
sums equal the counts, and calibration says nothing. A prediction is read from DIR/ID.nii.gz or DIR/ID.nii and must lie
on the grid of its image. Labels come from the export, whose voxels are checked against the manifest first.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..perturbations.base import GridMap
from ..results.measure import CONVENTION_VERSION, measure
from .condition import Condition
from .corrupt import FORMAT, voxel_sha256
from .equivariance import counts as agreement
from .errors import BenchError, DataProblem
from .identity import key
from .nifti import REPLACE, read_volume
from .plan import EVALUATION_VERSION
from .progress import progress
from .volume import AFFINE_TOLERANCE

ENDINGS = (".nii.gz", ".nii")
NO_PREDICTION = "no prediction"
EXPORT_AGAIN = "export again with `mednca-bench data corrupt`"


@dataclass(frozen=True)
class Manifest:
    """An export: where it lies and what its manifest says."""

    folder: Path
    content: dict[str, Any]

    @property
    def entries(self) -> list[dict[str, Any]]:
        """One per corrupted case, in the order of the export."""
        found: list[dict[str, Any]] = self.content["files"]
        return found

    @property
    def labels(self) -> dict[int, str]:
        """The labels' numbers and names."""
        return {int(number): str(name) for number, name in self.content["labels"].items()}


@dataclass(frozen=True)
class Found:
    """A folder of predictions against a manifest: files by ID, IDs without a file, files without an ID."""

    files: dict[str, Path]
    missing: tuple[str, ...]
    extra: tuple[str, ...]


def read_manifest(path: Path) -> Manifest:
    """Read a manifest. Raises BenchError if it is not one, or of another format."""
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise BenchError(f"{path}: is no manifest ({error}); name the manifest.json of an export") from error
    if not isinstance(content, dict) or content.get("format") != FORMAT:
        raise BenchError(f"{path}: is not a '{FORMAT}'; name the manifest.json of an export, or {EXPORT_AGAIN}")
    return Manifest(path.parent, content)


def find(manifest: Manifest, predictions: Path) -> Found:
    """Which predictions are there, which are missing, and what else lies in the folder (hidden files aside).

    Raises:
        BenchError: there is no such folder, or no prediction in it.
    """
    if not predictions.is_dir():
        raise BenchError(f"{predictions}: no such folder; name the one that holds the predictions")
    present = {path.name: path for path in sorted(predictions.iterdir()) if not path.name.startswith(".")}
    files = {}
    for entry in manifest.entries:
        for ending in ENDINGS:
            if entry["id"] + ending in present:
                files[entry["id"]] = present.pop(entry["id"] + ending)
                break
    missing = tuple(entry["id"] for entry in manifest.entries if entry["id"] not in files)
    if not files:
        raise BenchError(f"{predictions}: holds no prediction, such as {missing[0]}.nii.gz; see the manifest for names")
    return Found(files, missing, tuple(present))


def read_label(manifest: Manifest, entry: dict[str, Any]) -> tuple[NDArray[np.uint8], NDArray[np.float64]]:
    """The truth of an entry and its affine. Raises DataProblem if it is not what was exported."""
    path = manifest.folder / entry["label"]
    volume = read_volume(path)
    label = np.ascontiguousarray(volume.array, dtype=np.uint8)
    if voxel_sha256(label) != entry["label_voxels_sha256"]:
        raise DataProblem(path, "is not the label that was exported", EXPORT_AGAIN)
    return label, volume.affine


def read_prediction(
    path: Path, manifest: Manifest, shape: tuple[int, ...], affine: NDArray[np.float64]
) -> NDArray[np.uint8]:
    """A prediction as uint8 (X, Y, Z).

    Raises:
        DataProblem: another grid than its image's, or values that are no label.
    """
    volume = read_volume(path)
    array = volume.array[..., 0] if volume.array.ndim == 4 and volume.array.shape[3] == 1 else volume.array
    if array.shape != shape:
        raise DataProblem(path, f"shape {array.shape} where its image has {shape}", "predict on the image's own grid")
    off = float(np.abs(volume.affine - affine).max())
    if not off <= AFFINE_TOLERANCE:
        raise DataProblem(path, f"affine differs from its image's by up to {off:.3g}", "keep the image's affine")
    merged = len(manifest.labels) == 1
    allowed = {0, *manifest.labels}
    values = set(np.unique(array).tolist())
    whole = all(float(value).is_integer() and value >= 0 for value in values)
    if not whole or (not merged and not values <= allowed):
        raise DataProblem(path, f"values {sorted(values)[:5]} are not labels of {sorted(allowed)}", REPLACE)
    return (array > 0).astype(np.uint8) if merged else array.astype(np.uint8)


def scored_rows(
    manifest: Manifest, found: Found, *, model: str
) -> tuple[list[dict[str, Any]], list[dict[str, Any]], list[dict[str, Any]]]:
    """Score what is there.

    Args:
        manifest: the export.
        found: from `find`.
        model: what the records call the predictions' maker.

    Returns:
        Identity rows of everything intended, records of what was scored, and failures: missing and unreadable files.
    """
    intended: list[dict[str, Any]] = []
    records: list[dict[str, Any]] = []
    failures: list[dict[str, Any]] = []
    by_case = [list(group) for _, group in groupby(manifest.entries, key=lambda entry: entry["case"])]
    with progress("scoring predictions", total=len(by_case)) as meter:
        for entries in by_case:  # one case at a time: its clean partner is among its entries
            answers = {entry["id"]: _answer(manifest, found, entry) for entry in entries}
            keys = {entry["id"]: _key(manifest, entry, answers[entry["id"]], model=model) for entry in entries}
            for entry in entries:
                answer = answers[entry["id"]]
                identity = _identity(manifest, entry, keys, model=model)
                rows = [{**identity, "label": name} for name in manifest.labels.values()]
                intended += [{**row, "parameters": "{}"} for row in rows]
                if isinstance(answer, str):
                    failures.append({**identity, "error": answer})
                    continue
                clean = answers.get(entry["clean"], "")
                measured = _measured(manifest, entry, answer, None if isinstance(clean, str) else clean)
                records += [{**row, **values} for row, values in zip(rows, measured, strict=True)]
            meter.advance()
    return intended, records, failures


def _answer(manifest: Manifest, found: Found, entry: dict[str, Any]) -> NDArray[np.uint8] | str:
    """The prediction of an entry, or why there is none."""
    path = found.files.get(entry["id"])
    if path is None:
        return NO_PREDICTION
    label, affine = read_label(manifest, entry)
    try:
        return read_prediction(path, manifest, label.shape, affine)
    except DataProblem as error:
        return str(error)


def _measured(
    manifest: Manifest,
    entry: dict[str, Any],
    answer: NDArray[np.uint8],
    clean: NDArray[np.uint8] | None,
) -> list[dict[str, Any]]:
    label, _ = read_label(manifest, entry)
    spacing = tuple(entry["spacing_mm"])
    rows = []
    for number in manifest.labels:
        mask = answer == number
        rows.append(measure(mask.astype(np.float32), label == number, spacing=spacing, prediction=mask))
    if entry["condition"]["kind"] == "grid" and clean is not None:
        pull_back = GridMap(entry["map"]["matrix"], entry["map"]["offset"])
        compared = agreement(_signed(manifest, answer), _signed(manifest, clean), pull_back)
        rows = [{**row, **counts} for row, counts in zip(rows, compared, strict=True)]
    return rows


def _signed(manifest: Manifest, answer: NDArray[np.uint8]) -> NDArray[np.float32]:
    """A mask per label as logits of 1 and -1."""
    return np.stack([np.where(answer == number, 1, -1) for number in manifest.labels]).astype(np.float32)


def _key(manifest: Manifest, entry: dict[str, Any], answer: NDArray[np.uint8] | str, *, model: str) -> str:
    """Everything that can change the record: the truth, the prediction, how it is scored."""
    return key(
        kind="external",
        evaluation=EVALUATION_VERSION,
        convention=CONVENTION_VERSION,
        model=model,
        entry={name: entry[name] for name in entry if name not in ("image", "label")},
        labels=manifest.content["labels"],
        prediction="" if isinstance(answer, str) else voxel_sha256(answer),
    )


def _identity(manifest: Manifest, entry: dict[str, Any], keys: dict[str, str], *, model: str) -> dict[str, Any]:
    condition = Condition(**entry["condition"])
    content = manifest.content
    return {
        "key": keys[entry["id"]],
        "task": content["task"],
        "phantom": content["phantom"],
        "case": entry["case"],
        "group": entry["group"],
        "split": content["split"],
        "model": model,
        "recipe": "external",
        "weights": key(external=model),
        "train_seed": 0,
        "perturbation": condition.perturbation,
        "perturbation_version": condition.version,
        "kind": condition.kind,
        "severity": condition.severity,
        "grid": condition.grid,
        "draw_seed": condition.draw,
        "fire_seed": -1,
        "passes": 1,
        "clean_key": keys.get(entry["clean"], keys[entry["id"]]),
        "parameters": json.dumps(entry["parameters"], sort_keys=True),
    }


def listed(names: Sequence[str], *, most: int = 5) -> str:
    """Some names and how many more there are."""
    more = f" and {len(names) - most} more" if len(names) > most else ""
    return ", ".join(names[:most]) + more
