"""`ladder` and `import-device`: what small devices can do, measured here or brought from there."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from .cli_weights import WeightsWord
from .progress import progress


@click.command()
@click.option("--model", "models", multiple=True, help="Model; repeatable. Default: med-nca and unet-small.")
@click.option("--recipe", default="quick", show_default=True, help="Gives the models' options: `list recipes`.")
@click.option(
    "--weights",
    multiple=True,
    type=WeightsWord(),
    metavar="NAME|FILE",
    help="Weights instead of --model: a name of `list weights`, or a file; repeatable.",
)
@click.option("--cap", "caps", multiple=True, type=click.IntRange(1), metavar="MB", help="Default: 64, 128, … 2048.")
@click.option("--threads", default=1, show_default=True, type=click.IntRange(1), help="Threads of the model.")
@click.option(
    "--plugin",
    "plugins",
    multiple=True,
    type=click.Path(path_type=Path),
    metavar="FILE",
    help="Python file that registers a model.",
)
@click.option("--out", type=click.Path(path_type=Path), default="runs/ladder", show_default=True, metavar="DIR",
              help="Run folder.")  # fmt: skip
def ladder(
    models: tuple[str, ...],
    recipe: str,
    weights: tuple[Path, ...],
    caps: tuple[int, ...],
    threads: int,
    plugins: tuple[Path, ...],
    out: Path,
) -> None:
    """Find the largest image side that each model segments under each memory cap, in fresh processes.

    The rows lie in DIR/efficiency/ladder; tables and plots of DIR are written again.
    """
    from .cli_checks import known_models, place_to_write, plugins_given
    from .cli_run import show_results
    from .ladder import CAPS_MB, measure_ladder
    from .recipe import recipe_for
    from .timing import TimingRequest
    from .trained import contestant

    place_to_write(out)
    plugins_given(plugins)
    wanted: list[dict[str, Any]] = [
        {"model": found.model, "weights": found.path, "label": f"{found.model}-{found.recipe}-s{found.train_seed}"}
        for found in map(contestant, weights)
    ] or [
        {"model": model, "options": dict(found.options), "label": f"{model}-{found.name}"}
        for model in known_models(models) or ("med-nca", "unet-small")
        for found in [recipe_for(recipe, model)]
    ]
    chosen = tuple(sorted(set(caps))) or CAPS_MB
    with progress("memory ladder", total=len(wanted) * len(chosen)) as meter:
        for given in wanted:
            request = TimingRequest(
                **given, size=(64, 64), slices=1, threads=threads, out=out / "efficiency", plugins=plugins
            )
            told = 0

            def note(text: str, label: str = given["label"]) -> None:
                nonlocal told
                told += 1
                meter.advance(note=f"{label}, {text}")

            measure_ladder(request, caps=chosen, note=note)
            meter.advance(len(chosen) - told)
    show_results(out)


@click.command(name="import-device")
@click.argument("run_folder", type=click.Path(path_type=Path, file_okay=False))
@click.argument("files", nargs=-1, required=True, type=click.Path(path_type=Path, exists=True, dir_okay=False))
def import_device(run_folder: Path, files: tuple[Path, ...]) -> None:
    """Take the results that a device bundle wrote on another machine into RUN_FOLDER, and write its tables again."""
    from ..results.device_json import import_results
    from .cli_run import show_results
    from .progress import say

    for file in files:
        for path in import_results(file, run_folder):
            say(f"{file.name}: {path}")
    show_results(run_folder)
