"""`predict`: images in, labels out, with probability maps, overlays and a table of what was found.

The answer is the mean of K passes that differ in their fire seed; NQM (see `results/uncertainty.py`) says how much they
differ, per label, and is undefined for one pass. Files that exist are left alone unless told otherwise.
"""

from __future__ import annotations

import csv
import io
import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from ..results.atomic import write_bytes, write_text
from ..results.uncertainty import pooled_logits, uncertainty
from .errors import BenchError, UsageProblem
from .evaluate import segment
from .own_data import file_id
from .png import is_png, png_bytes
from .predict import Scan, label_map, nifti_like, read_scan
from .preprocess import Preprocess, model_input
from .progress import progress, say
from .resample import resize_map, warp
from .trained import contestant

if TYPE_CHECKING:
    from ..models.base import Segmenter

TABLE = "predictions.csv"
COLUMNS = (
    "image", "output", "model", "weights", "label", "value", "passes", "fire_seed", "voxels", "volume_mm3", "nqm",
    "error",
)  # fmt: skip


@dataclass(frozen=True, kw_only=True)
class Predictor:
    """A trained model and what it takes and gives.

    Attributes:
        model: in evaluation mode.
        prepare: the preprocessing it was trained with.
        names: label value of each output, in order, to its name.
        channel: of an image with several, the one it was trained on.
        weights: SHA-256 of its tensors.
    """

    model: Segmenter
    prepare: Preprocess
    names: dict[int, str]
    channel: int | None
    weights: str


@dataclass(frozen=True, kw_only=True)
class Wanted:
    """What is asked for; see `mednca-bench predict --help`."""

    out: Path
    passes: int = 1
    fire_seed: int = 0
    channel: int | None = None
    probabilities: bool = False
    overlays: bool = True
    overwrite: bool = False


def load_predictor(path: Path) -> Predictor:
    """A weights file as a predictor. Raises BenchError as `trained.contestant` does."""
    from ..models import weights

    found = contestant(path)
    model, metadata = weights.load(path)
    written = {int(value): str(name) for value, name in metadata.get("label_map", {}).items()}
    if found.preprocess.labels == "merged":
        names = {1: "foreground"}
    elif len(written) == model.out_channels:
        names = dict(sorted(written.items()))
    else:
        names = {value: f"label {value}" for value in range(1, model.out_channels + 1)}
    return Predictor(
        model=model.eval(),
        prepare=found.preprocess,
        names=names,
        channel=metadata.get("channel"),
        weights=found.weights,
    )


def predict_files(predictor: Predictor, images: Sequence[Path], wanted: Wanted) -> int:
    """Segment images; one that fails is said in one line and does not stop the others.

    Returns:
        How many failed.

    Raises:
        UsageProblem: two images would have one output.
    """
    ids = [file_id(path) for path in images]
    for path, name in zip(images, ids, strict=True):
        if ids.count(name) > 1:
            raise UsageProblem(f"{path}: several images are called '{name}' and would have one output; rename them")
    rows: list[dict[str, Any]] = []
    failed = 0
    with progress("segmenting", total=len(images)) as meter:
        for path in images:
            try:
                rows += _one(predictor, path, wanted)
            except (BenchError, OSError, ValueError) as error:
                line = " ".join(str(error).split())
                say(f"error: {line if str(path) in line else f'{path}: {line}'}")
                rows.append({"image": str(path), "output": file_id(path), "error": line})
                failed += 1
            meter.advance()
    _write_table(wanted.out / TABLE, rows)
    return failed


def _one(predictor: Predictor, path: Path, wanted: Wanted) -> list[dict[str, Any]]:
    model, name, ending = predictor.model, file_id(path), ".png" if is_png(path) else ".nii.gz"
    target, overlay = wanted.out / f"{name}{ending}", wanted.out / f"{name}_overlay.png"
    maps = wanted.out / f"{name}_probability{ending}"
    for file in (target, *[maps] * wanted.probabilities, *[overlay] * wanted.overlays):
        if file.resolve() == path.resolve():
            raise BenchError(f"{path}: its output would replace it; give another --out")
        if file.exists() and not wanted.overwrite:
            raise BenchError(f"{file}: is there already; give another --out, or --overwrite")
    scan = _scan(predictor, path, wanted)
    passes = _passes(model, model_input(scan.image, predictor.prepare), scan, wanted)
    logits = pooled_logits(passes).astype(np.float32)
    native = (scan.image.shape[1], scan.image.shape[2])
    label = label_map(logits, tuple(predictor.names), native=native)
    if is_png(path):
        visible = label * np.uint8(255) if predictor.prepare.labels == "merged" else label
        write_bytes(target, png_bytes(visible[..., 0]))
    else:
        write_bytes(target, nifti_like(label, path, scan))
    if wanted.probabilities:
        write_bytes(maps, _probability_bytes(logits, path, scan, native))
    if wanted.overlays:
        from .overlay import overlay_png

        picture = overlay_png(scan.image[0], label, names=predictor.names, spacing=scan.spacing, title=name)
        write_bytes(overlay, picture)
    voxel = math.prod(scan.spacing)
    return [
        {
            "image": str(path),
            "output": target.name,
            "model": model.name,
            "weights": predictor.weights,
            "label": label_name,
            "value": value,
            "passes": len(passes),
            "fire_seed": wanted.fire_seed if model.stochastic else "",
            "voxels": int((label == value).sum()),
            "volume_mm3": "" if is_png(path) else f"{float((label == value).sum()) * voxel:.6g}",
            "nqm": _number(uncertainty(passes[:, output])["nqm"]),
            "error": "",
        }
        for output, (value, label_name) in enumerate(predictor.names.items())
    ]


def _scan(predictor: Predictor, path: Path, wanted: Wanted) -> Scan:
    scan = read_scan(path, channel=wanted.channel)
    count, takes = scan.image.shape[0], predictor.model.in_channels
    if count > takes == 1 and wanted.channel is None and predictor.channel is not None:
        return read_scan(path, channel=predictor.channel)
    if count != takes:
        raise BenchError(f"{path}: has {count} channels, the model takes {takes}; name one with --channel")
    return scan


def _passes(model: Segmenter, slices: NDArray[np.float32], scan: Scan, wanted: Wanted) -> NDArray[np.float32]:
    seeds = range(wanted.fire_seed, wanted.fire_seed + (wanted.passes if model.stochastic else 1))
    return np.stack([segment(model, slices, case=scan, fire_seed=seed) for seed in seeds])


def _probability_bytes(logits: NDArray[np.float32], path: Path, scan: Scan, native: tuple[int, int]) -> bytes:
    """Sigmoids on the native grid: (X, Y, Z) or (X, Y, Z, K) float32 as NIfTI; 16-bit grey for a PNG of one output."""
    from scipy.special import expit

    to_native = resize_map((logits.shape[1], logits.shape[2]), native)
    maps = expit(np.stack([warp(channel, to_native, native) for channel in logits], axis=-1)).astype(np.float32)
    if not is_png(path):
        return nifti_like(maps[..., 0] if maps.shape[3] == 1 else maps, path, scan)
    if maps.shape[3] > 1:
        raise BenchError(f"{path}: a PNG holds the probability of one output, the model has {maps.shape[3]}; use NIfTI")
    return png_bytes(np.rint(maps[..., 0, 0] * 65535).astype(np.uint16))


def _number(value: float) -> str:
    return "" if math.isnan(value) else f"{value:.6g}"


def _write_table(path: Path, rows: Sequence[dict[str, Any]]) -> None:
    """This call's rows, and those of earlier calls that they do not replace; an error replaces no answer."""
    earlier: list[dict[str, Any]] = []
    if path.is_file():
        with path.open(newline="", encoding="utf-8") as file:
            earlier = [row for row in csv.DictReader(file) if set(row) == set(COLUMNS)]
    answered = {row["image"] for row in earlier if not row["error"]}
    rows = [row for row in rows if not (row["error"] and row["image"] in answered)]
    images = {row["image"] for row in rows}
    stream = io.StringIO()
    writer = csv.DictWriter(stream, COLUMNS, lineterminator="\n")
    writer.writeheader()
    writer.writerows([*(row for row in earlier if row["image"] not in images), *rows])
    write_text(path, stream.getvalue())
