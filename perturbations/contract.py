"""The laws every perturbation keeps, as checks an author can run on a class of their own.

Each `check_...` takes a perturbation and raises AssertionError naming the law, the family and the severity. The
laws of grid families are in `contract_grid.py`; `check_all` runs every law that applies.

    from mednca_bench.perturbations.contract import check_all
    check_all(MyPerturbation())

That an acquisition family leaves the label alone needs no check: `apply` never gets it.
"""

from __future__ import annotations

import copy

import numpy as np

from .base import AcquisitionPerturbation, GridPerturbation, Perturbation
from .contract_draws import (
    check_coupled,
    check_global_state,
    check_identity,
    check_json,
    check_random_flag,
    check_repeatable,
    check_severity_range,
)
from .contract_grid import check_composition, check_local_scale, check_same_map
from .contract_specimen import awkward_images, corrupt, draw, specimen
from .family import SEVERITIES

__all__ = [
    "check_all",
    "check_changes",
    "check_composition",
    "check_coupled",
    "check_description",
    "check_global_state",
    "check_grows",
    "check_identity",
    "check_input_untouched",
    "check_json",
    "check_local_scale",
    "check_output",
    "check_random_flag",
    "check_repeatable",
    "check_same_map",
    "check_severity_range",
]

DRAWS = 8
"""Draw seeds each law is tried on."""


def check_all(perturbation: Perturbation, *, draws: int = DRAWS) -> None:
    """Run every law that applies to the perturbation's kind.

    Raises:
        AssertionError: A law is broken.
    """
    check_description(perturbation)
    check_identity(perturbation, draws=draws)
    check_severity_range(perturbation)
    check_repeatable(perturbation, draws=draws)
    check_coupled(perturbation, draws=draws)
    check_random_flag(perturbation, draws=draws)
    check_global_state(perturbation)
    check_input_untouched(perturbation)
    check_output(perturbation)
    check_changes(perturbation, draws=draws)
    check_grows(perturbation, draws=draws)
    check_json(perturbation, draws=draws)
    if isinstance(perturbation, GridPerturbation):
        check_same_map(perturbation, draws=draws)
        check_composition(perturbation, draws=draws)
        check_local_scale(perturbation, draws=draws)


def check_description(perturbation: Perturbation) -> None:
    """Names, unit and source are there, the version counts from 1, and the kind fits the base class."""
    for field in ("name", "summary", "source", "parameter", "unit"):
        value = getattr(perturbation, field, None)
        assert isinstance(value, str) and value.strip(), f"{perturbation!r}: {field} must say something"
    assert isinstance(perturbation.version, int) and perturbation.version >= 1, f"{perturbation.name}: version >= 1"
    bases = {"acquisition": AcquisitionPerturbation, "grid": GridPerturbation}
    base = bases.get(perturbation.kind)
    assert base is not None and isinstance(perturbation, base), f"{perturbation.name}: kind {perturbation.kind!r}"
    assert len(perturbation.severities) == SEVERITIES, f"{perturbation.name}: {SEVERITIES} severities"


def check_input_untouched(perturbation: Perturbation) -> None:
    """`apply` modifies neither image nor parameters, and returns memory of its own."""
    for severity in range(SEVERITIES + 1):
        image = specimen(perturbation.kind)
        params = draw(perturbation, image, severity, 0)
        image_before, params_before = image.tobytes(), copy.deepcopy(params)
        out = perturbation.apply(image, params=params)
        assert image.tobytes() == image_before, f"{perturbation.name}: severity {severity} modified its input"
        assert params == params_before, f"{perturbation.name}: severity {severity} modified its parameters"
        assert not np.shares_memory(out, image), f"{perturbation.name}: severity {severity} returned its input"


def check_output(perturbation: Perturbation) -> None:
    """Shape is kept, dtype is float32 and values are finite, for odd, flat, constant, huge and negative images."""
    for image in (specimen(perturbation.kind), *awkward_images(perturbation.kind)):
        for severity in range(SEVERITIES + 1):
            out = corrupt(perturbation, image, severity, 0)
            where = f"{perturbation.name}: severity {severity} on {image.shape}"
            assert out.shape == image.shape, f"{where}: returned shape {out.shape}"
            assert out.dtype == np.float32, f"{where}: returned dtype {out.dtype}"
            assert np.isfinite(out).all(), f"{where}: returned values that are not finite"


def check_changes(perturbation: Perturbation, *, draws: int = 8) -> None:
    """Every severity above 0 changes the image in every draw."""
    image = specimen(perturbation.kind)
    for severity in range(1, SEVERITIES + 1):
        for seed in range(draws):
            changed = float(np.abs(corrupt(perturbation, image, severity, seed) - image).max())
            assert changed > 1e-3 * float(np.ptp(image)), (
                f"{perturbation.name}: severity {severity}, draw {seed}: no-op"
            )


def check_grows(perturbation: Perturbation, *, draws: int = 8) -> None:
    """The root mean square distance from the clean image, averaged over draws, grows with severity."""
    image = specimen(perturbation.kind)
    mean = [
        np.mean(
            [np.sqrt(np.mean((corrupt(perturbation, image, severity, seed) - image) ** 2)) for seed in range(draws)]
        )
        for severity in range(SEVERITIES + 1)
    ]
    assert (np.diff(mean) > 0).all(), f"{perturbation.name}: distances {mean} do not grow with severity"
