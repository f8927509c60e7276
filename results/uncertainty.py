"""How sure a model is of its own answer, measured on the model's grid without the truth.

- Entropy: the binary entropy of the sigmoid, -p ln p - (1 - p) ln(1 - p), in nats, summed over voxels.
- Foreground mass: the sum of the sigmoid over the same voxels, in voxels; what the entropy and NQM are relative to.
- NQM of several passes: the sum of the per-voxel standard deviation of the sigmoids (ddof 0) divided by the sum of
  their mean (Kalkhof & Mukhopadhyay, M3D-NCA, MICCAI 2023; ddof as in the authors' `Agent.labelVariance`).

Several passes are pooled by the mean of their sigmoids. All sums are float64 and taken from the logits, so that a
saturated sigmoid is not rounded to 0 or 1 first.
"""

import math
from typing import Any, Final

import numpy as np
import numpy.typing as npt

Logits = npt.NDArray[np.floating[Any]]
Reals = npt.NDArray[np.float64]

UNMEASURED: Final = {"nqm": math.nan, "entropy_sum": math.nan, "p_sum_model": math.nan}
"""The columns of `uncertainty` before they are known."""


def uncertainty(passes: Logits) -> dict[str, float]:
    """The columns `nqm`, `entropy_sum` and `p_sum_model` of one label.

    Args:
        passes: (passes, X, Y, Z) logits on the model's grid.

    Returns:
        Entropy and mass of the mean of the sigmoids; `nqm` is NaN for a single pass.

    Raises:
        ValueError: there is no pass, or a logit is not finite.

    Example:
        >>> import numpy as np
        >>> sure, unsure = np.full((1, 1, 1, 1), 30.0), np.zeros((1, 1, 1, 1))
        >>> round(uncertainty(unsure)["entropy_sum"], 4), round(uncertainty(sure)["entropy_sum"], 4)
        (0.6931, 0.0)
        >>> round(uncertainty(np.concatenate([sure, unsure]))["nqm"], 4)  # sigmoids 1 and 0.5: 0.25 / 0.75
        0.3333
    """
    from scipy.special import expit

    pooled = pooled_logits(passes)
    mass = float(expit(pooled).sum())
    nqm = math.nan
    if len(passes) > 1 and mass > 0:
        nqm = float(expit(passes.astype(np.float64)).std(axis=0, ddof=0).sum()) / mass
    return {"nqm": nqm, "entropy_sum": float(_entropy(pooled).sum()), "p_sum_model": mass}


def pooled_logits(passes: Logits) -> Reals:
    """The logit of the mean of the passes' sigmoids.

    Args:
        passes: (passes, ...) logits.

    Returns:
        (...) float64; of one pass, that pass.

    Raises:
        ValueError: there is no pass, or a logit is not finite.
    """
    from scipy.special import log_expit, logsumexp

    if not len(passes) or not np.isfinite(passes).all():
        raise ValueError(f"logits of shape {passes.shape}: at least one pass of finite numbers is needed")
    exact = passes.astype(np.float64)
    if len(exact) == 1:
        return np.asarray(exact[0])
    pooled: Reals = logsumexp(log_expit(exact), axis=0) - logsumexp(log_expit(-exact), axis=0)
    return pooled


def _entropy(logits: Reals) -> Reals:
    """Nats: -ln(max(p, 1 - p)), plus |logit| weighted by the smaller of the two; exact where the sigmoid saturates."""
    from scipy.special import expit, log_expit

    size = np.abs(logits)
    entropy: Reals = -log_expit(size) + size * expit(-size)
    return entropy
