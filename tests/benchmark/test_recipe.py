"""Recipes: what the paper publishes, number by number, and what is refused."""

import dataclasses
import json

import pytest

from mednca_bench import models
from mednca_bench.benchmark.errors import UsageProblem
from mednca_bench.benchmark.identity import key
from mednca_bench.benchmark.recipe import RECIPES, SUMMARIES, Recipe, publishes, recipe_for
from mednca_bench.benchmark.recipe_type import _LATER, check
from mednca_bench.benchmark.trained import TRAINING_VERSION


def recipe(**changes) -> Recipe:
    given = {"name": "a", "model": "b", "batch": 4, "learning_rate": 1.0, "betas": (0.9, 0.9), "schedule": "cosine"}
    return Recipe(**(given | changes))


@pytest.mark.parametrize("model", ["med-nca", "med-nca-16"])
def test_the_papers_nca_recipe_for_prostate(model):
    # Kalkhof et al. 2023, section 3 and the official code
    found = recipe_for("paper-prostate", model)
    assert (found.size, found.batch, found.epochs, found.updates) == ((256, 256), 20, 1000, None)
    assert (found.learning_rate, found.betas, found.decay) == (1.6e-3, (0.5, 0.5), 0.9999)
    assert found.options == {"steps": 64} and found.intensity == "official" and found.clip_norm is None
    assert found.assumed == ()


def test_the_papers_unet_recipe_and_what_it_does_not_publish():
    found = recipe_for("paper-hippocampus", "unet")
    assert (found.size, found.batch, found.learning_rate, found.betas) == ((64, 64), 48, 1e-4, (0.9, 0.99))
    assert found.options == {} and {"size", "batch"} <= set(found.assumed)


@pytest.mark.parametrize("model", models.names())
def test_there_is_a_quick_recipe_for_every_model(model):
    found = recipe_for("quick", model)
    assert (found.name, found.model, found.size) == ("quick", model, (64, 64))
    models.build(model, **found.options)


@pytest.mark.parametrize("name", RECIPES)
def test_every_recipe_has_an_end(name):
    for model in ("med-nca", "med-nca-16", "unet"):
        if publishes(name, model):
            assert recipe_for(name, model).total_updates(1000) > 0


def test_an_unknown_recipe_is_answered_with_the_nearest():
    with pytest.raises(UsageProblem, match=r"unknown recipe 'quik'; did you mean 'quick'\? .*paper-hippocampus"):
        recipe_for("quik", "med-nca")


@pytest.mark.parametrize("name", ["paper-hippocampus", "paper-prostate"])
def test_the_paper_says_nothing_about_other_models(name):
    with pytest.raises(UsageProblem, match="publishes no settings for model 'segresnet'; use --recipe quick"):
        recipe_for(name, "segresnet")


def test_epochs_are_passes_over_all_slices():
    assert recipe(epochs=3).total_updates(9) == 9  # 9 slices are 3 batches of at most 4
    assert recipe(epochs=3).total_updates(8) == 6
    assert recipe(updates=11).total_updates(9) == 11
    assert recipe(updates=8, epochs=3).total_updates(9) == 8
    assert recipe(updates=10, epochs=3).total_updates(9) == 9


@pytest.mark.parametrize("name", RECIPES)
def test_a_recipe_is_plain_data_and_comes_back_from_it(name):
    assert SUMMARIES[name]
    for model in filter(lambda model: publishes(name, model), models.names()):
        found = check(recipe_for(name, model), source=name)
        content = json.loads(json.dumps(found.as_dict()))
        lists = {what: tuple(content[what]) for what in ("size", "betas", "assumed")}
        assert Recipe(**{**content, **lists}) == found
        models.build(model, **found.options)


OLD = {
    "name": "quick",
    "model": "med-nca",
    "options": {"steps": 16},
    "size": (64, 64),
    "intensity": "volume",
    "batch": 16,
    "updates": 2800,
    "epochs": 14,
    "learning_rate": 1.6e-3,
    "betas": (0.5, 0.5),
    "schedule": "cosine",
    "decay": 1.0,
    "clip_norm": 1.0,
    "assumed": (),
}
PINNED = {
    "med-nca": "21ea50524e7812eb35f51004196b2cc421834bd7f7795185b4c31ef743ff992d",
    "unet-small": "94dcbfa76ca9ca94d056231da356b91d0fb276ab4c6e25fa8ba025b4ae08af70",
}
SMALL = {
    "model": "unet-small",
    "options": {},
    "updates": 2000,
    "epochs": 10,
    "learning_rate": 5e-3,
    "betas": (0.9, 0.99),
}


@pytest.mark.parametrize(("model", "content"), [("med-nca", OLD), ("unet-small", OLD | SMALL)])
def test_weights_in_the_caches_of_users_keep_their_key(model, content):
    """What went into the hash before recipes had more fields, and not a field more."""
    assert TRAINING_VERSION == 1
    assert recipe_for("quick", model).as_dict() == content
    assert key(recipe=recipe_for("quick", model).as_dict()) == PINNED[model]


def test_later_fields_enter_the_hash_only_where_they_are_set():
    defaults = {each.name: each.default for each in dataclasses.fields(Recipe)} | {"augment": {}}
    assert {name: defaults[name] for name in _LATER} == _LATER
    assert recipe(warm_up=3).as_dict()["warm_up"] == 3 and "warm_up" not in recipe().as_dict()


def test_the_official_recipes_by_the_facts():
    example, tutorial = recipe_for("official-example-c16", "med-nca-16"), recipe_for("official-tutorial", "med-nca")
    assert (example.options, example.size, example.batch) == ({"steps": 64}, (64, 64), 48)
    assert (tutorial.options, tutorial.size, tutorial.batch, tutorial.epochs) == ({"steps": 16}, (64, 64), 40, 1500)
    assert example.intensity == tutorial.intensity == "official", (
        "resized first, then scaled, as the authors' code does"
    )
    with pytest.raises(UsageProblem, match="publishes no settings for model 'med-nca'"):
        recipe_for("official-example-c16", "med-nca")


def test_preprocessing_follows_the_recipe():
    prepared = recipe(size=(32, 48), intensity="slice", updates=1).preprocess("classes")
    assert (prepared.size, prepared.intensity, prepared.labels) == ((32, 48), "slice", "classes")
