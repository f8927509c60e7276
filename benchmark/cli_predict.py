"""`predict`: labels for images, with a trained model or the authors' checkpoint."""

from __future__ import annotations

from pathlib import Path

import click

from .errors import UsageProblem


@click.command()
@click.argument("images", nargs=-1, required=True, type=click.Path(path_type=Path), metavar="IMAGE...")
@click.option(
    "--weights",
    required=True,
    metavar="NAME|FILE|FOLDER",
    help="See `list weights`; or what `train` wrote; or a folder with the authors' model0.pth and model1.pth.",
)
@click.option("--out", required=True, type=click.Path(path_type=Path, file_okay=False), metavar="DIR", help="Folder.")
@click.option(
    "--passes",
    default=1,
    show_default=True,
    type=click.IntRange(1),
    help="Passes with fire seeds of their own whose mean is the answer; more than one gives NQM.",
)
@click.option("--fire-seed", default=0, show_default=True, type=click.IntRange(0), help="Of the first pass.")
@click.option("--probabilities", is_flag=True, help="Write the sigmoids too.")
@click.option("--overlay/--no-overlay", "overlays", default=True, show_default=True, help="Draw contours on the image.")
@click.option("--channel", type=click.IntRange(0), help="Channel of a 4-D image. Default: the one trained on.")
@click.option("--steps", type=click.IntRange(1), help="Official checkpoint: steps per level. Default: 16.")
@click.option("--size", type=click.IntRange(8), help="Official checkpoint: side of its slices. Default: 64.")
@click.option("--overwrite", is_flag=True, help="Replace files that exist.")
@click.option("--threads", default=1, show_default=True, type=click.IntRange(1), help="Threads.")
@click.option(
    "--plugin",
    "plugins",
    multiple=True,
    type=click.Path(path_type=Path),
    metavar="FILE",
    help="Python file that registers the model.",
)
def predict(
    images: tuple[Path, ...],
    weights: str,
    out: Path,
    passes: int,
    fire_seed: int,
    probabilities: bool,
    overlays: bool,
    channel: int | None,
    steps: int | None,
    size: int | None,
    overwrite: bool,
    threads: int,
    plugins: tuple[Path, ...],
) -> int:
    """Segment images (NIfTI, or PNG slices) and write labels on their grid.

    Writes DIR/NAME.nii.gz (or .png), an overlay, and predictions.csv. An image that cannot be segmented is named; the
    others go on, and the exit code is 1. The same call goes on after a stop.
    """  # fmt: skip
    import torch

    from .plugins import load_plugins
    from .predict_files import Wanted, predict_files
    from .predictor import load_predictor

    load_plugins(plugins)
    path = _weights_file(weights, steps=steps, size=size)
    torch.set_num_threads(threads)
    wanted = Wanted(
        out=out,
        passes=passes,
        fire_seed=fire_seed,
        channel=channel,
        probabilities=probabilities,
        overlays=overlays,
        overwrite=overwrite,
    )
    failed = predict_files(load_predictor(path), images, wanted)
    click.echo(f"{len(images) - failed} of {len(images)} images segmented: {out / 'predictions.csv'}")
    return 1 if failed else 0


def _weights_file(given: str, *, steps: int | None, size: int | None) -> Path:
    """The weights file meant by a name, a file or a folder."""
    from .official import weights_in
    from .shipped import weights_file

    if not (steps or size):
        return weights_file(given)
    if not Path(given).is_dir():
        raise UsageProblem("--steps and --size go with an official checkpoint; other weights hold their own")
    return weights_in(Path(given), steps=steps, size=size)
