"""The table of families: names, lookups, plug-ins, and nothing heavy until a family is used."""

import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace

import pytest

from mednca_bench import perturbations
from mednca_bench.perturbations.shift import Shift

FIRST_SET = ("scale-up", "scale-down", "shape", "shift", "noise", "ghosting", "spike", "bias-field")


class Jump(Shift):
    name = "jump"


@pytest.fixture
def clean_registry(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setattr(perturbations, "_registered", {})
    yield


def test_first_set_is_there() -> None:
    assert set(FIRST_SET) <= set(perturbations.names())


@pytest.mark.parametrize("name", perturbations.names())
def test_get_returns_the_family_of_that_name(name: str) -> None:
    family = perturbations.get(name)
    assert family.name == name
    assert family == perturbations.get(name)
    assert hash(family) == hash(perturbations.get(name))


def test_a_family_is_served_in_all_its_versions() -> None:
    for name in perturbations.names():
        numbers = perturbations.versions(name)
        families = [perturbations.get(name, version=number) for number in numbers]
        assert [family.version for family in families] == list(numbers) == list(range(1, len(numbers) + 1))
        assert len({(family.kind, family.parameter, family.unit, family.drawn) for family in families}) == 1
        assert len({family.severities for family in families}) == len(families)
        assert perturbations.get(name) == families[-1]


@pytest.mark.parametrize("version", [0, 3, -1])
def test_a_version_that_is_not_installed_is_refused(version: int) -> None:
    with pytest.raises(ValueError, match=rf"version {version} of perturbation 'noise' is not installed, only 1 and 2"):
        perturbations.get("noise", version=version)


@pytest.mark.parametrize(
    ("typed", "meant"), [("ghost", "ghosting"), ("scaleup", "scale-up"), ("bias_field", "bias-field")]
)
def test_unknown_name_offers_the_nearest(typed: str, meant: str) -> None:
    with pytest.raises(
        ValueError, match=f"unknown perturbation '{typed}'; did you mean '{meant}'. allowed: scale-up, "
    ):
        perturbations.get(typed)


def test_hopeless_name_lists_what_is_allowed() -> None:
    with pytest.raises(ValueError, match=r"unknown perturbation 'qqqq'; allowed: scale-up, scale-down"):
        perturbations.get("qqqq")


def test_registered_family_is_found(clean_registry: None) -> None:
    perturbations.register(Jump())
    perturbations.register(Jump())
    assert perturbations.names()[-1] == "jump"
    assert perturbations.get("jump") == perturbations.get("jump", version=1) == Jump()
    assert perturbations.versions("jump") == (1,)
    with pytest.raises(ValueError, match="version 2 of perturbation 'jump' is not installed, only 1"):
        perturbations.get("jump", version=2)
    with pytest.raises(ValueError, match="did you mean 'jump'"):
        perturbations.get("jumpp")


def test_names_are_not_taken_twice(clean_registry: None) -> None:
    perturbations.register(Jump())
    with pytest.raises(ValueError, match="a perturbation named 'jump' exists already"):
        perturbations.register(replace(Jump(), severities=(1, 2, 3, 4, 5)))
    with pytest.raises(ValueError, match="a perturbation named 'shift' exists already"):
        perturbations.register(Shift())


def test_listing_names_imports_nothing_heavy() -> None:
    code = "import sys; from mednca_bench import perturbations as p; p.names(); print([m for m in sys.modules])"
    loaded = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    for heavy in ("'scipy'", "'torch'", "'pandas'", "'numpy'"):
        assert heavy not in loaded
