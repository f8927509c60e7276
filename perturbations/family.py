"""What a perturbation is: a severity table, a draw of its free directions, and a pure function of image and parameters.

Severity 0 is the identity, 1-5 index the family's table of physical magnitudes. `draw` turns severity and generator
into parameters, `apply` turns image and parameters into the corrupted image. The directions are drawn without sight of
the severity, so that one case is corrupted in the same direction at every severity.
"""

from __future__ import annotations

import abc
import operator
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any, ClassVar, Literal

import numpy as np
from numpy.typing import NDArray

from .params import Magnitude, Params

Image = NDArray[np.float32]

SEVERITIES = 5
"""Rows of every severity table."""


@dataclass(frozen=True, kw_only=True)
class Perturbation(abc.ABC):
    """One family of corruptions with five severities.

    Class attributes describe the family, fields are its settings; `Noise(severities=(...))` is the same family with
    another table. `version` is raised whenever the same severity and draw give other bits, be it by another table or by
    other code; versions that a suite names stay installed as classes of their own (see `TABLE`).

    Attributes:
        severities: The magnitudes of severities 1-5, moving away from `neutral`.

    Raises:
        ValueError: The table has not five finite rows, or they do not move away from `neutral`.
    """

    name: ClassVar[str]
    version: ClassVar[int]
    kind: ClassVar[Literal["acquisition", "grid"]]
    summary: ClassVar[str]
    source: ClassVar[str]
    parameter: ClassVar[str]
    """Key of the magnitude in the parameters."""
    unit: ClassVar[str]
    neutral: ClassVar[Magnitude]
    """The magnitude at severity 0, which changes nothing."""
    drawn: ClassVar[tuple[str, ...]] = ()
    """Keys of the drawn directions in the parameters."""
    saturated: ClassVar[tuple[int, ...]] = ()
    """Severities that stay below the common calibration target, at the end of what is physically sensible."""

    severities: tuple[Magnitude, ...]

    def __post_init__(self) -> None:
        """Check the table."""
        rows = [np.atleast_1d(np.asarray(row, dtype=np.float64)) for row in (self.neutral, *self.severities)]
        if len(rows) != SEVERITIES + 1 or any(row.shape != rows[0].shape for row in rows):
            raise ValueError(f"{self.name}: a severity table has {SEVERITIES} rows of one length: {self.severities}")
        steps = np.diff([float(np.abs(row - rows[0]).sum()) for row in rows])
        if not (np.isfinite(rows).all() and (steps > 0).all()):
            raise ValueError(
                f"{self.name}: severities must move away from {self.neutral}, row by row: {self.severities}"
            )

    @property
    def random(self) -> bool:
        """Whether anything is drawn; if not, all draw seeds give the same corruption."""
        return bool(self.drawn)

    def magnitude(self, severity: int) -> Magnitude:
        """The table's row: `neutral` at severity 0.

        Raises:
            ValueError: `severity` is not one of 0-5.
        """
        if isinstance(severity, bool) or not 0 <= operator.index(severity) <= SEVERITIES:
            raise ValueError(f"severity must be 0 to {SEVERITIES}, not {severity!r}")
        return self.severities[severity - 1] if severity else self.neutral

    def condition(self, severity: int) -> Params:
        """What a unit key must hash of this family: name, version, kind, the severity's magnitude, other settings."""
        settings = {key: value for key, value in asdict(self).items() if key != "severities"}
        row = {"name": self.name, "version": self.version, "kind": self.kind, "severity": int(severity)}
        return {**row, **settings, self.parameter: _plain(self.magnitude(severity))}

    def draw(
        self, severity: int, *, rng: np.random.Generator, shape: tuple[int, ...], spacing: tuple[float, ...]
    ) -> Params:
        """Parameters of one corruption; the same randomness is consumed at every severity.

        Args:
            severity: 0 to 5.
            rng: Where directions are drawn from; see `generator`.
            shape: Shape of the image `apply` will get: (C, X, Y, Z), or (..., H, W) for a grid family.
            spacing: Voxel size in mm along the spatial axes of `shape`.

        Returns:
            JSON-able parameters for `apply`: the magnitude under `self.parameter`, the directions under `self.drawn`.

        Raises:
            ValueError: `severity` is not one of 0-5.
        """
        magnitude = self.magnitude(severity)
        return {self.parameter: _plain(magnitude), **self.directions(rng, shape=shape, spacing=spacing)}

    def directions(self, rng: np.random.Generator, *, shape: tuple[int, ...], spacing: tuple[float, ...]) -> Params:
        """Draw everything but the magnitude: a value for each key of `drawn`. Families that draw override it."""
        return {}

    @abc.abstractmethod
    def apply(self, image: Image, *, params: Mapping[str, Any]) -> Image:
        """The corrupted image, a new array; a pure function of image and parameters."""

    def _is_identity(self, params: Mapping[str, Any]) -> bool:
        """Check that exactly the keys of this family are there; true when the magnitude is neutral."""
        expected = {self.parameter, *self.drawn}
        if set(params) != expected:
            raise ValueError(f"{self.name} takes the parameters {sorted(expected)}, not {sorted(params)}")
        return bool(_plain(self.neutral) == _plain(params[self.parameter]))


def _plain(magnitude: Any) -> Any:
    """A table row as JSON gives it back: tuples become lists."""
    return list(magnitude) if isinstance(magnitude, list | tuple) else magnitude
