"""What each version of a family does, frozen: stored records stay comparable.

If a change of code moves one of these, raise that family's `version` and record the new row; stored results of the
old version are then recomputed instead of being mixed with new ones.
"""

from typing import Any

import numpy as np
import pytest

from mednca_bench import perturbations
from mednca_bench.perturbations.contract_specimen import corrupt, draw, specimen

# Severity 3, draw 0 on the specimen: version, parameters (the first two of a list), then mean, standard deviation and
# root mean square distance from clean.
FROZEN: dict[str, tuple[int, dict[str, Any], float, float, float]] = {
    "scale-up": (1, {"factor": 1.24}, 0.3534048, 0.2289851, 0.167611),
    "scale-down": (1, {"factor": 0.7}, 0.1176841, 0.2072864, 0.1965753),
    "shape": (1, {"factor": 0.7, "axis": "x"}, 0.1677756, 0.2304577, 0.1315356),
    "shift": (1, {"pixels": 4, "direction": "+x"}, 0.2352417, 0.2463585, 0.1093035),
    "noise": (1, {"sigma": 0.1, "noise_seed": 7140893933673105}, 523.1817, 338.6115, 95.71677),
    "ghosting": (1, {"intensity": 0.3, "phase_axis": "x", "period": 4}, 788.376, 523.023, 350.0741),
    "spike": (1, {"intensity": 0.3, "u": 5, "v": 3, "phase": 3.150733582455581}, 492.735, 376.4469, 116.8015),
    "bias-field": (
        1,
        {"peak_gain": 1.7, "coefficients": [-0.7746334011600924, 0.6142786056302574]},
        558.2012,
        402.0558,
        126.9755,
    ),
}

TABLES = {
    "scale-up": (1.08, 1.16, 1.24, 1.32, 1.4),
    "scale-down": (0.9, 0.8, 0.7, 0.6, 0.5),
    "shape": (0.9, 0.8, 0.7, 0.6, 0.5),
    "shift": (1, 3, 4, 8, 10),
    "noise": (0.03, 0.06, 0.1, 0.15, 0.2),
    "ghosting": (0.1, 0.2, 0.3, 0.4, 0.5),
    "spike": (0.1, 0.2, 0.3, 0.4, 0.5),
    "bias-field": (1.2, 1.4, 1.7, 2.1, 2.5),
}


def test_every_family_is_frozen() -> None:
    assert set(FROZEN) == set(TABLES) == set(perturbations.TABLE)


@pytest.mark.parametrize("name", TABLES)
def test_default_table(name: str) -> None:
    assert perturbations.get(name).severities == TABLES[name]


@pytest.mark.parametrize("name", FROZEN)
def test_severity_3_of_draw_0(name: str) -> None:
    family = perturbations.get(name)
    image = specimen(family.kind)
    version, expected, *statistics = FROZEN[name]
    params = draw(family, image, 3, 0)
    found = {key: value[:2] if isinstance(value, list) else value for key, value in params.items()}
    corrupted = corrupt(family, image, 3, 0).astype(np.float64)
    distance = np.sqrt(((corrupted - image) ** 2).mean())
    assert family.version == version
    assert found == expected
    np.testing.assert_allclose([corrupted.mean(), corrupted.std(), distance], statistics, rtol=1e-5)
