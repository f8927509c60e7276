"""A law that cannot fail is none: for each law a family that breaks it, and the check that says so."""

import random
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pytest

from mednca_bench.perturbations import contract
from mednca_bench.perturbations.base import AcquisitionPerturbation, GridMap, GridPerturbation, Magnitude, Params
from mednca_bench.perturbations.family import Image, Perturbation

_clock = iter(range(10**9))


@dataclass(frozen=True, kw_only=True)
class Lawful(AcquisitionPerturbation):
    """Adds a drawn constant; the base of all offenders."""

    name = "lawful"
    version = 1
    summary = "a drawn offset"
    source = "made up"
    parameter = "offset"
    unit = "of the maximum"
    neutral = 0.0
    drawn = ("sign",)
    severities: tuple[Magnitude, ...] = (0.1, 0.2, 0.3, 0.4, 0.5)

    def directions(self, rng: np.random.Generator, *, shape: tuple[int, ...], spacing: tuple[float, ...]) -> Params:
        return {"sign": float(rng.choice([-1.0, 1.0]))}

    def corrupt(self, image: Image, params: Mapping[str, Any]) -> Image:
        out: Image = image + np.float32(params["offset"] * params["sign"]) * np.float32(np.abs(image).max() + 1)
        return out


class Unnamed(Lawful):
    unit = ""


class WrongKind(Lawful):
    kind = "grid"  # type: ignore[assignment]


class AlwaysOn(Lawful):
    def apply(self, image: Image, *, params: Mapping[str, Any]) -> Image:
        return self.corrupt(image, {**params, "offset": 0.1})


class AnySeverity(Lawful):
    def magnitude(self, severity: int) -> Magnitude:
        return 0.1 * severity


class Forgetful(Lawful):
    def corrupt(self, image: Image, params: Mapping[str, Any]) -> Image:
        return np.asarray(super().corrupt(image, params) + np.float32(next(_clock)))


class Uncoupled(Lawful):
    def draw(self, severity: int, **given: Any) -> Params:
        params = super().draw(severity, **given)
        return {**params, "sign": params["sign"] * (-1) ** severity}


class Greedy(Lawful):
    def draw(self, severity: int, **given: Any) -> Params:
        params = super().draw(severity, **given)
        given["rng"].random(severity)
        return params


class SaysFixed(Lawful):
    @property
    def random(self) -> bool:
        return False


class MovesGlobal(Lawful):
    def corrupt(self, image: Image, params: Mapping[str, Any]) -> Image:
        np.random.rand()  # noqa: NPY002
        return super().corrupt(image, params)


class ReadsGlobal(Lawful):
    def corrupt(self, image: Image, params: Mapping[str, Any]) -> Image:
        state = random.getstate()
        noise = np.float32(random.random())
        random.setstate(state)
        return np.asarray(super().corrupt(image, params) + noise)


class InPlace(Lawful):
    def corrupt(self, image: Image, params: Mapping[str, Any]) -> Image:
        image *= np.float32(0.5)
        return image.copy()


class Borrowing(Lawful):
    def corrupt(self, image: Image, params: Mapping[str, Any]) -> Image:
        return image[:, ::-1]


class Double(Lawful):
    def corrupt(self, image: Image, params: Mapping[str, Any]) -> Image:
        return super().corrupt(image, params).astype(np.float64)  # type: ignore[return-value]


class Divides(Lawful):
    def corrupt(self, image: Image, params: Mapping[str, Any]) -> Image:
        with np.errstate(all="ignore"):
            return np.asarray(image / np.ptp(image))


class Crops(Lawful):
    def corrupt(self, image: Image, params: Mapping[str, Any]) -> Image:
        return super().corrupt(image, params)[:, 1:]


class SometimesNothing(Lawful):
    def corrupt(self, image: Image, params: Mapping[str, Any]) -> Image:
        return super().corrupt(image, params) if params["sign"] > 0 else image.copy()


class Shrinking(Lawful):
    def corrupt(self, image: Image, params: Mapping[str, Any]) -> Image:
        return super().corrupt(image, {**params, "offset": 1 - params["offset"]})


class NotJson(Lawful):
    def directions(self, rng: np.random.Generator, *, shape: tuple[int, ...], spacing: tuple[float, ...]) -> Params:
        return {"sign": (float(rng.choice([-1.0, 1.0])),)}

    def corrupt(self, image: Image, params: Mapping[str, Any]) -> Image:
        return super().corrupt(image, {**params, "sign": params["sign"][0]})


OFFENDERS: list[tuple[type[Lawful], Callable[[Perturbation], None], str]] = [
    (Unnamed, contract.check_description, "unit must say something"),
    (WrongKind, contract.check_description, "kind 'grid'"),
    (AlwaysOn, contract.check_identity, "severity 0 changed the image"),
    (AnySeverity, contract.check_severity_range, "severity -1 must raise ValueError"),
    (Forgetful, contract.check_repeatable, "gave other bits"),
    (Uncoupled, contract.check_coupled, "direction depends on severity"),
    (Greedy, contract.check_coupled, "randomness consumed depends on severity"),
    (SaysFixed, contract.check_random_flag, "random is False"),
    (MovesGlobal, contract.check_global_state, "global random state was moved"),
    (ReadsGlobal, contract.check_global_state, "global random state was read"),
    (InPlace, contract.check_input_untouched, "severity 1 modified its input"),
    (Borrowing, contract.check_input_untouched, "severity 1 returned its input"),
    (Double, contract.check_output, "returned dtype float64"),
    (Divides, contract.check_output, "not finite"),
    (Crops, contract.check_output, "returned shape"),
    (SometimesNothing, contract.check_changes, "no-op"),
    (Shrinking, contract.check_grows, "do not grow"),
    (NotJson, contract.check_json, "come back from JSON"),
]


def test_the_lawful_family_passes() -> None:
    contract.check_all(Lawful())


@pytest.mark.parametrize(("offender", "law", "says"), OFFENDERS, ids=lambda value: getattr(value, "__name__", ""))
def test_offence_is_caught(offender: type[Lawful], law: Callable[[Perturbation], None], says: str) -> None:
    with pytest.raises(AssertionError, match=f"lawful: .*{says}|{says}"):
        law(offender())


@dataclass(frozen=True, kw_only=True)
class Slide(GridPerturbation):
    """A shift by fractions of a pixel; the base of the grid offenders."""

    name = "slide"
    version = 1
    summary = "moved along H"
    source = "made up"
    parameter = "pixels"
    unit = "pixels"
    neutral = 0.0
    severities: tuple[Magnitude, ...] = (0.5, 1.0, 1.5, 2.0, 2.5)

    def pull_back(self, params: Mapping[str, Any], *, shape: tuple[int, int]) -> GridMap:
        return GridMap.translation((params["pixels"], 0.0))


class LabelElsewhere(Slide):
    def apply(self, image: Image, *, params: Mapping[str, Any]) -> Image:
        return super().apply(image, params={"pixels": params["pixels"] / 2})


class CrookedComposition(Slide):
    def pull_back(self, params: Mapping[str, Any], *, shape: tuple[int, int]) -> GridMap:
        class Crooked(GridMap):
            def after(self, first: GridMap) -> GridMap:
                return GridMap(self.matrix @ first.matrix, self.offset + 2 * first.offset)

        straight = super().pull_back(params, shape=shape)
        return Crooked(straight.matrix, straight.offset)


class WrongScale(Slide):
    def pull_back(self, params: Mapping[str, Any], *, shape: tuple[int, int]) -> GridMap:
        class Scaled(GridMap):
            @property
            def local_scale(self) -> tuple[float, float]:
                return 1.0, 2.0

        straight = super().pull_back(params, shape=shape)
        return Scaled(straight.matrix, straight.offset)


@pytest.mark.parametrize(
    ("offender", "law", "says"),
    [
        (LabelElsewhere, contract.check_same_map, "pixels off its pull_back"),
        (CrookedComposition, contract.check_composition, "composed coordinates"),
        (WrongScale, contract.check_local_scale, "local scale 2.0 along axis 1"),
    ],
    ids=lambda value: getattr(value, "__name__", ""),
)
def test_grid_offence_is_caught(offender: type[Slide], law: Callable[[GridPerturbation], None], says: str) -> None:
    contract.check_all(Slide())
    with pytest.raises(AssertionError, match=says):
        law(offender())
