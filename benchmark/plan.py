"""The plan of a run: work units with keys, before anything is computed.

A unit is one case, one model with its weights, one condition, one fire seed. Its key hashes everything that can change
its result, so a unit whose key is in the store is done: resume, caching and merging follow from this alone.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from ..results.measure import CONVENTION_VERSION
from .condition import Condition
from .identity import key
from .preprocess import Preprocess
from .task import CaseFiles, Task

EVALUATION_VERSION = 2  # raise it when the way from a case to its scores changes


@dataclass(frozen=True, kw_only=True)
class Contestant:
    """A trained model in the run.

    Attributes:
        model: registered name.
        recipe: name of the recipe it was trained with.
        preprocess: what its input looks like.
        weights: SHA-256 of its tensors.
        path: the weights file.
        train_seed: the seed it was trained from.
        stochastic: whether a fire seed changes its answer.
        train_cases: SHA-256 of the data of every case it was trained on.
        axes: which way the axes of those ran, see `orientation`; empty where not known.
    """

    model: str
    recipe: str
    preprocess: Preprocess
    weights: str
    path: Path
    train_seed: int
    stochastic: bool
    train_cases: tuple[str, ...]
    axes: str = ""


@dataclass(frozen=True, kw_only=True)
class PlannedCase:
    """A case to be scored: its files and the SHA-256 of its data."""

    files: CaseFiles
    group: str
    sha256: str


@dataclass(frozen=True, kw_only=True)
class Unit:
    """One piece of work; `row` is its identity in records and tables.

    Its answer is the mean of `passes` passes with the fire seeds `fire_seed`, `fire_seed` + 1, ...
    """

    key: str
    clean_key: str
    case: PlannedCase
    contestant: Contestant
    condition: Condition
    fire_seed: int
    passes: int = 1

    def row(self, task: Task, *, part: str) -> dict[str, object]:
        """The identity columns of this unit's records."""
        condition, contestant = self.condition, self.contestant
        return {
            "key": self.key,
            "task": task.name,
            "phantom": task.phantom,
            "case": self.case.files.id,
            "group": self.case.group,
            "split": part,
            "model": contestant.model,
            "recipe": contestant.recipe,
            "weights": contestant.weights,
            "train_seed": contestant.train_seed,
            "perturbation": condition.perturbation,
            "perturbation_version": condition.version,
            "kind": condition.kind,
            "severity": condition.severity,
            "grid": condition.grid,
            "draw_seed": condition.draw,
            "fire_seed": self.fire_seed,
            "passes": self.passes,
            "clean_key": self.clean_key,
        }


@dataclass(frozen=True, kw_only=True)
class Context:
    """What all units of a run share and what therefore enters every key."""

    task: str
    split: str
    part: str
    channel: str | int | None


def unit_key(
    context: Context,
    case: PlannedCase,
    contestant: Contestant,
    condition: Condition,
    *,
    fire_seed: int,
    passes: int = 1,
) -> str:
    """The SHA-256 key of one unit."""
    table: object = None  # the physical magnitude and settings behind the severity's number
    if condition.severity:
        table = condition.family.condition(condition.severity)
    return key(
        kind="unit",
        evaluation=EVALUATION_VERSION,
        convention=CONVENTION_VERSION,
        context=asdict(context),
        case=[case.files.id, case.sha256],
        model=contestant.model,
        weights=contestant.weights,
        preprocess=asdict(contestant.preprocess),
        condition=asdict(condition),
        severity=table,
        fire_seed=fire_seed,
        passes=passes,
    )


def units(
    context: Context,
    cases: Sequence[PlannedCase],
    contestants: Iterable[Contestant],
    conditions: Sequence[Condition],
    *,
    fire_seeds: int,
    passes: int = 1,
) -> tuple[Unit, ...]:
    """Every unit of a run, in the order in which they are worked on; what is asked for twice is done once.

    Args:
        context: what all units share.
        cases: to be scored.
        contestants: to score them with.
        conditions: under what.
        fire_seeds: answers of a stochastic model per case and condition.
        passes: whose mean is one answer of a stochastic model; no two answers share a fire seed.
    """
    every = (
        Unit(
            key=unit_key(context, case, contestant, condition, fire_seed=fire_seed, passes=size),
            clean_key=unit_key(context, case, contestant, condition.clean, fire_seed=fire_seed, passes=size),
            case=case,
            contestant=contestant,
            condition=condition,
            fire_seed=fire_seed,
            passes=size,
        )
        for contestant in contestants
        for case in cases
        for size, fire_seed in (
            [(passes, answer * passes) for answer in range(fire_seeds)] if contestant.stochastic else [(1, -1)]
        )
        for condition in conditions
    )
    first: dict[str, Unit] = {}
    for unit in every:
        first.setdefault(unit.key, unit)
    return tuple(first.values())
