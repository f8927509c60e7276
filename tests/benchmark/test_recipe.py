"""Recipes: what the paper publishes, number by number, and what is refused."""

import json

import pytest

from mednca_bench import models
from mednca_bench.benchmark.errors import UsageProblem
from mednca_bench.benchmark.recipe import RECIPES, SUMMARIES, Recipe, recipe_for


def recipe(**changes) -> Recipe:
    given = {"name": "a", "model": "b", "batch": 4, "learning_rate": 1.0, "betas": (0.9, 0.9), "schedule": "cosine"}
    return Recipe(**(given | changes))


@pytest.mark.parametrize("model", ["med-nca", "med-nca-16"])
def test_the_papers_nca_recipe_for_prostate(model):
    # Kalkhof et al. 2023, section 3 and the official code
    found = recipe_for("paper-prostate", model)
    assert (found.size, found.batch, found.epochs, found.updates) == ((256, 256), 20, 1000, None)
    assert (found.learning_rate, found.betas, found.decay) == (1.6e-3, (0.5, 0.5), 0.9999)
    assert found.options == {"steps": 64} and found.intensity == "slice" and found.clip_norm is None
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


def test_a_recipe_is_plain_data_and_comes_back_from_it():
    for name in RECIPES:
        content = json.loads(json.dumps(recipe_for(name, "med-nca").as_dict()))
        back = Recipe(**{**content, **{what: tuple(content[what]) for what in ("size", "betas", "assumed")}})
        assert back == recipe_for(name, "med-nca")
        assert SUMMARIES[name]


def test_preprocessing_follows_the_recipe():
    prepared = recipe(size=(32, 48), intensity="slice", updates=1).preprocess("classes")
    assert (prepared.size, prepared.intensity, prepared.labels) == ((32, 48), "slice", "classes")
