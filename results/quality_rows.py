"""Rows of the table `quality`, points of `risk_coverage`: what a score says of answers to one perturbation.

Plain arrays in, plain numbers out; which answers are compared is the table's business (`table_quality.py`).
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from .grouped import Codes
from .selective import Sorted, aurc, auroc, by_score, curve
from .selective_intervals import ENOUGH, intervals
from .surface import Reals
from .table import count_of

FAILURE: Final = 0.8
"""Dice below which an answer failed."""

SCORES: Final = ("nqm", "entropy")
POINTS: Final = 200
"""Points of a curve in `risk_coverage`, at most."""

_COUNTED: Final = ("scored", "intended", "failed")
_NUMBERS: Final = ("risk_mean", "aurc", "aurc_low", "aurc_high", "aurc_optimal", "excess", "excess_low", "excess_high",
                   "auroc", "auroc_low", "auroc_high")  # fmt: skip
COLUMNS: Final = ("passes", *_COUNTED, "undefined", "answers", "cases", "subjects", "failures", *_NUMBERS, "reason")


@dataclass(frozen=True)
class Answers:
    """Scored answers of a model and label under one perturbation, (answers,) each; cases and subjects by number."""

    passes: int
    dice: Reals
    case: Codes
    group: Codes
    scores: dict[str, Reals]

    @property
    def failed(self) -> npt.NDArray[np.bool_]:
        """Whether each failed."""
        found: npt.NDArray[np.bool_] = self.dice < FAILURE
        return found

    def with_score(self, score: str) -> "Answers":
        """Those whose Dice and score are defined."""
        defined = ~(np.isnan(self.dice) | np.isnan(self.scores[score]))
        scores = {score: self.scores[score][defined]}
        return Answers(self.passes, self.dice[defined], self.case[defined], self.group[defined], scores)


def rows_of(mine: Answers, tally: Mapping[str, int]) -> Iterator[tuple[str, dict[str, Any], list[dict[str, float]]]]:
    """For each score the model has: its name, the row of `quality` and the points of `risk_coverage`.

    Args:
        mine: scored answers.
        tally: from `scored.counts`, of these answers and those that were not scored.
    """
    for score in SCORES if mine.passes > 1 else SCORES[1:]:
        defined = mine.with_score(score)
        total = {what: int(tally[what]) for what in _COUNTED} | {"undefined": mine.dice.size - defined.dice.size}
        risk = 1 - defined.dice
        answers = by_score(defined.scores[score], risk, defined.failed) if risk.size else None
        yield score, {"passes": mine.passes} | total | _summary(defined, score, answers), list(_points(answers))


def _summary(answers: Answers, score: str, sorted_: Sorted | None) -> dict[str, Any]:
    """What a row of `quality` says of some answers with defined Dice and score, given as they are and sorted."""
    failures = int(answers.failed.sum())
    who = {"answers": answers.dice.size, "cases": _distinct(answers.case), "subjects": _distinct(answers.group)}
    found: dict[str, Any] = dict.fromkeys(_NUMBERS, np.nan) | {"failures": failures}
    if sorted_ is not None:
        risk = 1 - answers.dice
        ideal = by_score(risk, risk, answers.failed)
        area, optimal = float(aurc(sorted_.size, sorted_.risk)), float(aurc(ideal.size, ideal.risk))
        limits = intervals(answers.scores[score], risk, answers.failed, answers.group)
        found |= {
            "risk_mean": float(np.sort(risk).mean()),
            "aurc": area,
            "aurc_optimal": optimal,
            "excess": area - optimal,
            "auroc": float(auroc(sorted_.size, sorted_.failed)),
        }
        if found["auroc"] in (0, 1):  # nothing varies, which is no proof that no other sample would
            limits = replace(limits, auroc=(np.nan, np.nan))
        for name, (low, high) in (("aurc", limits.aurc), ("excess", limits.excess), ("auroc", limits.auroc)):
            found |= {f"{name}_low": low, f"{name}_high": high}
    return who | found | {"reason": _reason(answers, failures, auroc=found["auroc"])}


def _distinct(numbers: Codes) -> int:
    return int(np.count_nonzero(np.bincount(numbers)))


def _reason(answers: Answers, failures: int, *, auroc: float) -> str:
    """Why a number is missing; nothing if all are there."""
    successes = answers.dice.size - failures
    if not answers.dice.size:
        return "no answer with a defined Dice and score"
    if not failures:
        return "no failure"
    if not successes:
        return "no success"
    if min(failures, successes) < ENOUGH:
        few = count_of(failures, "failure") if failures < ENOUGH else count_of(successes, "success", "successes")
        return f"only {few}: no interval of AUROC"
    if auroc in (0, 1):
        return f"failures all score {'higher' if auroc else 'lower'}: no interval of AUROC"
    parts = (("failures", answers.failed), ("successes", ~answers.failed))
    alone = [word for word, chosen in parts if _distinct(answers.group[chosen]) < 2]
    return f"all {' and '.join(alone)} are of one subject: no interval of AUROC" if alone else ""


def _points(answers: Sorted | None) -> Iterator[dict[str, float]]:
    if answers is None:
        return
    for coverage, risk, threshold in zip(*curve(answers, points=POINTS), strict=True):
        yield {"coverage": float(coverage), "risk": float(risk), "threshold": float(threshold)}
