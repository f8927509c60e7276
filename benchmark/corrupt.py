"""`data corrupt`: the corrupted benchmark as NIfTI files that any model can read, with a manifest.

    DIR/dataset.json                 in MSD's form
    DIR/imagesTs/ID_0000.nii.gz      float32, what the condition makes of the case; nnU-Net's name for its one channel
    DIR/labelsTs/ID.nii.gz           uint8, the truth that predictions of ID are scored against
    DIR/manifest.json                per ID: case, condition, parameters, spacing to score in, SHA-256 of the voxels

ID is CASE__PERTURBATION_SEVERITY_DRAW, or CASE__clean_native and CASE__clean_model. Acquisition perturbations are
written on the native grid, with the file's affine. Grid perturbations act on the model's grid, after preprocessing,
since a zoom before a resize would be undone by it: they are written there, intensities in [0, 1], so that everybody's
model sees the picture ours see. The affine is that of the resized slices, not of the perturbation, or a reader that
resamples to millimetres would undo it. The label is the native one carried there by one composed linear map, as in
`evaluate.py`.
"""

from __future__ import annotations

import gzip
import hashlib
import json
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .. import __version__
from ..results.atomic import write_bytes, write_text
from .condition import Condition
from .preprocess import Preprocess, label_masks, label_names
from .progress import progress
from .resample import resize_map, warp_masks
from .shown import Shown, scored_spacing, show
from .suite import Suite
from .task import Task
from .volume import Case

FORMAT = "mednca-bench manifest 1"
MANIFEST = "manifest.json"
FRESH = ("dataset.json", MANIFEST, "imagesTs", "labelsTs")
"""What the folder may hold beforehand: an earlier export."""


@dataclass(frozen=True, kw_only=True)
class Exported:
    """One corrupted case.

    Attributes:
        image: (X, Y, Z) float32, as it is written.
        label: (X, Y, Z) uint8: 0 and the numbers of the labels.
        affine: (4, 4) voxel index to scanner mm.
        spacing: mm of anatomy per voxel step, in which predictions are scored.
        parameters: what was drawn and applied.
        map: matrix and offset of the pull-back on the model's grid, else None.
    """

    image: NDArray[np.float32]
    label: NDArray[np.uint8]
    affine: NDArray[np.float64]
    spacing: tuple[float, float, float]
    parameters: dict[str, Any]
    map: dict[str, Any] | None


@dataclass(frozen=True, kw_only=True)
class Source:
    """What an export is made from: the task, the part of its split, the suite, and the command as typed."""

    task: Task
    part: str
    suite: Suite
    command: str


def identifier(case: str, condition: Condition) -> str:
    """The file name of a condition of a case.

    >>> identifier("hippocampus_001", Condition(grid="model"))
    'hippocampus_001__clean_model'
    """
    if not condition.severity:
        return f"{case}__clean_{condition.grid}"
    return f"{case}__{condition.perturbation}_{condition.severity}_{condition.draw}"


def exported(case: Case, condition: Condition, recipe: Preprocess, labels: dict[int, str]) -> Exported:
    """A case under a condition, as it is written."""
    masks = label_masks(np.asarray(case.label), labels, recipe)
    if condition.grid == "model":
        return _on_model_grid(case, condition, recipe, masks)
    image: NDArray[np.float32] = np.asarray(case.image)
    parameters: dict[str, Any] = {}
    if condition.severity:
        image, parameters = _corrupted(case, condition)
    return Exported(
        image=image[0],
        label=_numbers(masks),
        affine=case.affine,
        spacing=case.spacing,
        parameters=parameters,
        map=None,
    )


def _corrupted(case: Case, condition: Condition) -> tuple[NDArray[np.float32], dict[str, Any]]:
    from ..perturbations.base import generator

    image, family = np.asarray(case.image), condition.family
    rng = generator(condition.draw, case.id, family.name)
    parameters = family.draw(condition.severity, rng=rng, shape=image.shape, spacing=case.spacing)
    return family.apply(image, params=parameters), parameters


def _on_model_grid(case: Case, condition: Condition, recipe: Preprocess, masks: NDArray[np.bool_]) -> Exported:
    shown: Shown = show(case, condition, recipe)
    to_model = resize_map((case.image.shape[1], case.image.shape[2]), recipe.size)
    voxels = np.eye(4)
    voxels[:2, :2], voxels[:2, 3] = to_model.matrix, to_model.offset
    return Exported(
        image=np.ascontiguousarray(shown.slices[:, 0].transpose(1, 2, 0)),
        label=_numbers(warp_masks(masks, to_model.after(shown.grid_map), recipe.size)),
        affine=case.affine @ voxels,
        spacing=scored_spacing(case, recipe.size, shown.grid_map),
        parameters=shown.parameters,
        map={"matrix": shown.grid_map.matrix.tolist(), "offset": shown.grid_map.offset.tolist()},
    )


def _numbers(masks: NDArray[np.bool_]) -> NDArray[np.uint8]:
    label = np.zeros(masks.shape[1:], dtype=np.uint8)
    for number, mask in enumerate(masks, start=1):
        label[mask] = number
    return label


def nifti_bytes(array: NDArray[Any], affine: NDArray[np.float64]) -> bytes:
    """A gzipped NIfTI-1 file without a time stamp: the same voxels give the same bytes."""
    import nibabel as nib

    image = nib.Nifti1Image(array, affine)
    image.header.set_xyzt_units("mm")
    return gzip.compress(image.to_bytes(), compresslevel=4, mtime=0)


def voxel_sha256(array: NDArray[Any]) -> str:
    """SHA-256 of the voxels alone, little-endian in C order; header and compression do not enter."""
    plain = np.ascontiguousarray(array, dtype=array.dtype.newbyteorder("<"))
    return hashlib.sha256(plain.tobytes()).hexdigest()


def write(
    folder: Path,
    cases: Sequence[Case],
    conditions: Sequence[Condition],
    recipe: Preprocess,
    *,
    source: Source,
) -> Path:
    """Write every condition of every case, and last the manifest.

    Returns:
        The manifest.
    """
    task = source.task
    names = label_names(task.labels, recipe)
    entries = []
    with progress("writing corrupted cases", total=len(cases) * len(conditions)) as meter:
        for entry in _entries(folder, cases, conditions, recipe, task):
            entries.append(entry)
            meter.advance()
    write_text(folder / "dataset.json", json.dumps(_dataset(entries, names, task), indent=1) + "\n")
    manifest = {
        "format": FORMAT,
        "mednca_bench": __version__,
        "command": source.command,
        "suite": source.suite.name,
        "task": task.name,
        "phantom": task.phantom,
        "split": source.part,
        "split_sha256": task.split.sha256,
        "preprocess": asdict(recipe),
        "labels": {str(number): name for number, name in enumerate(names, start=1)},
        "files": entries,
    }
    return write_text(folder / MANIFEST, json.dumps(manifest, indent=1) + "\n")


def _entries(
    folder: Path, cases: Sequence[Case], conditions: Sequence[Condition], recipe: Preprocess, task: Task
) -> Iterator[dict[str, Any]]:
    for case in cases:
        for condition in conditions:
            name, made = identifier(case.id, condition), exported(case, condition, recipe, task.labels)
            image, label = f"imagesTs/{name}_0000.nii.gz", f"labelsTs/{name}.nii.gz"
            write_bytes(folder / image, nifti_bytes(made.image, made.affine))
            write_bytes(folder / label, nifti_bytes(made.label, made.affine))
            yield {
                "id": name,
                "case": case.id,
                "group": case.group,
                "case_sha256": case.sha256,
                "condition": asdict(condition),
                "clean": identifier(case.id, condition.clean),
                "parameters": made.parameters,
                "map": made.map,
                "spacing_mm": list(made.spacing),
                "image": image,
                "image_voxels_sha256": voxel_sha256(made.image),
                "label": label,
                "label_voxels_sha256": voxel_sha256(made.label),
            }


def _dataset(entries: Sequence[dict[str, Any]], names: tuple[str, ...], task: Task) -> dict[str, Any]:
    """MSD's form, with the keys by which nnU-Net finds channels and files beside it."""
    return {
        "name": f"{task.name}_corrupted",
        "description": "Corrupted by mednca-bench; see manifest.json",
        "licence": "that of the data it was made from; MSD: CC-BY-SA 4.0",
        "phantom": task.phantom,
        "tensorImageSize": "3D",
        "modality": {"0": "MRI"},
        "channel_names": {"0": "MRI"},
        "labels": {"0": "background"} | {str(number): name for number, name in enumerate(names, start=1)},
        "file_ending": ".nii.gz",
        "numTraining": 0,
        "numTest": len(entries),
        "training": [{"image": f"./{entry['image']}", "label": f"./{entry['label']}"} for entry in entries],
        "test": [f"./{entry['image']}" for entry in entries],
    }
