"""The options of `train` and `run` that name a user's own data: two folders instead of a task."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import click

from .errors import UsageProblem

Command = TypeVar("Command", bound=Callable[..., Any])
OUTPUTS = ("merged", "classes")


def own_data_options(command: Command) -> Command:
    """Add --images, --labels, --outputs, --name and --subjects."""
    options = [
        click.option("--images", metavar="DIR", help="Own data: folder of NIfTI images or PNG slices; with --labels."),
        click.option("--labels", metavar="DIR", help="Own data: folder of labels, named as the images."),
        click.option("--outputs", type=click.Choice(OUTPUTS),
                     help="One foreground, as in the paper, or one output per label. Default: merged."),
        click.option("--name", help="Own data: the task's name. Default: the folder's."),
        click.option("--subjects", metavar="CSV", help="Own data: columns case,subject; the split keeps them apart."),
    ]  # fmt: skip
    for option in reversed(options):
        command = option(command)
    return command


def settle(given: dict[str, Any]) -> dict[str, Any]:
    """The options with `own` in place of the folders, and `labels` as merged or classes.

    Without --images, `--labels merged` and `--labels classes` mean what --outputs does.

    Raises:
        UsageProblem: options that do not go together.
    """
    rest = {name: value for name, value in given.items() if name not in ("images", "outputs", "name", "subjects")}
    images, labels, outputs = given["images"], given["labels"], given["outputs"]
    if images is None:
        if labels not in (None, *OUTPUTS):
            raise UsageProblem(f"--labels {labels}: names a folder only with --images DIR; else merged or classes")
        for option in ("name", "subjects"):
            if given[option] is not None:
                raise UsageProblem(f"--{option} belongs to own data; give --images DIR and --labels DIR too")
        if None not in (labels, outputs) and labels != outputs:
            raise UsageProblem(f"--labels {labels} and --outputs {outputs} contradict each other; give one")
        return rest | {"labels": outputs or labels or OUTPUTS[0], "own": None}
    if labels is None:
        raise UsageProblem("--images needs --labels DIR, the folder of labels named as the images")
    for option in ("task", "data"):
        if given[option] is not None:
            raise UsageProblem(f"--images and --{option} do not go together; give two folders or a task")
    from .own_data import OwnData

    subjects = None if given["subjects"] is None else Path(given["subjects"]).expanduser()
    own = OwnData(
        images=Path(images).expanduser(), labels=Path(labels).expanduser(), name=given["name"], subjects=subjects
    )
    return rest | {"labels": outputs or OUTPUTS[0], "own": own}
