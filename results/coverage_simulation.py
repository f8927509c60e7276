"""How often the intervals hold what they promise, and how often Holm's family errs: measured on made-up subjects.

    python -m mednca_bench.results.coverage_simulation

The subjects are those of `simulated_subjects.py`. The true mean is known exactly. Every interval is computed as in the
tables, with the tables' resamples.

Family-wise error: ten models against a reference on the same subjects, Wilcoxon and Holm as in the tables. Every model
has its own exchangeable noise around the subjects' Dice; none differs from the reference ("all true"), or five are
better by 0.05 and an error is a rejection among the other five ("half true").

Means over five trainings as well as subjects: every training adds a normal effect of its own to the Dice of all
subjects, with the subjects' own sd ("as between subjects") or a fifth of it.

Risk–coverage areas and AUROC of failure: a failure where Dice is below 0.8. The true numbers are those of 100,000
subjects.
"""

import argparse
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt

from .intervals import Method, mean_intervals
from .paired_tests import ALPHA, holm
from .quality_rows import FAILURE
from .selective import aurc, auroc, by_score
from .selective_intervals import intervals
from .simulated_subjects import ALIKE, FAILURES, MEAN, SD, simulated_answers, simulated_dice
from .surface import Reals
from .training_seeds import ENOUGH_SEEDS, seed_interval

SUBJECTS: Final = (9, 20, 48)
MORE_SUBJECTS: Final = (60, 100)
"""Of means too, where t intervals give way to BCa ones."""

METHODS: Final[tuple[Method, ...]] = ("percentile", "bca", "t")
TESTS: Final = 10
MANY: Final = 20_000
SEED: Final = 2302_03473
REPLICATIONS: Final = 10_000


@dataclass(frozen=True)
class Share:
    """A measured share and its Monte-Carlo standard error."""

    what: str
    subjects: int
    value: float
    error: float


def share(what: str, subjects: int, events: npt.NDArray[np.bool_]) -> Share:
    """Share of `events` that happened."""
    value = float(events.mean())
    return Share(what, subjects, value, float(np.sqrt(value * (1 - value) / events.size)))


def coverage(
    method: Method, subjects: int, *, failures: bool = False, replications: int = REPLICATIONS, seed: int = SEED
) -> Share:
    """Share of nominal 95 % intervals that hold the true mean.

    Args:
        method: of the interval.
        subjects: with two cases each.
        failures: the harder variant.
        replications: simulated samples.
        seed: of the samples; every method sees the same ones.
    """
    rng = np.random.default_rng([seed, subjects, failures])
    dice = simulated_dice(rng, subjects, replications)
    true = MEAN
    if failures:
        dice = np.where(rng.random((subjects, 1, replications)) < FAILURES, 0.0, dice)
        true = MEAN * (1 - FAILURES)
    low, high = mean_intervals(dice.sum(axis=1), np.full((subjects, replications), 2.0), method=method)
    return share(method, subjects, (low <= true) & (true <= high))


def family_wise_error(
    subjects: int, *, half: bool = False, replications: int = REPLICATIONS // 5, seed: int = SEED
) -> Share:
    """Share of families in which a true hypothesis is rejected at 0.05 after Holm's correction."""
    from scipy.stats import wilcoxon

    rng = np.random.default_rng([seed, subjects, half, 1])
    base = simulated_dice(rng, subjects, replications).mean(axis=1)[:, None]
    noise = 0.03 * (1 - base) / (1 - MEAN) * rng.standard_t(4, size=(subjects, TESTS + 1, replications))
    # The subject's Dice cancels in a difference; what is left of its skew is that poor cases vary more.
    differences = noise[:, 1:] - noise[:, :1]
    true = np.ones(TESTS, dtype=bool)
    if half:
        true[: TESTS // 2] = False
        differences[:, ~true] += 0.05
    p = wilcoxon(differences, axis=0).pvalue
    adjusted = np.apply_along_axis(holm, 0, p)
    rejected = np.asarray((adjusted[true] <= ALPHA).any(axis=0), dtype=np.bool_)
    return share("half true" if half else "all true", subjects, rejected)


def seed_coverage(subjects: int, *, spread: float, replications: int = REPLICATIONS // 10, seed: int = SEED) -> Share:
    """Share of the intervals over five trainings and the subjects that hold the true mean.

    Args:
        subjects: with two cases each.
        spread: sd between trainings, in units of that between subjects.
        replications: simulated samples.
        seed: of the samples.
    """
    rng = np.random.default_rng([seed, subjects, round(1000 * spread), 3])
    held = []
    counts = np.full((ENOUGH_SEEDS, subjects), 2.0)
    for dice in np.moveaxis(simulated_dice(rng, subjects, replications).mean(axis=1), -1, 0):
        effect = spread * SD * np.sqrt((1 + ALIKE) / 2) * rng.standard_normal((ENOUGH_SEEDS, 1))
        low, high = seed_interval(2 * (dice + effect), counts)
        held.append(low <= MEAN <= high)
    return share("seeds and subjects", subjects, np.array(held))


def area_coverage(
    subjects: int, *, failures: bool = False, replications: int = REPLICATIONS // 5, seed: int = SEED
) -> tuple[Share, ...]:
    """Share of the intervals of AURC, excess and AUROC that hold the true number; samples without one are left out."""
    large = np.random.default_rng([seed, MANY, failures, 2])
    true = np.mean([_areas(*simulated_answers(large, MANY, failures=failures)[:2]) for _ in range(5)], axis=0)
    rng = np.random.default_rng([seed, subjects, failures, 2])
    found = []
    for _ in range(replications):
        score, risk, subject = simulated_answers(rng, subjects, failures=failures)
        bounds = intervals(score, risk, risk > 1 - FAILURE, subject)
        found.append((bounds.aurc, bounds.excess, bounds.auroc))
    low, high = np.moveaxis(np.array(found), -1, 0)
    held, given = (low <= true) & (true <= high), ~np.isnan(low)
    names = ("AURC", "excess", "AUROC")
    return tuple(share(name, subjects, held[given[:, n], n]) for n, name in enumerate(names))


def _areas(score: Reals, risk: Reals) -> tuple[float, float, float]:
    answers, ideal = (by_score(one, risk, risk > 1 - FAILURE) for one in (score, risk))
    area = float(aurc(answers.size, answers.risk))
    return area, area - float(aurc(ideal.size, ideal.risk)), float(auroc(answers.size, answers.failed))


def report(*, replications: int = REPLICATIONS, seed: int = SEED) -> Iterator[str]:
    """The results as lines of four Markdown tables."""
    samples = {"seed": seed, "replications": replications}
    fewer, fewest = ({"seed": seed, "replications": max(1, replications // part)} for part in (5, 10))
    kinds = ((False, "skewed"), (True, "3 % failures"))

    yield from ("| distribution | subjects | percentile | BCa | t |", "|---|--:|--:|--:|--:|")
    for failures, words in kinds:
        for n in (*SUBJECTS, *MORE_SUBJECTS):
            yield _line(words, n, *(coverage(method, n, failures=failures, **samples) for method in METHODS))
    yield from ("", "| subjects | all ten true | five of ten true |", "|--:|--:|--:|")
    for n in SUBJECTS:
        yield _line(n, *(family_wise_error(n, half=half, **fewer) for half in (False, True)))
    yield from ("", "| distribution | subjects | AURC | excess | AUROC |", "|---|--:|--:|--:|--:|")
    for failures, words in kinds:
        for n in SUBJECTS:
            yield _line(words, n, *area_coverage(n, failures=failures, **fewer))
    yield from ("", "| subjects | as between subjects | a fifth of it |", "|--:|--:|--:|")
    for n in SUBJECTS:
        yield _line(n, *(seed_coverage(n, spread=spread, **fewest) for spread in (1.0, 0.2)))


def _line(*cells: Share | str | int) -> str:
    words = (f"{cell.value:.3f} ± {cell.error:.3f}" if isinstance(cell, Share) else str(cell) for cell in cells)
    return f"| {' | '.join(words)} |"


def main() -> None:
    """Print the tables."""
    parser = argparse.ArgumentParser(description="Measured coverage of the intervals and Holm's family-wise error.")
    parser.add_argument(
        "--replications", type=int, default=REPLICATIONS, help="simulated samples (default: %(default)s)"
    )
    parser.add_argument("--seed", type=int, default=SEED, help="of the samples (default: %(default)s)")
    options = parser.parse_args()
    if options.replications < 5:
        parser.error(f"--replications {options.replications} is too few; give at least 5")
    for line in report(replications=options.replications, seed=options.seed):
        print(line, flush=True)


if __name__ == "__main__":
    main()
