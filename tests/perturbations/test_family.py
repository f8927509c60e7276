"""Severity tables, draws and what is refused."""

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pytest

from mednca_bench import perturbations
from mednca_bench.perturbations.base import AcquisitionPerturbation, Magnitude, Params, generator
from mednca_bench.perturbations.contract import check_all
from mednca_bench.perturbations.family import Image
from mednca_bench.perturbations.noise import Noise
from mednca_bench.perturbations.scale_up import ScaleUp
from mednca_bench.perturbations.shift import Shift

GOLDEN = [2528376488846473, 7503375110748138, 1514357292582413]
VOLUME = np.linspace(0, 1, 2 * 8 * 9 * 3, dtype=np.float32).reshape(2, 8, 9, 3)


@dataclass(frozen=True, kw_only=True)
class TwoRows(AcquisitionPerturbation):
    """A severity that sets two numbers and has a setting of its own."""

    name = "two-rows"
    version = 3
    summary = "gain and offset"
    source = "made up"
    parameter = "gain_and_offset"
    unit = "times, maxima"
    neutral = (1.0, 0.0)
    severities: tuple[Magnitude, ...] = ((1.1, 0.1), (1.2, 0.1), (1.2, 0.2), (1.3, 0.2), (1.5, 0.5))
    turned: bool = False

    def corrupt(self, image: Image, params: Mapping[str, Any]) -> Image:
        gain, offset = params["gain_and_offset"]
        out: Image = image * np.float32(gain) + np.float32(offset * (1 + np.abs(image).max()))
        return out


def _draw(family: Noise | Shift | ScaleUp | TwoRows, severity: int, *, seed: int = 0) -> Params:
    rng = generator(seed, "case", family.name)
    return family.draw(severity, rng=rng, shape=VOLUME.shape, spacing=(1.0, 1.0, 1.0))


def test_a_severity_may_set_several_parameters() -> None:
    check_all(TwoRows())
    assert _draw(TwoRows(), 3) == {"gain_and_offset": [1.2, 0.2]}


def test_condition_holds_what_a_unit_key_must_hash() -> None:
    expected = {"name": "two-rows", "version": 3, "kind": "acquisition", "severity": 2, "turned": True}
    assert TwoRows(turned=True).condition(2) == {**expected, "gain_and_offset": [1.2, 0.1]}
    assert Noise().condition(0)["sigma"] == 0.0


def test_another_table_is_a_constructor_argument() -> None:
    steeper = Noise(severities=(0.1, 0.2, 0.3, 0.4, 0.5))
    assert _draw(steeper, 5) == {**_draw(Noise(), 5), "sigma": 0.5}
    assert steeper.condition(5) != Noise().condition(5)
    assert replace(steeper, severities=Noise().severities) == Noise()
    check_all(steeper)


@pytest.mark.parametrize(
    "table",
    [(), (1, 2, 3, 4), (1, 2, 3, 4, 5, 6), (1, 2, 2, 4, 5), (1, 3, 2, 4, 5), (0, 1, 2, 3, 4), (1, 2, 3, 4, math.inf)],
)
def test_bad_table_is_refused(table: tuple[float, ...]) -> None:
    with pytest.raises(ValueError, match=r"^shift: (a severity table has 5 rows|severities must move away from 0)"):
        Shift(severities=table)


def test_rows_of_different_length_are_refused() -> None:
    with pytest.raises(ValueError, match="rows of one length"):
        TwoRows(severities=(1.1, (1.2, 0.1), (1.2, 0.2), (1.3, 0.2), (1.5, 0.5)))


@pytest.mark.parametrize("severity", [-1, 6, True])
def test_severity_out_of_range(severity: int) -> None:
    with pytest.raises(ValueError, match="severity must be 0 to 5"):
        _draw(Noise(), severity)


def test_severity_of_numpy_is_a_severity() -> None:
    assert _draw(Noise(), np.int64(2)) == _draw(Noise(), 2)  # type: ignore[arg-type]
    assert type(Noise().condition(np.int64(2))["severity"]) is int  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("params", "says"),
    [
        ({}, r"noise takes the parameters \['noise_seed', 'sigma'\], not \[\]"),
        ({"sigma": 0.1}, "takes the parameters"),
        ({"sigma": 0.1, "noise_seed": 1, "pixels": 2}, "takes the parameters"),
        ({"sigma": "0.1", "noise_seed": 1}, "'sigma' must be a finite number, not '0.1'"),
        ({"sigma": math.nan, "noise_seed": 1}, "'sigma' must be a finite number"),
        ({"sigma": True, "noise_seed": 1}, "'sigma' must be a finite number"),
        ({"sigma": -0.1, "noise_seed": 1}, r"'sigma' is -0.1, outside \[0.0, inf\]"),
        ({"sigma": 0.1, "noise_seed": 1.5}, "'noise_seed' must be a whole number"),
    ],
)
def test_wrong_parameters_are_named(params: Params, says: str) -> None:
    with pytest.raises(ValueError, match=says):
        Noise().apply(VOLUME, params=params)


@pytest.mark.parametrize(
    ("image", "says"),
    [
        (VOLUME[0], r"float32 \(C, X, Y, Z\) volume, not float32 \(8, 9, 3\)"),
        (VOLUME.astype(np.float64), "not float64"),
        (VOLUME[:, :0], "volume, not float32"),
        (np.full_like(VOLUME, np.nan), "finite intensities up to 1e"),
        (np.where(VOLUME > 0.5, np.float32(np.inf), VOLUME), "finite intensities"),
        (np.where(VOLUME > 0.5, np.float32(np.nan), VOLUME), "finite intensities"),
        (-VOLUME * np.float32(2e30), "finite intensities"),
    ],
)
def test_wrong_volume_is_refused_at_every_severity(image: Image, says: str) -> None:
    for severity in (0, 5):
        with pytest.raises(ValueError, match=f"noise takes .*{says}"):
            Noise().apply(image, params=_draw(Noise(), severity))


def test_wrong_slices_are_refused() -> None:
    for wrong in (VOLUME[0, 0, 0], VOLUME.astype(np.float64)):
        with pytest.raises(ValueError, match=r"scale-up takes float32 \(..., H, W\) slices"):
            ScaleUp().apply(wrong, params={"factor": 1.2})


def test_memory_mapped_images_are_read(tmp_path: Any) -> None:
    np.save(tmp_path / "image.npy", VOLUME)
    mapped = np.load(tmp_path / "image.npy", mmap_mode="r")
    for name in perturbations.names():
        family = perturbations.get(name)
        image, same = (mapped, VOLUME) if family.kind == "acquisition" else (mapped[0], VOLUME[0])
        rng = generator(0, "case", name)
        params = family.draw(5, rng=rng, shape=image.shape, spacing=(1.0, 1.0, 1.0))
        np.testing.assert_array_equal(family.apply(image, params=params), family.apply(same, params=params))


def test_generator_is_the_documented_one() -> None:
    # Regression: these draws are part of every stored record.
    drawn = generator(0, "hippocampus_001", "noise").integers(2**53, size=3).tolist()
    assert drawn == GOLDEN
    assert generator(np.int64(0), "hippocampus_001", "noise").integers(2**53) == GOLDEN[0]  # type: ignore[arg-type]


def test_generator_depends_on_all_three_arguments() -> None:
    keys = [(0, "a", "b"), (1, "a", "b"), (0, "b", "b"), (0, "a", "a"), (-1, "a", "b"), (0, "ab", ""), (0, "", "ab")]
    assert len({int(generator(*key).integers(2**53)) for key in keys}) == len(keys)
