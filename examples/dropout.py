"""A perturbation of one's own: signal drop-out, a soft dark ball, as near air or metal in gradient-echo images.

Use it as a file, or install this folder (`pip install ./examples`) and it is found by its entry point:

    mednca-bench run --suite accuracy --perturbation drop-out --plugin examples/dropout.py

Run the laws on it while you write it: `python examples/dropout.py`.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from mednca_bench.perturbations import register
from mednca_bench.perturbations.base import AcquisitionPerturbation, Magnitude, Params


@dataclass(frozen=True, kw_only=True)
class DropOut(AcquisitionPerturbation):
    """corrupted = image * (1 - depth * exp(-r^2 / 2)), r the distance from a drawn centre in fifths of each axis."""

    name = "drop-out"
    version = 1
    summary = "signal lost around a drawn centre"
    source = "this file"
    parameter = "depth"
    unit = "fraction of the signal lost at the centre"
    neutral = 0.0
    drawn = ("centre",)
    severities: tuple[Magnitude, ...] = (0.2, 0.4, 0.6, 0.8, 1.0)

    def directions(self, rng: np.random.Generator, *, shape: tuple[int, ...], spacing: tuple[float, ...]) -> Params:
        """Draw the centre as a fraction of each axis; this never sees the severity."""
        return {"centre": rng.uniform(0.3, 0.7, size=3).tolist()}

    def corrupt(self, image: np.ndarray, params: Mapping[str, Any]) -> np.ndarray:
        """Pure: image and parameters in, a new float32 array out."""
        square = np.zeros(image.shape[1:])
        for axis, place in enumerate(params["centre"]):
            at = (np.arange(image.shape[axis + 1]) + 0.5) / image.shape[axis + 1]
            square = square + np.expand_dims(((at - place) * 5) ** 2, tuple({0, 1, 2} - {axis}))
        low = np.minimum(image.min(axis=(1, 2, 3), keepdims=True), 0)
        kept = (1 - params["depth"] * np.exp(-square / 2)).astype(np.float32)
        return np.asarray((image - low) * kept + low, dtype=np.float32)


register(DropOut())

if __name__ == "__main__":
    from mednca_bench.perturbations.contract import check_all

    check_all(DropOut())
    print("drop-out keeps every law")
