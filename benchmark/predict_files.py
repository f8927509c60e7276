"""`predict`: images in, labels out, with probability maps, overlays and a table of what was found.

The answer is the mean of K passes that differ in their fire seed; NQM (see `results/uncertainty.py`) says how much they
differ, per label, and is undefined for one pass. The model sees an image with its axes turned to those it was trained
on; what is written lies on the image as it is stored. Files that exist are left alone unless told otherwise; an image
that has the very answer already, by its key in the table, is not segmented again.
"""

from __future__ import annotations

import hashlib
import math
import tempfile
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from ..results.atomic import write_bytes
from ..results.uncertainty import pooled_logits, uncertainty
from .errors import BenchError, UsageProblem
from .identity import key
from .orientation import stored_axes, turned
from .own_data import file_id
from .png import is_png, png_bytes
from .predict import Scan, label_map, nifti_like
from .predict_table import Answers, Rows, sha256_of
from .predictor import Predictor
from .progress import progress, say
from .resample import resize_map, warp

if TYPE_CHECKING:
    from ..models.base import Segmenter

ANSWER_VERSION = 1  # raise it when the way from an image to its label changes


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


@dataclass(frozen=True, kw_only=True)
class _Outputs:
    """The files that an image can have."""

    label: Path
    probability: Path
    overlay: Path

    def written(self, wanted: Wanted) -> list[Path]:
        """Those that are asked for."""
        return [self.label, *[self.probability] * wanted.probabilities, *[self.overlay] * wanted.overlays]


def predict_files(predictor: Predictor, images: Sequence[Path], wanted: Wanted) -> int:
    """Segment images; one that fails is said in one line and does not stop the others.

    An image's rows are written before its files, so that a call that is stopped leaves a row for every label it leaves;
    the same call goes on from there.

    Returns:
        How many failed.

    Raises:
        UsageProblem: two images would have one output.
        BenchError: the folder holds another file by the table's name.
        OSError: the folder cannot be written to.
    """
    _check_outputs(images, wanted)
    wanted.out.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryFile(dir=wanted.out):  # found out before the work
        pass
    answers = Answers(wanted.out, overwrite=wanted.overwrite)
    inputs = {path.resolve() for path in images}
    failed = kept = 0
    with progress("segmenting", total=len(images)) as meter:
        for path in images:
            label = _outputs(path, wanted).label
            before = answers.of(label)
            try:
                kept += _answer(predictor, path, wanted, answers, spare=inputs)
            except Exception as error:
                line = " ".join(str(error).split())
                if not isinstance(error, BenchError | OSError | ValueError):
                    line = f"{type(error).__name__}: {line}"
                say(f"error: {line if str(path) in line else f'{path}: {line}'}")
                answers.fail(path, label, line, before=before)
                failed += 1
            meter.advance()
    if kept:
        say(f"{kept} of {len(images)} images had this answer already, and it is kept; --overwrite makes it again")
    return failed


def _answer(predictor: Predictor, path: Path, wanted: Wanted, answers: Answers, *, spare: set[Path]) -> bool:
    """Write what is asked for of an image, rows first; whether all of it was there."""
    outputs, answer = _outputs(path, wanted), _key(predictor, path, wanted)
    mine = answers.of(outputs.label)
    own = not wanted.overwrite and answers.is_ours(outputs.label, answer)
    if own and not mine[0]["error"] and all(file.is_file() for file in outputs.written(wanted)):
        return True
    rows, files = _one(predictor, path, wanted, answer=answer, own=own)
    answers.put(outputs.label, rows)
    if wanted.overwrite and mine and mine[0]["key"]:
        _clear(outputs, spare=spare)
    for file, data in files.items():
        if file == outputs.label or not (own and file.exists()):
            write_bytes(file, data)
    return False


def _outputs(path: Path, wanted: Wanted) -> _Outputs:
    name, ending = file_id(path), ".png" if is_png(path) else ".nii.gz"
    return _Outputs(
        label=wanted.out / f"{name}{ending}",
        probability=wanted.out / f"{name}_probability{ending}",
        overlay=wanted.out / f"{name}_overlay.png",
    )


def _key(predictor: Predictor, path: Path, wanted: Wanted) -> str:
    """SHA-256 over the image and all that decides the answer to it but code; empty where there is no such file."""
    model, image = predictor.model, sha256_of(path)
    if not image:
        return ""
    return key(
        kind="prediction",
        version=ANSWER_VERSION,
        image=image,
        model=[model.name, predictor.weights, model.options],
        prepare=asdict(predictor.prepare),
        names=sorted(predictor.names.items()),
        axes=predictor.axes,
        channel=[wanted.channel, predictor.channel],
        passes=[wanted.passes, wanted.fire_seed] if model.stochastic else None,
    )


def _clear(outputs: _Outputs, *, spare: set[Path]) -> None:
    """Take away what an answer of this command has beside the label that is replaced; never an image that was given."""
    for left in (outputs.probability, outputs.overlay):
        if left.resolve() not in spare:
            left.unlink(missing_ok=True)


def _check_outputs(images: Sequence[Path], wanted: Wanted) -> None:
    ids = [file_id(path) for path in images]
    owners: dict[Path, Path] = {}
    for path, name in zip(images, ids, strict=True):
        if ids.count(name) > 1:
            raise UsageProblem(f"{path}: several images are called '{name}' and would have one output; rename them")
        for file in _outputs(path, wanted).written(wanted):
            if owners.setdefault(file, path) != path:
                raise UsageProblem(f"{path}: {file.name} would be an output of {owners[file]} too; rename one of them")


def _one(predictor: Predictor, path: Path, wanted: Wanted, *, answer: str, own: bool) -> tuple[Rows, dict[Path, bytes]]:
    """The rows of an image and the files to be written, the label first."""
    model, outputs = predictor.model, _outputs(path, wanted)
    _check_one(model, path, outputs, wanted, own=own)
    scan = predictor.read(path, channel=wanted.channel)
    stored = stored_axes(path)
    turn = turned(scan, stored=stored, axes=predictor.axes)
    passes = predictor.passes(turn.scan, count=wanted.passes, fire_seed=wanted.fire_seed)
    logits = pooled_logits(passes).astype(np.float32)
    native = (turn.scan.image.shape[1], turn.scan.image.shape[2])
    label = turn.back(label_map(logits, tuple(predictor.names), native=native))
    if is_png(path):
        visible = label * np.uint8(255) if predictor.prepare.labels == "merged" else label
        files = {outputs.label: png_bytes(visible[..., 0])}
    else:
        files = {outputs.label: nifti_like(label, path, scan)}
    if wanted.probabilities:
        maps = turn.back(_probabilities(logits, native))
        files[outputs.probability] = _probability_bytes(maps, path, scan)
    if wanted.overlays:
        from .overlay import overlay_png

        title = file_id(path)
        picture = overlay_png(scan.image[0], label, names=predictor.names, spacing=scan.spacing, title=title)
        files[outputs.overlay] = picture
    voxel, digest = math.prod(scan.spacing), hashlib.sha256(files[outputs.label]).hexdigest()
    rows = [
        {
            "image": str(path),
            "output": outputs.label.name,
            "axes": stored,
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
            "sha256": digest,
            "key": answer,
        }
        for output, (value, label_name) in enumerate(predictor.names.items())
    ]
    return rows, files


def _check_one(model: Segmenter, path: Path, outputs: _Outputs, wanted: Wanted, *, own: bool) -> None:
    """Refuse what is known before the work; what exists of this very answer does not stand in its way."""
    for file in outputs.written(wanted):
        if file.resolve() == path.resolve():
            raise BenchError(f"{path}: its output would replace it; give another --out")
        if file.exists() and not (wanted.overwrite or own):
            raise BenchError(f"{file}: is there already; give another --out, or --overwrite")
    if is_png(path) and wanted.probabilities and model.out_channels > 1:
        problem = f"a PNG holds the probability of one output, the model has {model.out_channels}"
        raise BenchError(f"{path}: {problem}; use NIfTI, or leave --probabilities away")


def _probabilities(logits: NDArray[np.float32], native: tuple[int, int]) -> NDArray[np.float32]:
    """Sigmoids on the native grid: (X, Y, Z, K)."""
    from scipy.special import expit

    to_native = resize_map((logits.shape[1], logits.shape[2]), native)
    carried = np.stack([warp(channel, to_native, native) for channel in logits], axis=-1)
    maps: NDArray[np.float32] = expit(carried).astype(np.float32)
    return maps


def _probability_bytes(maps: NDArray[np.float32], path: Path, scan: Scan) -> bytes:
    """(X, Y, Z) or (X, Y, Z, K) float32 as NIfTI; 16-bit grey for a PNG, of one output."""
    if is_png(path):
        return png_bytes(np.rint(maps[..., 0, 0] * 65535).astype(np.uint16))
    return nifti_like(maps[..., 0] if maps.shape[3] == 1 else maps, path, scan)


def _number(value: float) -> str:
    return "" if math.isnan(value) else f"{value:.6g}"
