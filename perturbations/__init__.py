"""What is done to an image: the table of perturbation families, resolved by name when they are used.

Acquisition families corrupt the native volume, where a scanner would; grid families move the preprocessed slices of
the model grid. A family inside the package is one file and one line in `TABLE`; one outside it is made known with
`register`. `contract.py` holds the laws that every registered family keeps.
"""

from __future__ import annotations

import difflib
import importlib
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from .base import Perturbation

TABLE: dict[str, str] = {
    "scale-up": "mednca_bench.perturbations.scale_up:ScaleUp",
    "scale-down": "mednca_bench.perturbations.scale_down:ScaleDown",
    "shape": "mednca_bench.perturbations.shape:Shape",
    "shift": "mednca_bench.perturbations.shift:Shift",
    "noise": "mednca_bench.perturbations.noise:Noise",
    "ghosting": "mednca_bench.perturbations.ghosting:Ghosting",
    "spike": "mednca_bench.perturbations.spike:Spike",
    "bias-field": "mednca_bench.perturbations.bias_field:BiasField",
}
"""Family name -> "module:Class". The class, called without arguments, carries its default severity table."""

_registered: dict[str, Perturbation] = {}


def names() -> tuple[str, ...]:
    """Names of all known families: those of the package in table order, then the registered ones.

    >>> names()[:2]
    ('scale-up', 'scale-down')
    """
    return (*TABLE, *_registered)


def get(name: str) -> Perturbation:
    """The family of that name, with its default severity table.

    Raises:
        ValueError: No family has that name; the message offers the nearest one and lists all.

    >>> get("shift").unit
    'pixels of the model grid'
    """
    if name in _registered:
        return _registered[name]
    if name not in TABLE:
        near = difflib.get_close_matches(name, names(), n=1, cutoff=0.5)
        hint = f"; did you mean {near[0]!r}?" if near else ";"
        raise ValueError(f"unknown perturbation {name!r}{hint} allowed: {', '.join(names())}")
    module, _, attribute = TABLE[name].partition(":")
    perturbation: Perturbation = getattr(importlib.import_module(module), attribute)()
    return perturbation


def register(perturbation: Perturbation) -> None:
    """Make an outside family known under its own name, for this process.

    Registering an equal object again changes nothing, so that a plug-in may be imported twice.

    Raises:
        ValueError: Another family already has that name; records of the two could not be told apart.
    """
    name = perturbation.name
    if name in TABLE or _registered.get(name, perturbation) != perturbation:
        raise ValueError(f"a perturbation named {name!r} exists already; give yours another name")
    _registered[name] = perturbation
