"""Conditions: under what a case is scored. Clean on either grid, or one perturbation at one severity and draw."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Literal

from .. import perturbations
from ..perturbations.base import Perturbation
from .errors import BenchError
from .suite import Suite

Grid = Literal["native", "model"]
CLEAN = "clean"


@dataclass(frozen=True, kw_only=True)
class Condition:
    """One way to show a case to a model.

    Attributes:
        perturbation: the family's name, or "clean".
        version: of the family; 0 when clean.
        kind: "clean", "acquisition" (native volume, before preprocessing) or "grid" (model's grid, after it).
        severity: 0 (clean) to 5.
        draw: the seed of the perturbation's random draw; 0 where nothing is drawn.
        grid: where the answer is scored: acquisition perturbations on the native grid, grid ones on the model's.
    """

    perturbation: str = CLEAN
    version: int = 0
    kind: Literal["clean", "acquisition", "grid"] = "clean"
    severity: int = 0
    draw: int = 0
    grid: Grid

    @property
    def family(self) -> Perturbation:
        """The family in the version this condition names. Raises ValueError when clean."""
        return perturbations.get(self.perturbation, version=self.version)

    @property
    def installed(self) -> bool:
        """Whether the family is known here in that version: a manifest may come from elsewhere."""
        return self.perturbation in perturbations.names() and self.version in perturbations.versions(self.perturbation)

    @property
    def clean(self) -> Condition:
        """The condition this one is compared with: severity 0 on the same grid."""
        return Condition(grid=self.grid)

    def __str__(self) -> str:
        return f"{self.perturbation} {self.severity}" if self.severity else f"clean ({self.grid} grid)"


def conditions(suite: Suite, *, only: Iterable[str] = (), draws: int = 1) -> tuple[Condition, ...]:
    """All conditions of a suite, clean ones first.

    Args:
        suite: what is run.
        only: restrict to these families (names checked by the caller); empty means all of the suite. One that is not
            in the suite is run in its newest version.
        draws: random draws per severity, for families that draw.

    Raises:
        BenchError: the suite was frozen with another version of a family than is installed.
    """
    chosen: list[Condition] = []
    wanted = set(only)
    if suite.clean or wanted:  # a perturbed score without its clean partner says little
        chosen += [Condition(grid="native"), Condition(grid="model")]
    for name, version in suite.perturbations:
        if wanted and name not in wanted:
            continue
        installed = perturbations.versions(name)
        if version not in installed:
            have = " and ".join(map(str, installed))
            raise BenchError(
                f"suite {suite.name} was frozen with version {version} of '{name}', but {have} is installed; "
                "install the release that has it"
            )
        family = perturbations.get(name, version=version)
        chosen += _of_family(family, severities=suite.severities, draws=draws)
    for name in sorted(wanted - {name for name, _ in suite.perturbations}):
        chosen += _of_family(perturbations.get(name), severities=suite.severities, draws=draws)
    return tuple(chosen)


def _of_family(family: Perturbation, *, severities: Sequence[int], draws: int) -> list[Condition]:
    return [
        Condition(
            perturbation=family.name,
            version=family.version,
            kind=family.kind,
            severity=severity,
            draw=draw,
            grid="native" if family.kind == "acquisition" else "model",
        )
        for severity in severities
        for draw in range(draws if family.random else 1)
    ]
