"""A plug-in that makes a small run long enough to be killed anywhere: it dawdles, saves at once and draws no plots."""

import dataclasses
import os
import time
from collections.abc import Callable
from typing import Any

from mednca_bench.benchmark import evaluate, execute, train
from mednca_bench.benchmark.recipe import RECIPES, Recipe
from mednca_bench.results import plots

DAWDLE = float(os.environ.get("TEST_DAWDLE", "0.05"))  # seconds per training update and per unit


def slowly(work: Callable[..., Any]) -> Callable[..., Any]:
    def slow(*arguments: Any, **options: Any) -> Any:
        time.sleep(DAWDLE)
        return work(*arguments, **options)

    return slow


RECIPE = Recipe(
    name="slow",
    model="",
    options={"steps": 2},
    size=(16, 16),
    batch=4,
    updates=20,
    learning_rate=1e-2,
    betas=(0.5, 0.5),
    schedule="cosine",
    clip_norm=1.0,
)
RECIPES["slow"] = lambda model: dataclasses.replace(RECIPE, model=model)
train.CHECKPOINT_SECONDS = 0.2
execute.STORE_SECONDS = 0.2
train.one_update = slowly(train.one_update)
evaluate.segment = slowly(evaluate.segment)
plots.write = lambda folder, **options: []
