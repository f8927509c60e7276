"""A user's own recipe from TOML: what it sets, and one line for each mistake."""

from pathlib import Path

import pytest

from mednca_bench.benchmark.cli_checks import known_recipe
from mednca_bench.benchmark.errors import UsageProblem
from mednca_bench.benchmark.recipe import recipe_for


def read(tmp_path: Path, text: str, *, model: str = "med-nca", name: str = "mine"):
    path = tmp_path / f"{name}.toml"
    path.write_text(text)
    return recipe_for(str(path), model)


def test_it_is_its_base_with_what_it_sets(tmp_path):
    text = 'base = "stable"\nlearning_rate = 1\noptimiser = "muon"\nupdates = 7\nsize = [32, 48]\n'
    text += "options = { fire_rate = 0.4 }\n"
    found, base = read(tmp_path, text), recipe_for("stable", "med-nca")
    assert (found.name, found.optimiser, base.optimiser) == ("mine", "muon", "adam")
    assert (found.learning_rate, found.updates, found.size) == (1.0, 7, (32, 48))
    assert found.options == {"steps": 16, "fire_rate": 0.4}  # tables are merged
    assert (found.batch, found.betas, found.rollbacks) == (base.batch, base.betas, base.rollbacks)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("batch = 3", r"names no base; add a line"),
        ('base = "stabel"', r"unknown base 'stabel'; did you mean 'stable'"),
        ('base = "stable"\nlearning_rat = 1.0', r"unknown key 'learning_rat'; did you mean 'learning_rate'"),
        ('base = "stable"\nbatch = "3"', r"batch is '3'; it must be a whole number"),
        ('base = "stable"\nbatch = true', r"batch is True; it must be a whole number"),
        ('base = "stable"\nbatch = 0', r"batch is 0; it must be at least 1"),
        ('base = "stable"\nlearning_rate = nan', r"learning_rate is nan; it must be at least 0"),
        ('base = "stable"\nschedule = "linear"', r"schedule is 'linear'; it must be 'exponential' or 'cosine'"),
        ('base = "stable"\noptimiser = "sgd"', r"optimiser is 'sgd'; it must be 'adam' or 'muon'"),
        ('base = "stable"\noptimizer = "muon"', r"unknown key 'optimizer'; did you mean 'optimiser'"),
        ('base = "stable"\nsize = [64]', r"size is \[64\]; it must be a list of 2 numbers"),
        ('base = "stable"\naverage = 1.0', r"average is 1.0; it must be between 0 and 1"),
        ('base = "stable"\nstep_jitter = 16', r"step_jitter is 16; it must be below the 16 steps"),
        ('base = "stable"\naugment = { flop = 0.5 }', r"unknown augmentation 'flop'; did you mean 'flip'"),
        ('base = "stable"\nname = "../x"', r"name is '../x'; it may hold letters"),
        ('base = "stable"\nname = "quick"', r"name 'quick' is for recipes of the package"),
        ('base = "stable"\nname = "paper-fast"', r"name 'paper-fast' is for recipes of the package"),
        ("base = ", r"not TOML"),
    ],
)
def test_a_mistake_is_one_line(tmp_path, text, message):
    with pytest.raises(UsageProblem, match=message) as caught:
        read(tmp_path, text)
    assert "\n" not in str(caught.value)


def test_a_file_that_is_not_there(tmp_path):
    with pytest.raises(UsageProblem, match=r"none\.toml: No such file"):
        recipe_for(str(tmp_path / "none.toml"), "med-nca")


@pytest.mark.parametrize(
    ("lines", "limits"),
    [("", (2800, 14)), ("updates = 400", (400, None)), ("epochs = 3", (None, 3)), ("updates = 9\nepochs = 3", (9, 3))],
)
def test_the_length_that_a_file_gives_is_the_length(tmp_path, lines, limits):
    recipe = read(tmp_path, f'base = "quick"\n{lines}')
    assert (recipe.updates, recipe.epochs) == limits


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ('steps = "16"', r"steps is '16'; it must be a whole number"),
        ("fire_rate = nan", r"fire_rate is nan; it must be a finite number"),
        ("stepz = 3", r"'stepz'; did you mean 'steps'\? options: channels, steps"),
        ("steps = 0", r"steps is 0 and scale is 4; both must be at least 1"),
    ],
)
def test_options_that_the_model_cannot_take_are_refused_before_any_data_is_read(tmp_path, options, message):
    path = tmp_path / "mine.toml"
    path.write_text(f'base = "stable"\noptions = {{ {options} }}')
    with pytest.raises(UsageProblem, match=message) as caught:
        known_recipe(str(path), ("med-nca",))
    assert str(caught.value).startswith(f"{path}: ")
