"""AURC and AUROC with each subject's answers left out in turn, all subjects at once.

A subject's answers lie on few steps of score. Between two of them, leaving it out takes the same number of answers and
the same risk from every running sum, so that a stretch of steps is a difference of two table entries: the work grows
with the answers, not with subjects times steps.
"""

from dataclasses import dataclass

import numpy as np

from .grouped import Codes, places
from .selective import harmonic_numbers
from .surface import Reals


@dataclass(frozen=True)
class Shares:
    """What each subject has on each step of score.

    Attributes:
        subject: (shares,) its number, rising; a subject has a share for each step it has an answer on.
        step: (shares,) rising within a subject.
        size: (shares,) its answers there.
        value: (shares,) the sum of their values: risks, or failures.
        subjects: how many there are.
        steps: how many there are.
    """

    subject: Codes
    step: Codes
    size: Reals
    value: Reals
    subjects: int
    steps: int

    def totals(self) -> tuple[Reals, Reals]:
        """Answers and sum of values per step, (steps,) each."""
        return self._per(self.step, self.size, self.steps), self._per(self.step, self.value, self.steps)

    def per_subject(self, values: Reals) -> Reals:
        """(subjects,) the sum of a number of each share."""
        return self._per(self.subject, values, self.subjects)

    def so_far(self, values: Reals) -> Reals:
        """(shares,) running sum within the subject, this share included."""
        running = np.cumsum(values)
        first = np.diff(self.subject, prepend=-1) > 0
        before = (running - values)[first]
        found: Reals = running - before[np.cumsum(first) - 1]
        return found

    @staticmethod
    def _per(place: Codes, values: Reals, size: int) -> Reals:
        return np.bincount(place, weights=values, minlength=size).astype(np.float64)


def shares(subject: Codes, step: Codes, value: Reals) -> Shares:
    """Put the answers of a subject on a step together.

    Args:
        subject: (answers,) from 0, every number occurs.
        step: (answers,) from 0.
        value: (answers,).
    """
    order = np.argsort(value)  # a sum in one order whatever the answers'
    subject, step, value = subject[order], step[order], value[order]
    steps = int(step.max()) + 1
    found, place = places(subject * steps + step, (int(subject.max()) + 1) * steps)
    size, total = (np.bincount(place, weights=weights).astype(np.float64) for weights in (None, value))
    owner, at = np.divmod(found, steps)
    return Shares(owner, at, size, total, int(owner[-1]) + 1, steps)


def areas(held: Shares) -> Reals:
    """(1 + subjects,) `selective.aurc` of all answers, and without those of each subject; values are risks."""
    size, risk = held.totals()
    after, until = np.cumsum(size), np.cumsum(risk) - risk  # answers so far; risk before the step
    before = after - size
    mean = np.divide(risk, size, out=np.zeros_like(risk), where=size > 0)
    lead = until - before * mean
    harmonic = harmonic_numbers(int(after[-1]))

    def spread(last: Reals, first: Reals) -> Reals:
        found: Reals = harmonic[last.astype(np.intp)] - harmonic[first.astype(np.intp)]
        return found

    # On a step of its own, a subject's answers are missing from the step itself too.
    gone, lost = held.so_far(held.size), held.so_far(held.value)
    at = held.step
    left = size[at] - held.size
    mean_left = np.divide(risk[at] - held.value, left, out=np.zeros_like(left), where=left > 0)
    start = before[at] - (gone - held.size)
    own = (until[at] - (lost - held.value) - start * mean_left) * spread(after[at] - gone, start)

    # Between its steps: `gone` answers and `lost` risk fewer so far. Table rows: the first k steps with so many gone.
    amounts, row = np.unique(np.concatenate([[0.0], gone]), return_inverse=True)
    spreads = spread(np.maximum(after - amounts[:, None], 0), np.maximum(before - amounts[:, None], 0))
    table = np.zeros((amounts.size, held.steps + 1))
    np.cumsum((lead + amounts[:, None] * mean) * spreads, axis=1, out=table[:, 1:])
    reached = np.concatenate([[0.0], after])
    begin = at + 1
    end = np.append(at[1:], 0)
    final = np.append(np.diff(held.subject) > 0, True)
    end[final] = held.steps
    between = table[row[1:], end] - table[row[1:], begin]
    between -= lost * spread(reached[end] - gone, reached[begin] - gone)
    head = table[row[0], at[np.diff(held.subject, prepend=-1) > 0]]

    without = head + held.per_subject(own + between) + (risk.sum() - held.per_subject(held.value))
    totals = np.append(table[row[0], -1] + risk.sum(), without)
    found: Reals = totals / np.append(after[-1], after[-1] - held.per_subject(held.size))
    return found


def chances(held: Shares) -> Reals:
    """(1 + subjects,) `selective.auroc` of all answers, and without those of each subject; values are failures."""
    size, failed = held.totals()
    good = size - failed
    goods_before, failures_after = np.cumsum(good) - good / 2, failed.sum() - np.cumsum(failed) + failed / 2
    bad_share, good_share = held.value, held.size - held.value
    among = bad_share * (held.so_far(good_share) - good_share / 2)
    changed = among - bad_share * goods_before[held.step] - good_share * failures_after[held.step]
    wins = np.append(0.0, held.per_subject(changed)) + (failed * goods_before).sum()
    failures = failed.sum() - np.append(0.0, held.per_subject(bad_share))
    successes = good.sum() - np.append(0.0, held.per_subject(good_share))
    pairs = failures * successes
    found: Reals = np.divide(wins, pairs, out=np.full(wins.shape, np.nan), where=pairs > 0)
    return found
