"""The plan: a unit's key changes with everything that can change its result and with nothing else."""

from collections.abc import Callable
from dataclasses import fields, replace
from pathlib import Path
from typing import Any

import pytest

from mednca_bench import perturbations
from mednca_bench.benchmark import plan as plan_module
from mednca_bench.benchmark.condition import Condition, conditions
from mednca_bench.benchmark.plan import Contestant, Context, PlannedCase, Unit, unit_key, units
from mednca_bench.benchmark.preprocess import Preprocess
from mednca_bench.benchmark.suite import find_suite
from mednca_bench.benchmark.task import CaseFiles, open_task
from mednca_bench.perturbations.noise import Noise
from mednca_bench.results.record import IDENTITY

CONTEXT = Context(task="Task04_Hippocampus", split="5" * 64, part="val", channel=None)
NOISE = Condition(perturbation="noise", version=1, kind="acquisition", severity=2, draw=0, grid="native")
PREPROCESS = Preprocess(size=(64, 64))
NCA = Contestant(
    model="med-nca",
    recipe="quick",
    preprocess=PREPROCESS,
    weights="a" * 64,
    path=Path("weights.safetensors"),
    train_seed=0,
    stochastic=True,
    train_cases=(),
)
UNET = replace(NCA, model="unet-small", weights="b" * 64, stochastic=False)


def planned(number: int) -> PlannedCase:
    name = f"hippocampus_{number:03d}"
    return PlannedCase(files=CaseFiles(name, Path("i"), Path("l")), group=str(number), sha256=f"{number:064x}")


CASES = [planned(1), planned(2)]


def key(**changes: Any) -> str:
    given: dict[str, Any] = {"context": CONTEXT, "case": CASES[0], "contestant": NCA, "condition": NOISE}
    given |= {"fire_seed": 0} | changes
    context, case, contestant, condition = (given.pop(name) for name in list(given)[:4])
    return unit_key(context, case, contestant, condition, **given)


INGREDIENTS: dict[str, Callable[[], str]] = {
    "task": lambda: key(context=replace(CONTEXT, task="Phantom04_Hippocampus")),
    "split": lambda: key(context=replace(CONTEXT, split="6" * 64)),
    "part": lambda: key(context=replace(CONTEXT, part="test")),
    "channel": lambda: key(context=replace(CONTEXT, channel=0)),
    "case id": lambda: key(case=replace(CASES[0], files=replace(CASES[0].files, id="other"))),
    "case data": lambda: key(case=replace(CASES[0], sha256="f" * 64)),
    "model": lambda: key(contestant=replace(NCA, model="med-nca-16")),
    "weights": lambda: key(contestant=replace(NCA, weights="c" * 64)),
    "size": lambda: key(contestant=replace(NCA, preprocess=replace(PREPROCESS, size=(64, 65)))),
    "intensity": lambda: key(contestant=replace(NCA, preprocess=replace(PREPROCESS, intensity="slice"))),
    "labels": lambda: key(contestant=replace(NCA, preprocess=replace(PREPROCESS, labels="classes"))),
    "perturbation": lambda: key(condition=replace(NOISE, perturbation="spike")),
    "version": lambda: key(condition=replace(NOISE, version=2)),
    "kind": lambda: key(condition=replace(NOISE, kind="grid")),
    "severity": lambda: key(condition=replace(NOISE, severity=3)),
    "clean": lambda: key(condition=NOISE.clean),
    "draw": lambda: key(condition=replace(NOISE, draw=1)),
    "grid": lambda: key(condition=replace(NOISE, grid="model")),
    "fire seed": lambda: key(fire_seed=1),
}


@pytest.mark.parametrize("ingredient", INGREDIENTS)
def test_every_ingredient_changes_the_key(ingredient):
    assert INGREDIENTS[ingredient]() != key()


def test_all_ingredients_differ_from_each_other():
    assert len({make() for make in INGREDIENTS.values()}) == len(INGREDIENTS)


@pytest.mark.parametrize("version", ["EVALUATION_VERSION", "CONVENTION_VERSION"])
def test_a_version_of_the_code_changes_the_key(monkeypatch, version):
    before = key()
    monkeypatch.setattr(plan_module, version, 99)
    assert key() != before


def test_another_magnitude_of_the_severity_changes_the_key_and_those_of_other_severities_do_not(monkeypatch):
    two, three = key(), key(condition=replace(NOISE, severity=3))
    table = list(Noise().severities)
    table[1] = (float(table[0]) + float(table[1])) / 2
    monkeypatch.setitem(perturbations._registered, "noise", Noise(severities=tuple(table)))
    assert key() != two and key(condition=replace(NOISE, severity=3)) == three


@pytest.mark.parametrize(
    "same",
    [
        {"contestant": replace(NCA, path=Path("elsewhere"))},
        {"contestant": replace(NCA, recipe="renamed", train_seed=5, train_cases=("d",))},
        {"case": replace(CASES[0], group="9")},
        {"case": replace(CASES[0], files=replace(CASES[0].files, image=Path("moved")))},
    ],
    ids=["path", "names", "group", "files"],
)
def test_what_cannot_change_the_result_does_not_change_the_key(same):
    assert key(**same) == key()


def test_every_field_is_looked_at():
    """A field added to a key's ingredients must be added to the tests above."""
    names = {
        Context: {"task", "split", "part", "channel"},
        Preprocess: {"size", "intensity", "labels"},
        Condition: {"perturbation", "version", "kind", "severity", "draw", "grid"},
    }
    for owner, expected in names.items():
        assert {field.name for field in fields(owner)} == expected


def test_a_key_is_64_hexadecimal_digits_and_stays_what_it_is():
    """A released key never changes: stored records are found by it."""
    assert key(condition=NOISE.clean) == "5a17d4a7c8044150f72cae1d7448924b441e1d011f981439e146db7d67588b04"


def the_units(**changes: Any) -> tuple[Unit, ...]:
    suite = find_suite("robustness-v1")
    chosen = conditions(suite, only=changes.pop("only", ["noise", "scale-up"]), draws=changes.pop("draws", 1))
    return units(CONTEXT, CASES, changes.pop("contestants", [NCA, UNET]), chosen, fire_seeds=changes.pop("fire", 1))


def test_every_unit_is_a_case_a_model_a_condition_and_a_fire_seed():
    plan = the_units(fire=3)
    assert len(plan) == 2 * (2 + 5 + 5) * (3 + 1) == len({unit.key for unit in plan})
    assert {(u.contestant.model, u.fire_seed) for u in plan} == {
        ("unet-small", -1),
        *(("med-nca", s) for s in range(3)),
    }


def test_draws_are_only_for_families_that_draw():
    plan = the_units(draws=3, contestants=[UNET])
    drawn = {(unit.condition.perturbation, unit.condition.draw) for unit in plan}
    assert drawn == {("clean", 0), ("scale-up", 0), ("noise", 0), ("noise", 1), ("noise", 2)}


def test_the_clean_partner_is_in_the_plan_with_same_case_model_and_fire_seed():
    plan = {unit.key: unit for unit in the_units(fire=2, draws=2)}
    for unit in plan.values():
        partner = plan[unit.clean_key]
        assert (partner.case, partner.contestant, partner.fire_seed) == (unit.case, unit.contestant, unit.fire_seed)
        assert partner.condition == Condition(grid=unit.condition.grid)
        assert (partner is unit) == (unit.condition.severity == 0)


def test_what_is_asked_for_twice_is_planned_once():
    again = replace(NCA, path=Path("a copy of the same weights"))
    assert the_units(contestants=[NCA, NCA, again]) == the_units(contestants=[NCA])


def test_a_units_row_is_its_identity(msd_folder):
    task = open_task(msd_folder(1).root)
    unit = the_units(draws=2, only=["noise"])[4]
    row = unit.row(task, part="val")
    assert {*row, "label", "parameters"} == set(IDENTITY)
    assert row | {"key": "", "clean_key": ""} == {
        "key": "",
        "clean_key": "",
        "task": "Task99_Test",
        "phantom": False,
        "case": "hippocampus_001",
        "group": "1",
        "split": "val",
        "model": "med-nca",
        "recipe": "quick",
        "weights": "a" * 64,
        "train_seed": 0,
        "perturbation": "noise",
        "perturbation_version": 1,
        "kind": "acquisition",
        "severity": 2,
        "grid": "native",
        "draw_seed": 0,
        "fire_seed": 0,
    }
