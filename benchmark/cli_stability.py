"""`stability`: the survival experiment."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from .errors import UsageProblem
from .progress import say


@click.command()
@click.option("--recipe", "recipes", multiple=True, help="Recipe; repeatable. Default: paper-prostate and stable-64.")
@click.option("--model", default="med-nca", show_default=True, help="The NCA that is trained.")
@click.option("--seeds", default=10, show_default=True, type=click.IntRange(1), help="Number of seeds.")
@click.option("--first-seed", default=0, show_default=True, type=click.IntRange(0),
              help="The lowest seed, to share the seeds of one --out among processes.")  # fmt: skip
@click.option("--updates", default=300, show_default=True, type=click.IntRange(1), help="Updates per run.")
@click.option("--side", default=256, show_default=True, type=click.IntRange(16), help="Image side in pixels.")
@click.option("--steps", default=64, show_default=True, type=click.IntRange(1), help="Steps per level.")
@click.option("--batch", default=4, show_default=True, type=click.IntRange(1), help="Slices per update.")
@click.option("--subjects", default=9, show_default=True, type=click.IntRange(3), help="Of the phantom.")
@click.option(
    "--threads", default=1, show_default=True, type=click.IntRange(1), help="Threads; other numbers, other weights."
)
@click.option("--out", type=click.Path(path_type=Path), default="runs/stability", show_default=True, metavar="DIR",
              help="Run folder.")  # fmt: skip
def stability(recipes: tuple[str, ...], model: str, threads: int, out: Path, **given: Any) -> None:
    """Train over several seeds on the prostate phantom and tell which runs survive; stopped, it goes on from there."""
    import torch

    from .. import models
    from ..results import survival
    from .cli_checks import known_models, known_recipe, place_to_write
    from .progress import progress
    from .recipe import recipe_for
    from .stability import Experiment, survives

    known_models((model,))
    place_to_write(out)
    if not models.build(model).stochastic:
        raise UsageProblem(f"{model} has no state to survive; --model takes a cellular automaton: med-nca, med-nca-16")
    names = tuple(dict.fromkeys(recipes)) or ("paper-prostate", "stable-64")
    for name in names:
        known_recipe(name, (model,))
    called = [recipe_for(name, model).name for name in names]
    if twice := [name for name in called if called.count(name) > 1]:
        raise UsageProblem(f"two recipes are called '{twice[0]}'; give one another name with name = … in its file")
    torch.set_num_threads(threads)
    experiment = Experiment(recipes=names, model=model, out=out, **given)
    with progress("survival, updates", total=len(experiment.runs()) * experiment.updates) as meter:
        for row in survives(experiment, meter=meter):
            meter.advance(0, note=f"{row['recipe']}, seed {row['seed']}: {'survived' if row['survived'] else 'lost'}")
            written = survival.write(out)
    click.echo((out / "tables" / "survival.md").read_text(encoding="utf-8"))
    say(f"{', '.join(str(path) for path in written)}")
