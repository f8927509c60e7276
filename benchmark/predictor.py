"""A weights file as what segments images: the model, what it takes, what its outputs are called."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from .errors import BenchError
from .evaluate import segment
from .predict import Scan, read_scan
from .preprocess import Preprocess, model_input
from .trained import contestant
from .volume import Case

if TYPE_CHECKING:
    from ..models.base import Segmenter


@dataclass(frozen=True, kw_only=True)
class Predictor:
    """A trained model and what it takes and gives.

    Attributes:
        model: in evaluation mode.
        prepare: the preprocessing it was trained with.
        names: label value of each output, in order, to its name.
        channel: of an image with several, the one it was trained on.
        weights: SHA-256 of its tensors.
        axes: of the images it was trained on, see `orientation`; empty where not known.
    """

    model: Segmenter
    prepare: Preprocess
    names: dict[int, str]
    channel: int | None
    weights: str
    axes: str = ""

    def read(self, path: Path, *, channel: int | None = None) -> Scan:
        """An image with the channels that the model takes: that one, or of several the one it was trained on.

        Raises:
            BenchError: it has another number of channels, or is none (see `predict.read_scan`).
        """
        scan = read_scan(path, channel=channel)
        count, takes = scan.image.shape[0], self.model.in_channels
        if count > takes == 1 and channel is None and self.channel is not None:
            return read_scan(path, channel=self.channel)
        if count != takes:
            raise BenchError(f"{path}: has {count} channels, the model takes {takes}; name one with --channel")
        return scan

    def passes(self, scan: Scan | Case, *, count: int, fire_seed: int) -> NDArray[np.float32]:
        """Logits (passes, K, H, W, Z) of that many passes with consecutive fire seeds; of a model without, one."""
        slices = model_input(scan.image, self.prepare)
        seeds = range(fire_seed, fire_seed + (count if self.model.stochastic else 1))
        return np.stack([segment(self.model, slices, case=scan, fire_seed=seed) for seed in seeds])


def load_predictor(path: Path) -> Predictor:
    """A weights file as a predictor. Raises BenchError as `trained.contestant` does."""
    from ..models import weights

    found = contestant(path)
    model, metadata = weights.load(path)
    label_map = metadata.get("label_map", {})
    if not isinstance(label_map, dict):
        raise BenchError(f"{path}: its label map is no table; use weights written by `mednca-bench train`")
    written = {int(value): str(name) for value, name in label_map.items()}
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
        axes=found.axes,
    )
