"""From units to records: corrupt, preprocess, segment, bring to the scored grid, measure.

Acquisition perturbations change the native volume before preprocessing and are scored on the native grid: logits are
interpolated linearly, then thresholded at 0. Grid perturbations change the preprocessed slices and are scored on the
model's grid against the native label carried there by one composed linear map of its one-hot form; the voxel size is
divided by the local scale, so distances stay in mm of anatomy.

One unit is one pass through the model, or an ensemble of passes that differ in their fire seed alone: the logit of the
mean of their sigmoids is then scored like the logits of a single pass. Its records do not depend on which other units
run beside it. How sure the model is (`results/uncertainty.py`) is measured on the model's grid in every condition.
"""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np
from numpy.typing import NDArray

from ..results.measure import measure, paper_sums
from ..results.uncertainty import pooled_logits, uncertainty
from .cache import CaseCache
from .condition import Condition
from .equivariance import FLOOR_SEED
from .equivariance import counts as agreement
from .errors import BenchError
from .plan import Unit
from .preprocess import label_masks, label_names
from .resample import nearest_masks, resize_map, warp, warp_masks
from .shown import Shown, scored_spacing, show
from .task import Task
from .volume import Case

if TYPE_CHECKING:
    from ..models.base import Segmenter

CELLS_PER_PASS = 2**18  # pixels of one forward pass: 64 slices of 64 x 64, 4 of 256 x 256; bounds memory
KEPT_ANSWERS = 2  # answers on clean images, each as large as a volume: the units of one case follow each other
_clean_answers: dict[tuple[object, ...], NDArray[np.float32]] = {}


class Hashed(Protocol):
    """A case, or a scan without a label: its hash keys the fire masks."""

    @property
    def sha256(self) -> str:
        """Of its data, 64 hexadecimal digits."""


@dataclass(frozen=True)
class Job:
    """Units of one case and model that are worked on together, with what a worker process needs to do them."""

    units: tuple[Unit, ...]
    task: Task
    part: str
    channel: str | int | None
    cache: Path


@dataclass(frozen=True)
class JobResult:
    """A job's records and failures, ready for the store."""

    rows: tuple[dict[str, Any], ...]
    failures: tuple[dict[str, Any], ...]
    units: int
    seconds: float


def run_job(job: Job) -> JobResult:
    """Compute a job's units; a unit that fails is reported and does not stop the others."""
    started = time.perf_counter()
    rows: list[dict[str, Any]] = []
    failures: list[dict[str, Any]] = []
    for unit in job.units:
        try:
            rows += records(unit, job)
        except Exception as error:
            identity = unit.row(job.task, part=job.part)
            failures.append({**identity, "error": f"{type(error).__name__}: {error}"})
    return JobResult(tuple(rows), tuple(failures), len(job.units), time.perf_counter() - started)


def records(unit: Unit, job: Job) -> list[dict[str, Any]]:
    """The records of one unit, one per label."""
    case = CaseCache(job.cache).get(unit.case.files, task=job.task, channel=job.channel)
    recipe = unit.contestant.preprocess
    shown = show(case, unit.condition, recipe)
    model = load_model(unit.contestant.path, unit.contestant.weights)
    perturbed = bool(unit.condition.severity)
    passes = answer(unit, model, case, shown.slices) if perturbed else clean_answer(unit, model, case)
    logits = pooled(passes)
    identity = unit.row(job.task, part=job.part) | {"parameters": json.dumps(shown.parameters, sort_keys=True)}
    names = label_names(job.task.labels, recipe)
    masks = label_masks(np.asarray(case.label), job.task.labels, recipe)
    measured = score(logits, masks, case=case, shown=shown, condition=unit.condition)
    compared = compare(unit, model, case, shown, logits)
    return [
        {**identity, "label": name, **values, **counts, **uncertainty(passes[:, label])}
        for label, (name, values, counts) in enumerate(zip(names, measured, compared, strict=True))
    ]


def answer(
    unit: Unit, model: Segmenter, case: Case, slices: NDArray[np.float32], *, more: int = 0
) -> NDArray[np.float32]:
    """The model's passes over a case's slices.

    Args:
        unit: gives the number of passes and their first fire seed.
        model: in evaluation mode.
        case: the unit's.
        slices: (Z, C, H, W), what the model is shown.
        more: added to the fire seeds.

    Returns:
        Logits (passes, K, H, W, Z).
    """
    first = unit.fire_seed + more
    seeds = range(first, first + unit.passes)
    return np.stack([segment(model, slices, case=case, fire_seed=seed) for seed in seeds])


def clean_answer(unit: Unit, model: Segmenter, case: Case) -> NDArray[np.float32]:
    """The passes over the clean image, as `answer`; kept, since units of a case that need them follow each other."""
    contestant = unit.contestant
    name = (
        contestant.path,
        contestant.weights,
        contestant.preprocess,
        case.id,
        case.sha256,
        unit.fire_seed,
        unit.passes,
    )
    if name not in _clean_answers:
        shown = show(case, unit.condition.clean, contestant.preprocess)
        passes = answer(unit, model, case, shown.slices)
        while len(_clean_answers) >= KEPT_ANSWERS:
            del _clean_answers[next(iter(_clean_answers))]
        _clean_answers[name] = passes
    return _clean_answers[name]


def pooled(passes: NDArray[np.float32]) -> NDArray[np.float32]:
    """The one answer of several passes: logits (K, H, W, Z) of the mean of their sigmoids."""
    return pooled_logits(passes).astype(np.float32)


def compare(
    unit: Unit, model: Segmenter, case: Case, shown: Shown, logits: NDArray[np.float32]
) -> list[dict[str, int]]:
    """The `eq_*` columns of a unit's labels: see `equivariance.py`; nothing where they are not defined."""
    condition = unit.condition
    if condition.kind == "grid":
        return agreement(logits, pooled(clean_answer(unit, model, case)), shown.grid_map)
    if condition.kind == "clean" and condition.grid == "model" and unit.contestant.stochastic:
        return agreement(logits, pooled(answer(unit, model, case, shown.slices, more=FLOOR_SEED)), shown.grid_map)
    return [{} for _ in logits]


@lru_cache(maxsize=4)
def load_model(path: Path, digest: str) -> Segmenter:
    """A model ready to segment, kept in memory; raises BenchError if the file's weights are no longer those planned."""
    from ..models import weights

    model, _ = weights.load(path)
    if weights.digest(model) != digest:
        raise BenchError(f"{path}: the weights changed while the run was under way; run the same command again")
    model.eval()
    return model


def segment(
    model: Segmenter, slices: NDArray[np.float32], *, case: Hashed, fire_seed: int, first: int = 0
) -> NDArray[np.float32]:
    """Run a model over a case's slices.

    Args:
        model: in evaluation mode.
        slices: (Z, C, H, W) float32 in [0, 1].
        case: keys the fire masks by its data.
        fire_seed: of the fire masks; any value for a deterministic model.
        first: index in the case of the first slice given.

    Returns:
        Logits (K, H, W, Z) float32.
    """
    import torch

    from ..models.base import FireKey

    keys = [FireKey(seed=max(fire_seed, 0), case=case.sha256, slice=first + z) for z in range(len(slices))]
    step = max(1, CELLS_PER_PASS // (slices.shape[2] * slices.shape[3]))
    with torch.inference_mode():
        parts = [
            model(torch.from_numpy(slices[start : start + step]), keys=keys[start : start + step])
            for start in range(0, len(slices), step)
        ]
    return np.ascontiguousarray(torch.cat(parts).numpy().transpose(1, 2, 3, 0))


def score(
    logits: NDArray[np.float32], masks: NDArray[np.bool_], *, case: Case, shown: Shown, condition: Condition
) -> Iterator[dict[str, Any]]:
    """Measure each label on the condition's grid.

    Args:
        logits: (K, H, W, Z) on the model's grid.
        masks: (K, X, Y, Z) on the native grid.
        case: gives the spacing in mm.
        shown: gives the grid perturbation's map.
        condition: gives the grid to score on.

    Yields:
        The measured columns of one record per label.
    """
    native, model = (masks.shape[1], masks.shape[2]), (logits.shape[1], logits.shape[2])
    if condition.grid == "native":
        to_native = resize_map(model, native)
        spacing: tuple[float, ...] = case.spacing
        logits = np.stack([warp(channel, to_native, native) for channel in logits])
    else:
        to_model = resize_map(native, model)
        spacing = scored_spacing(case, model, shown.grid_map)
        truth = warp_masks(masks, to_model.after(shown.grid_map), model)
    for label, channel in enumerate(logits):
        probability = _sigmoid(channel)
        reference = masks[label] if condition.grid == "native" else truth[label]
        row = measure(probability, reference, spacing=spacing, prediction=channel > 0)
        if condition.grid == "model" and not condition.severity:
            row |= paper_sums(probability, nearest_masks(masks, model)[label])
        yield row


def _sigmoid(logits: NDArray[np.float32]) -> NDArray[np.float32]:
    from scipy.special import expit

    probability: NDArray[np.float32] = expit(logits)
    return probability
