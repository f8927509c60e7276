"""`score`: predictions of models that are not ours."""

from __future__ import annotations

from pathlib import Path

import click


@click.command()
@click.option(
    "--predictions",
    required=True,
    type=click.Path(path_type=Path),
    metavar="DIR",
    help="Folder of ID.nii.gz (or ID.nii), one per image of the export.",
)
@click.option(
    "--manifest",
    required=True,
    type=click.Path(path_type=Path),
    metavar="FILE",
    help="manifest.json of `data corrupt`.",
)
@click.option("--name", default=None, help="What tables call the predictions' maker. Default: the folder's name.")
@click.option("--out", type=click.Path(path_type=Path), metavar="DIR", help="Run folder. Default: runs/score-NAME.")
def score(predictions: Path, manifest: Path, name: str | None, out: Path | None) -> int:
    """Score predictions on a corrupted benchmark into records, tables and plots, as `run` does for our models.

    Missing, unreadable and extra files are named. Exit code 1 if anything is missing or unreadable.
    """  # fmt: skip
    from .cli_checks import place_to_write
    from .cli_run import show_results
    from .external import NO_PREDICTION, find, listed, read_manifest
    from .external_run import score_into
    from .progress import say

    export = read_manifest(manifest)
    found = find(export, predictions)
    model = name or predictions.resolve().name
    folder = out or Path("runs") / f"score-{model}"
    place_to_write(folder)
    failures = score_into(folder, export, found, model=model, predictions=predictions)
    show_results(folder)
    say(f"{len(export.entries) - len(failures)} of {len(export.entries)} predictions scored")
    if found.missing:
        say(f"{len(found.missing)} missing in {predictions}: {listed(found.missing)}")
    if found.extra:
        say(f"{len(found.extra)} extra in {predictions}, not scored: {listed(found.extra)}")
    for failure in failures:
        if failure["error"] != NO_PREDICTION:
            say(str(failure["error"]))
    return 1 if failures else 0
