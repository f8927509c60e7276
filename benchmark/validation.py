"""Dice on a few validation cases while a model trains, on the model's grid."""

from __future__ import annotations

import math

import numpy as np
import torch

from ..models.base import FireKey, Segmenter
from .slices import PreparedCase

VALIDATION_CASES = 4  # enough to see a trend, cheap enough not to count


@torch.no_grad()
def validation_scores(
    model: Segmenter, cases: tuple[PreparedCase, ...], *, count: int = VALIDATION_CASES
) -> tuple[float | None, float | None]:
    """Mean hard and soft Dice of a few validation cases on the model's grid, foreground of all outputs.

    Soft is the paper's: probabilities as they are, no smoothing, cases without foreground left out. None without cases,
    and where an answer is not finite.
    """
    model.eval()
    hard: list[float] = []
    soft: list[float] = []
    step = max(1, len(cases) // count)
    for case in cases[::step][:count]:
        keys = [FireKey(seed=0, case=case.sha256, slice=z) for z in range(len(case.image))]
        logits = model(torch.from_numpy(np.array(case.image)), keys=keys)
        predicted, truth = logits.numpy() > 0, case.target > 0
        size = predicted.sum() + truth.sum()
        hard.append(2.0 * float((predicted & truth).sum()) / float(size) if size else 1.0)
        if truth.any():
            share = torch.sigmoid(logits).double().numpy()
            soft.append(2.0 * float((share * truth).sum()) / float(share.sum() + truth.sum()))
    return _mean(hard), _mean(soft)


def _mean(scores: list[float]) -> float | None:
    mean = sum(scores) / len(scores) if scores else math.nan
    return mean if math.isfinite(mean) else None


def validation_dice(
    model: Segmenter, cases: tuple[PreparedCase, ...], *, count: int = VALIDATION_CASES
) -> float | None:
    """Mean hard Dice of `validation_scores`."""
    return validation_scores(model, cases, count=count)[0]
