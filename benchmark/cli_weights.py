"""`weights`: what maintainers do with reference weights, and what `--weights` takes."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click


class WeightsWord(click.ParamType):  # type: ignore[type-arg]  # older clicks have no type argument
    """A weights file, a folder of weights, or the name of shipped weights."""

    name = "name|file"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Path:
        """The file that is meant.

        Raises:
            UsageProblem: there is none; with the nearest name.
        """
        from .shipped import weights_file

        return value if isinstance(value, Path) else weights_file(str(value))


@click.group()
def weights() -> None:
    """Maintain the reference weights that come with the package."""


@weights.command()
@click.argument("file", type=click.Path(path_type=Path, exists=True, dir_okay=False))
@click.option("--run", "run_folder", required=True, type=click.Path(path_type=Path, exists=True, file_okay=False),
              metavar="RUN", help="Run folder that scored these weights on real data.")  # fmt: skip
@click.option("--name", help="Default: MODEL-RECIPE-TASK, and -sSEED where the seed is not 0.")
@click.option("--into", type=click.Path(path_type=Path, file_okay=False), metavar="DIR",
              help="Source tree to write to. Default: the package itself.")  # fmt: skip
@click.option("--replace", is_flag=True, help="Put the file in the place of other weights of that name.")
def add(file: Path, run_folder: Path, name: str | None, into: Path | None, replace: bool) -> None:
    """Put trained weights with a model card and the records of their scores into the package.

    Files above 300 KB (an NCA) or 2 MB (any other network) are not copied; recipe and checksum are kept.
    """
    from .ship import add as add_weights
    from .shipped import PACKAGE

    for path in add_weights(file, run_folder, name=name, root=into or PACKAGE, replace=replace):
        click.echo(str(path))
