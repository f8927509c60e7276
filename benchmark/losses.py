"""Losses of training: the official code's for what a model answers, and one for the coarse level on its way."""

import torch
import torch.nn.functional as F

_SMOOTH = 1.0


def dice_bce(logits: torch.Tensor, target: torch.Tensor) -> torch.Tensor:
    """Soft Dice loss per output over the batch, smoothed by 1, plus the mean binary cross-entropy: scalar, >= 0."""
    return _dice(logits, target) + F.binary_cross_entropy_with_logits(logits, target)


def coarse_dice_bce(logits: torch.Tensor, target: torch.Tensor) -> torch.Tensor:
    """The same of a coarse level, against the share of foreground in each of its cells, with balanced cross-entropy.

    Per output, foreground and background of the batch weigh one half each. A coarse level answers for whole images,
    where foreground is a few per cent: unbalanced, "nothing anywhere" is an answer that training does not leave.

    Args:
        logits: (B, K, h, w).
        target: (B, K, H, W), 0 or 1; H and W are multiples of h and w.

    Returns:
        Scalar, >= 0.
    """
    share = F.adaptive_avg_pool2d(target, (logits.shape[2], logits.shape[3]))
    one = 1.0 / target.numel()  # a pixel of the batch: no foreground, or nothing else, still has a weight
    foreground = target.mean(dim=(0, 2, 3), keepdim=True).clamp(min=one, max=1.0 - one)
    ratio = (1.0 - foreground) / foreground
    entropy = F.binary_cross_entropy_with_logits(logits, share, pos_weight=ratio, reduction="none")
    return _dice(logits, share) + (entropy * 0.5 / (1.0 - foreground)).mean()


def _dice(logits: torch.Tensor, target: torch.Tensor) -> torch.Tensor:
    probability = torch.sigmoid(logits)
    overlap = (probability * target).sum(dim=(0, 2, 3))
    total = (probability + target).sum(dim=(0, 2, 3))
    return (1.0 - (2.0 * overlap + _SMOOTH) / (total + _SMOOTH)).mean()
