"""What segments an image: a table of names, resolved when a model is built.

A baseline is added by one file and one line in `_TABLE`, or from outside by `register`.
"""

import difflib
import importlib
import inspect
import math
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, cast

if TYPE_CHECKING:
    from .base import Segmenter

__all__ = ["ModelEntry", "build", "entry", "names", "register"]


@dataclass(frozen=True)
class ModelEntry:
    """One line of the table.

    Attributes:
        name: what the user types.
        target: "module:callable"; called as `callable(name, in_channels=..., out_channels=..., **options)`. A module
            that starts with a dot is in this package.
        summary: one line for a list of models.
        source: where the architecture comes from.
        stochastic: whether it needs a fire key per image.
    """

    name: str
    target: str
    summary: str
    source: str
    stochastic: bool = False


_NCA_SOURCE = "Kalkhof et al., Med-NCA, IPMI 2023, arXiv 2302.03473"
_TABLE: dict[str, ModelEntry] = {
    line.name: line
    for line in (
        ModelEntry("med-nca", ".med_nca:MedNCA", "two-level NCA, 32 channels", _NCA_SOURCE, stochastic=True),
        ModelEntry("med-nca-16", ".med_nca:med_nca_16", "two-level NCA, 16 channels", _NCA_SOURCE, stochastic=True),
        ModelEntry("unet", ".unets:classic_unet", "the paper's UNet baseline, 37 M parameters", "PyPI unet, UNet2D"),
        ModelEntry("unet-small", ".unets:small_unet", "residual UNet of 0.5 M parameters", "MONAI UNet"),
        ModelEntry("segresnet", ".unets:segresnet", "SegResNet of 0.4 M parameters", "MONAI SegResNet"),
    )
}


def names() -> tuple[str, ...]:
    """List the registered models in the order of the table."""
    return tuple(_TABLE)


def entry(name: str) -> ModelEntry:
    """Look a model up.

    Raises:
        ValueError: if there is none of this name; the message offers the nearest and lists the allowed ones.
    """
    if name not in _TABLE:
        raise ValueError(f"unknown model {name!r};{_nearest(name, _TABLE)} allowed: {', '.join(_TABLE)}")
    return _TABLE[name]


def _nearest(name: str, known: Iterable[str]) -> str:
    near = difflib.get_close_matches(name, list(known), n=1)
    return f" did you mean {near[0]!r}?" if near else ""


def register(line: ModelEntry) -> None:
    """Add a model to the table.

    Raises:
        ValueError: if the name is taken by another target.
    """
    if line.name in _TABLE and _TABLE[line.name] != line:
        raise ValueError(f"model {line.name!r} is already registered as {_TABLE[line.name].target}")
    _TABLE[line.name] = line


def build(name: str, *, in_channels: int = 1, out_channels: int = 1, seed: int = 0, **options: Any) -> "Segmenter":
    """Make a model with fresh weights.

    Args:
        name: one of `names()`.
        in_channels: channels of the image.
        out_channels: number of foreground labels, one logit each.
        seed: fixes the initial weights; the global random state is left as it was.
        options: what the model itself takes, for instance `steps` of an NCA.

    Returns:
        The model, in training mode, on the CPU.

    Raises:
        ValueError: for an unknown name or option or a value out of range.
    """
    import torch

    line = entry(name)
    module, _, attribute = line.target.partition(":")
    make = getattr(importlib.import_module(module, package=__package__), attribute)
    try:
        inspect.signature(make).bind(name, in_channels=in_channels, out_channels=out_channels, **options)
    except TypeError as error:
        known = _options(make)
        wrong = next((option for option in options if option not in known), "")
        told = f"{error};{_nearest(wrong, known)} options: {', '.join(known) or 'none'}"
        raise ValueError(f"model {name!r}: {told}") from error
    for option, parameter in inspect.signature(make).parameters.items():
        if option in options:
            _check_option(name, option, options[option], kind=parameter.annotation)
    with torch.random.fork_rng(devices=[]):
        torch.default_generator.manual_seed(seed)
        model = make(name, in_channels=in_channels, out_channels=out_channels, **options)
    return cast("Segmenter", model)


def _check_option(name: str, option: str, value: Any, *, kind: Any) -> None:
    """Refuse a value that is not of the type that the option is annotated with, or not finite."""
    number = isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)
    if kind is int and not (number and isinstance(value, int)):
        raise ValueError(f"model {name!r}: {option} is {value!r}; it must be a whole number")
    if kind is float and not number:
        raise ValueError(f"model {name!r}: {option} is {value!r}; it must be a finite number")


def _options(make: Callable[..., Any]) -> list[str]:
    """Name the options a model takes."""
    fixed = ("name", "in_channels", "out_channels")
    return [parameter for parameter in inspect.signature(make).parameters if parameter not in fixed]
