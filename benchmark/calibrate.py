"""Calibration: how far each severity of each family takes an image from its clean self, on what a model sees.

- NRMSE: root mean square difference of the preprocessed slices, over the standard deviation of the clean ones.
- SSIM: Wang et al. 2004, by MONAI, per slice with a Gaussian window of 11 pixels, range 1; mean over slices.

Both are means over cases. The severities of the acquisition families are set so that the NRMSE meets `TARGETS` within
`TOLERANCE`, measured on the train part: severity 3 of one then is as far from clean as severity 3 of another. A family
that would have to leave what is physically sensible keeps its maximum there, and the severities concerned are named in
its `saturated`. Grid families are measured too, without a target: moving an image is not corrupting it.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from ..perturbations.base import Perturbation
from ..perturbations.family import SEVERITIES
from .condition import Condition
from .preprocess import Preprocess
from .progress import progress
from .shown import show
from .volume import Case

if TYPE_CHECKING:
    import pandas as pd

TARGETS = (0.1, 0.2, 0.3, 0.4, 0.5)
"""NRMSE of severities 1 to 5 of every acquisition family."""

TOLERANCE = 0.25
"""Relative."""

Slices = NDArray[np.float32]


def nrmse(perturbed: Slices, clean: Slices) -> float:
    """Root mean square difference over the standard deviation of `clean`; NaN where that is 0.

    >>> clean = np.array([[0.0, 1.0]], dtype=np.float32)
    >>> nrmse(clean + np.float32(0.25), clean)
    0.5
    """
    spread = float(clean.std(dtype=np.float64))
    distance = float(np.sqrt(np.mean((perturbed.astype(np.float64) - clean) ** 2)))
    return distance / spread if spread > 0 else math.nan


def ssim(perturbed: Slices, clean: Slices) -> float:
    """Mean structural similarity of slices (Z, C, H, W) in [0, 1]; NaN for slices below the window's 11 pixels."""
    import torch
    from monai.metrics.regression import compute_ssim_and_cs

    if min(clean.shape[2:]) < 11:
        return math.nan
    found, _ = compute_ssim_and_cs(
        torch.from_numpy(perturbed),
        torch.from_numpy(clean),
        spatial_dims=2,
        kernel_size=(11, 11),
        kernel_sigma=(1.5, 1.5),
        data_range=1.0,
    )
    return float(found.double().mean())


def calibrate(
    cases: Sequence[Case], families: Sequence[Perturbation], recipe: Preprocess, *, draws: int = 1
) -> pd.DataFrame:
    """Measure every severity of some families.

    Args:
        cases: what is perturbed.
        families: each in the version wanted; they must be what the registry serves under name and version.
        recipe: the preprocessing that decides what a model sees.
        draws: random draws per case, for families that draw.

    Returns:
        One row per family and severity: `perturbation`, `version`, `kind`, `severity`, `parameter`, `magnitude`,
        `unit`, `nrmse`, `nrmse_sd` (over cases and draws), `ssim`, `ssim_sd`, `cases`, `draws`, `target` (NaN for grid
        families), `off` (relative distance from the target) and `saturated`.
    """
    import pandas as pd

    clean = [show(case, Condition(grid="model"), recipe).slices for case in cases]
    rows = []
    with progress("calibrating", total=len(families) * SEVERITIES) as meter:
        for family in families:
            for severity in range(1, SEVERITIES + 1):
                seeds = range(draws if family.random else 1)
                pairs = [
                    (show(case, _condition(family, severity, seed), recipe).slices, slices)
                    for case, slices in zip(cases, clean, strict=True)
                    for seed in seeds
                ]
                rows.append(_row(family, severity, pairs, cases=len(cases), draws=len(seeds)))
                meter.advance(note=family.name)
    return pd.DataFrame(rows)


def _condition(family: Perturbation, severity: int, draw: int) -> Condition:
    grid: Any = "native" if family.kind == "acquisition" else "model"
    return Condition(
        perturbation=family.name, version=family.version, kind=family.kind, severity=severity, draw=draw, grid=grid
    )


def _row(
    family: Perturbation, severity: int, pairs: Sequence[tuple[Slices, Slices]], *, cases: int, draws: int
) -> dict[str, Any]:
    errors = np.array([nrmse(*pair) for pair in pairs])
    likeness = np.array([ssim(*pair) for pair in pairs])
    target = TARGETS[severity - 1] if family.kind == "acquisition" else math.nan
    return {
        "perturbation": family.name,
        "version": family.version,
        "kind": family.kind,
        "severity": severity,
        "parameter": family.parameter,
        "magnitude": family.magnitude(severity),
        "unit": family.unit,
        "nrmse": errors.mean(),
        "nrmse_sd": errors.std(),
        "ssim": likeness.mean(),
        "ssim_sd": likeness.std(),
        "cases": cases,
        "draws": draws,
        "target": target,
        "off": errors.mean() / target - 1,
        "saturated": severity in family.saturated,
    }


def problems(table: pd.DataFrame) -> list[str]:
    """What keeps a table from being calibrated: severities off their target, and families that do not grow."""
    found = []
    for (name, version), rows in table.groupby(["perturbation", "version"], sort=False):
        aimed = rows[rows["target"].notna() & ~rows["saturated"]]
        for severity, error, target in zip(aimed["severity"], aimed["nrmse"], aimed["target"], strict=True):
            if not abs(error / target - 1) <= TOLERANCE:
                found.append(f"{name} v{version}, severity {severity}: NRMSE {error:.3f}, not {target:g}")
        if not (np.diff(rows.sort_values("severity")["nrmse"], prepend=0) > 0).all():
            found.append(f"{name} v{version}: the NRMSE does not grow with severity")
    return found
