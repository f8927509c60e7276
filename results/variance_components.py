"""Where the variance of a score comes from: case, training seed, fire seed; random effects by the method of moments.

The score of case c under training t and fire seed f is y = m + C_c + T_t + (CT)_ct + F_ctf: cases and trainings are
crossed, fire seeds are repeated draws within a case and training (a case's fire masks are its own). All effects are
random, and the design is balanced. Mean squares are set equal to their expectations (Searle, Casella & McCulloch,
"Variance Components", 1992, ch. 4), with a cases, b trainings, n fire seeds:

    E MS_C = F + n CT + n b C        E MS_CT = F + n CT
    E MS_T = F + n CT + n a T        E MS_F  = F

An estimate may come out negative, which says that the component is small against what it is measured with; it is
reported as 0, with what it was. What a design cannot tell apart it gives as one component: with one fire seed
the interaction holds the fire seeds' variance, with one training the case holds the interaction.
"""

from dataclasses import dataclass
from typing import Final

import numpy as np

from .surface import Reals

CASE: Final = "case"
TRAINING: Final = "training seed"
BOTH: Final = "case × training seed"
FIRE: Final = "fire seed"


@dataclass(frozen=True)
class Component:
    """One component of variance.

    Attributes:
        name: of the effect.
        degrees: of freedom of its mean square; 0 where it cannot be estimated.
        estimate: in the squared unit of the score, negative as it may come; NaN where it cannot be estimated.
        variance: the estimate, 0 where that is negative.
        remark: what must be known; "" for nothing.
    """

    name: str
    degrees: int
    estimate: float
    variance: float
    remark: str


def variance_components(scores: Reals, *, stochastic: bool = True) -> tuple[Component, ...]:
    """Split the variance of a balanced table of scores.

    Args:
        scores: (cases, trainings, fire seeds), no NaN, at least two cases.
        stochastic: whether the model has fire seeds at all; a deterministic one has no variance from them.

    Returns:
        Case, training seed, their interaction, fire seed.

    Raises:
        ValueError: fewer than two cases, or a NaN.

    Example:
        >>> two_by_two = np.array([[[1.0], [3.0]], [[5.0], [7.0]]])
        >>> [(part.name, part.variance) for part in variance_components(two_by_two)][:2]
        [('case', 8.0), ('training seed', 2.0)]
    """
    cases, trainings, fires = scores.shape
    if cases < 2 or np.isnan(scores).any():
        raise ValueError(f"variance of {cases} cases: at least two are needed, each with a score everywhere")
    mean = scores.mean()
    of_case, of_training, cell = scores.mean(axis=(1, 2)), scores.mean(axis=(0, 2)), scores.mean(axis=2)
    inner = cell - of_case[:, None] - of_training[None, :] + mean
    degrees = (cases - 1, trainings - 1, (cases - 1) * (trainings - 1), cases * trainings * (fires - 1))
    sums = (
        fires * trainings * ((of_case - mean) ** 2).sum(),
        fires * cases * ((of_training - mean) ** 2).sum(),
        fires * (inner**2).sum(),
        ((scores - cell[:, :, None]) ** 2).sum(),
    )
    by_case, by_training, by_both, by_fire = (
        float(total / free) if free else np.nan for total, free in zip(sums, degrees, strict=True)
    )
    if not stochastic:
        by_fire = 0.0
    fire_known = stochastic and fires > 1
    below = by_both if trainings > 1 else by_fire if fire_known else 0.0  # what a case's mean square holds beside C
    interaction = (by_both - by_fire) / fires if fire_known else by_both
    hidden = "the fire seed, of which there is one" if stochastic and not fire_known else ""
    in_case = (
        [f"what differs from training to training on this case{', and' if hidden else ''}"] if trainings < 2 else []
    )
    return (
        _component(CASE, degrees[0], (by_case - below) / (fires * trainings), [*in_case, hidden] if in_case else []),
        _component(TRAINING, degrees[1], (by_training - by_both) / (fires * cases), []),
        _component(BOTH, degrees[2], interaction, [hidden]),
        _component(FIRE, degrees[3], by_fire, []) if stochastic else Component(FIRE, 0, 0.0, 0.0, DETERMINISTIC),
    )


DETERMINISTIC: Final = "none, the model is deterministic"
_UNKNOWN: Final = {TRAINING: "one training", BOTH: "one training", FIRE: "one fire seed"}


def _component(name: str, degrees: int, estimate: float, held: list[str]) -> Component:
    """A component, with what it holds that the design cannot take out of it."""
    if degrees < 1:
        return Component(name, 0, np.nan, np.nan, f"cannot be estimated from {_UNKNOWN[name]}")
    remarks = [f"holds {' '.join(filter(None, held))}"] if any(held) else []
    if estimate < 0:
        remarks.append(f"estimate {estimate:.2g} is negative, reported as 0")
    return Component(name, degrees, estimate, max(estimate, 0.0), "; ".join(remarks))
