"""`list`: what there is to choose from, as a table for people or JSON for machines."""

from __future__ import annotations

import json
import sys
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from .recipe_type import Recipe

Rows = list[dict[str, Any]]
PROSE = (
    "summary",
    "source",
    "unit",
    "perturbations",
    "labels",
    "modalities",
    "models",
    "more",
)  # may wrap
PIPE_WIDTH = 160  # characters, where there is no terminal to ask


@click.group(name="list")
def listing() -> None:
    """List models, perturbations, suites, tasks, recipes or weights (--json for machines)."""


def _json_option(command: Any) -> Any:
    return click.option("--json", "as_json", is_flag=True, help="Print JSON.")(command)


def _print(rows: Rows, *, as_json: bool) -> None:
    if as_json:
        click.echo(json.dumps(rows, indent=1))
        return
    from rich import box
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    table = Table(box=box.SIMPLE_HEAD)
    for name, value in rows[0].items():
        number = isinstance(value, int) and not isinstance(value, bool)
        prose = name in PROSE
        table.add_column(name, justify="right" if number else "left", no_wrap=not prose, overflow="fold")
    for row in rows:
        table.add_row(*(Text(_cell(value)) for value in row.values()))
    console = Console() if sys.stdout.isatty() else Console(width=PIPE_WIDTH)
    console.print(table)


def _cell(value: Any) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, int):
        return f"{value:,}"
    return ", ".join(map(str, value)) if isinstance(value, list | tuple) else str(value)


@listing.command()
@_json_option
def models(as_json: bool) -> None:
    """Models with their parameters and bytes (float32), for one image channel and one label."""
    from .. import models as registry
    from ..models.base import parameter_count
    from .plugins import load_plugins

    load_plugins()
    rows = []
    for name in registry.names():
        entry = registry.entry(name)
        count = parameter_count(registry.build(name))
        rows.append(
            {
                "name": name,
                "parameters": count,
                "bytes": 4 * count,
                "stochastic": entry.stochastic,
                "summary": entry.summary,
                "source": entry.source,
            }
        )
    _print(rows, as_json=as_json)


@listing.command()
@_json_option
def perturbations(as_json: bool) -> None:
    """Perturbation families with what severities 1 to 5 mean."""
    from .. import perturbations as registry
    from .plugins import load_plugins

    load_plugins()
    rows = []
    for name in registry.names():
        family = registry.get(name)
        rows.append(
            {
                "name": name,
                "kind": family.kind,
                "parameter": family.parameter,
                "unit": family.unit,
                "severities": list(family.severities),
                "summary": family.summary,
            }
        )
    _print(rows, as_json=as_json)


@listing.command()
@_json_option
def suites(as_json: bool) -> None:
    """Suites, each frozen under its version."""
    from .suite import SUITES

    rows: Rows = [
        {"name": suite.name, "summary": suite.summary, "perturbations": [name for name, _ in suite.perturbations]}
        for suite in SUITES
    ]
    _print(rows, as_json=as_json)


@listing.command()
@_json_option
def tasks(as_json: bool) -> None:
    """The ten tasks of the Medical Segmentation Decathlon."""
    from .msd import TASKS

    rows: Rows = [
        {
            "name": task.alias,
            "folder": task.name,
            "modalities": list(task.modalities),
            "labels": list(task.labels),
        }
        for task in TASKS
    ]
    _print(rows, as_json=as_json)


@listing.command()
@_json_option
def recipes(as_json: bool) -> None:
    """Training recipes and what they set for each model."""
    from dataclasses import asdict

    from .. import models as registry
    from .recipe import RECIPES, SUMMARIES, publishes, recipe_for

    found = [recipe_for(name, model) for name in RECIPES for model in registry.names() if publishes(name, model)]
    _print([asdict(recipe) for recipe in found] if as_json else _brief(found), as_json=as_json)
    if not as_json:
        click.echo("\n".join(f"{name}: {SUMMARIES[name]}" for name in RECIPES))


@listing.command()
@_json_option
def weights(as_json: bool) -> None:
    """Reference weights, to be named after --weights; those not shipped are trained by their recipe."""
    from dataclasses import asdict

    from .progress import say
    from .shipped import references

    known = references().values()
    if not known and not as_json:
        say("no reference weights are installed; train with `mednca-bench train`")
        return
    rows = [asdict(entry) | {"command": entry.command} for entry in known]
    brief = ("name", "model", "recipe", "task", "seed", "bytes", "shipped")
    _print(rows if as_json else [{name: row[name] for name in brief} for row in rows], as_json=as_json)


_COLUMNS = ("name", "model", "options", "size", "batch", "updates", "epochs", "learning_rate", "betas", "assumed")
_UNSAID = ("version", "validations", "validation_cases")


def _brief(found: list[Recipe]) -> Rows:
    """A line per recipe and set of models that it sets the same for."""
    lines: dict[str, tuple[dict[str, Any], list[str]]] = {}
    for recipe in found:
        content = recipe.as_dict()
        model = content.pop("model")
        lines.setdefault(json.dumps(content), (content, []))[1].append(model)
    return [_line(content, models) for content, models in lines.values()]


def _line(content: dict[str, Any], models: list[str]) -> dict[str, Any]:
    length = [f"{content[unit]:,} {unit}" for unit in ("epochs", "updates") if content[unit]]
    more = {name: value for name, value in content.items() if name not in (*_COLUMNS, *_UNSAID) and value is not None}
    more |= more.pop("augment", {})
    if content["decay"] == 1:
        del more["decay"]
    said = [f"version {content['version']}"] if "version" in content else []
    said += [f"{name} {value}" for name, value in more.items()]
    if content["assumed"]:
        said.append(f"not published: {', '.join(content['assumed'])}")
    return {
        "name": content["name"],
        "models": models,
        "options": ", ".join(f"{name} {value}" for name, value in content["options"].items()),
        "size": " x ".join(map(str, content["size"])),
        "batch": content["batch"],
        "length": " or ".join(length),
        "rate": f"{content['learning_rate']:g}",
        "betas": ", ".join(map(str, content["betas"])),
        "more": ", ".join(said),
    }
