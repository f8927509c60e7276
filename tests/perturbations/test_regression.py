"""What each version of a family does, frozen: stored records stay comparable.

If a change of code moves one of these, raise that family's `version` and record the new row; stored results of the
old version are then recomputed instead of being mixed with new ones.
"""

from typing import Any

import numpy as np
import pytest

from mednca_bench import perturbations
from mednca_bench.perturbations.contract_specimen import corrupt, draw, specimen

# Severity 3, draw 0 on the specimen: parameters (the first two of a list), then mean, standard deviation and root mean
# square distance from clean, per family and version.
FROZEN: dict[tuple[str, int], tuple[dict[str, Any], float, float, float]] = {
    ("scale-up", 1): ({"factor": 1.24}, 0.3534048, 0.2289851, 0.167611),
    ("scale-down", 1): ({"factor": 0.7}, 0.1176841, 0.2072864, 0.1965753),
    ("shape", 1): ({"factor": 0.7, "axis": "x"}, 0.1677756, 0.2304577, 0.1315356),
    ("shift", 1): ({"pixels": 4, "direction": "+x"}, 0.2352417, 0.2463585, 0.1093035),
    ("rotate", 1): ({"angle": 15, "sense": "+", "aspect": 1.0}, 0.2366549, 0.2447013, 0.02384924),
    ("crop", 1): (
        {"fraction": 0.91, "position": [0.6942284352265665, 0.8016754289951403]},
        0.2836021,
        0.2437795,
        0.0950621,
    ),
    ("noise", 1): ({"sigma": 0.1, "noise_seed": 7140893933673105}, 523.1817, 338.6115, 95.71677),
    ("noise", 2): ({"sigma": 0.089, "noise_seed": 7140893933673105}, 518.8504, 340.1205, 85.04575),
    ("ghosting", 1): ({"intensity": 0.3, "phase_axis": "x", "period": 4}, 788.376, 523.023, 350.0741),
    ("ghosting", 2): ({"intensity": 0.23, "phase_axis": "x", "period": 4}, 719.3931, 483.0132, 268.3902),
    ("spike", 1): ({"intensity": 0.3, "u": 5, "v": 3, "phase": 3.150733582455581}, 492.735, 376.4469, 116.8015),
    ("spike", 2): ({"intensity": 0.196, "u": 5, "v": 3, "phase": 3.150733582455581}, 492.735, 365.8782, 76.31032),
    ("bias-field", 1): (
        {"peak_gain": 1.7, "coefficients": [-0.7746334011600924, 0.6142786056302574]},
        558.2012,
        402.0558,
        126.9755,
    ),
    ("bias-field", 2): (
        {"peak_gain": 1.47, "coefficients": [-0.7746334011600924, 0.6142786056302574]},
        538.2795,
        385.7047,
        89.08468,
    ),
    ("motion", 1): (
        {
            "amplitude": 1.6,
            "phase_axis": "y",
            "before": 0.10391912047747343,
            "after": 0.15069788360413475,
            "moves": [0.6142277171912471, -0.3766115991510965],
            "spacing": [1.0, 1.0],
        },
        493.6996,
        356.6734,
        12.72661,
    ),
    ("gibbs", 1): ({"kept": 0.29}, 492.7765, 357.6002, 8.521257),
    ("blur", 1): ({"sigma": 1.04, "spacing": [1.0, 1.0]}, 492.735, 351.6125, 16.15564),
    ("anisotropy", 1): ({"factor": 3.4, "axis": "z"}, 497.2222, 356.9661, 18.60079),
    ("contrast", 1): ({"gamma": 1.34}, 439.7153, 365.0547, 68.88319),
    ("erase", 1): ({"side": 0.257, "centre": [0.43083115922792187, 0.584604485631202]}, 484.9672, 360.7747, 43.142),
}

TABLES = {
    ("scale-up", 1): (1.08, 1.16, 1.24, 1.32, 1.4),
    ("scale-down", 1): (0.9, 0.8, 0.7, 0.6, 0.5),
    ("shape", 1): (0.9, 0.8, 0.7, 0.6, 0.5),
    ("shift", 1): (1, 3, 4, 8, 10),
    ("rotate", 1): (5, 10, 15, 20, 30),
    ("crop", 1): (0.97, 0.94, 0.91, 0.88, 0.85),
    ("noise", 1): (0.03, 0.06, 0.1, 0.15, 0.2),
    ("noise", 2): (0.034, 0.063, 0.089, 0.116, 0.145),
    ("ghosting", 1): (0.1, 0.2, 0.3, 0.4, 0.5),
    ("ghosting", 2): (0.07, 0.145, 0.23, 0.335, 0.455),
    ("spike", 1): (0.1, 0.2, 0.3, 0.4, 0.5),
    ("spike", 2): (0.064, 0.128, 0.196, 0.273, 0.361),
    ("bias-field", 1): (1.2, 1.4, 1.7, 2.1, 2.5),
    ("bias-field", 2): (1.15, 1.31, 1.47, 1.63, 1.81),
    ("motion", 1): (0.46, 0.98, 1.6, 2.4, 3.7),
    ("gibbs", 1): (0.61, 0.4, 0.29, 0.22, 0.2),
    ("blur", 1): (0.48, 0.71, 1.04, 1.52, 2.13),
    ("anisotropy", 1): (1.15, 2.1, 3.4, 5.0, 6.8),
    ("contrast", 1): (1.108, 1.22, 1.34, 1.47, 1.6),
    ("erase", 1): (0.134, 0.193, 0.257, 0.312, 0.357),
}


def test_every_version_of_every_family_is_frozen() -> None:
    installed = {(name, version) for name in perturbations.TABLE for version in perturbations.versions(name)}
    assert set(FROZEN) == set(TABLES) == installed


@pytest.mark.parametrize(("name", "version"), TABLES)
def test_default_table(name: str, version: int) -> None:
    assert perturbations.get(name, version=version).severities == TABLES[name, version]


@pytest.mark.parametrize(("name", "version"), FROZEN)
def test_severity_3_of_draw_0(name: str, version: int) -> None:
    family = perturbations.get(name, version=version)
    image = specimen(family.kind)
    expected, *statistics = FROZEN[name, version]
    params = draw(family, image, 3, 0)
    found = {key: value[:2] if isinstance(value, list) else value for key, value in params.items()}
    corrupted = corrupt(family, image, 3, 0).astype(np.float64)
    distance = np.sqrt(((corrupted - image) ** 2).mean())
    assert found == expected
    np.testing.assert_allclose([corrupted.mean(), corrupted.std(), distance], statistics, rtol=1e-5)
