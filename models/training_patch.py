"""Where the patches are that Med-NCA's fine level is trained on.

Any patch of a slice is equally likely, as in the authors' code. Where structures are small, most patches hold none, and
training has little to learn from; with a probability of `foreground`, a sample's patch is one that holds foreground.
"""

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from .keys import TrainKey

_STREAM = 0xF0  # separates the draws around foreground from every other use of the training seed

Corners = NDArray[np.int64]


def corners(target: Tensor, *, height: int, width: int, key: TrainKey, foreground: float) -> tuple[Corners, Corners]:
    """Draw one patch per sample; a pure function of the arguments.

    Args:
        target: (B, H, W, K); above 0 is foreground.
        height: of a patch, at most H.
        width: of a patch, at most W.
        key: of the update.
        foreground: probability, in [0, 1], that a sample's patch is drawn around a pixel of its foreground: the pixel
            uniformly, then the patch uniformly from those that hold it. A sample without foreground has any patch.

    Returns:
        First row and first column, both (B,).
    """
    random = np.random.default_rng([key.seed, key.update])
    sides = target.shape[1:3]
    top, left = (
        random.integers(whole - part + 1, size=len(target)) for whole, part in zip(sides, (height, width), strict=True)
    )
    for sample in range(len(target)) if foreground else ():
        own = np.random.default_rng([_STREAM, key.seed, key.update, sample])
        if own.random() < foreground:
            rows, columns = np.nonzero((target[sample] > 0).any(-1).cpu().numpy())
            if len(rows):
                pixel = own.integers(len(rows))
                top[sample] = _start(rows[pixel], part=height, whole=sides[0], random=own)
                left[sample] = _start(columns[pixel], part=width, whole=sides[1], random=own)
    return top, left


def _start(pixel: int, *, part: int, whole: int, random: np.random.Generator) -> int:
    """The first of `part` pixels out of `whole` that hold this one."""
    return int(random.integers(max(0, pixel - part + 1), min(pixel, whole - part) + 1))
