"""What is done to an image: the table of perturbation families, resolved by name when they are used.

Acquisition families corrupt the native volume, where a scanner would; grid families move the preprocessed slices of
the model grid. A family inside the package is one file and one line in `TABLE`; one outside it is made known with
`register`. A family may have several versions, told apart by their number: suites freeze family and version, so every
version a suite names stays installed. `contract.py` holds the laws that every version of every family keeps.
"""

from __future__ import annotations

import difflib
import importlib
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from .base import Perturbation

_HERE = "mednca_bench.perturbations"

TABLE: dict[str, tuple[str, ...]] = {
    "scale-up": (f"{_HERE}.scale_up:ScaleUp",),
    "scale-down": (f"{_HERE}.scale_down:ScaleDown",),
    "shape": (f"{_HERE}.shape:Shape",),
    "shift": (f"{_HERE}.shift:Shift",),
    "rotate": (f"{_HERE}.rotate:Rotate",),
    "crop": (f"{_HERE}.crop:Crop",),
    "noise": (f"{_HERE}.noise:Noise", f"{_HERE}.noise:Noise2"),
    "ghosting": (f"{_HERE}.ghosting:Ghosting", f"{_HERE}.ghosting:Ghosting2"),
    "spike": (f"{_HERE}.spike:Spike", f"{_HERE}.spike:Spike2"),
    "bias-field": (f"{_HERE}.bias_field:BiasField", f"{_HERE}.bias_field:BiasField2"),
    "motion": (f"{_HERE}.motion:Motion",),
    "gibbs": (f"{_HERE}.gibbs:Gibbs",),
    "blur": (f"{_HERE}.blur:Blur",),
    "anisotropy": (f"{_HERE}.anisotropy:Anisotropy",),
    "contrast": (f"{_HERE}.contrast:Contrast",),
    "erase": (f"{_HERE}.erase:Erase",),
}
"""Family name -> "module:Class" of versions 1, 2, ... The class, called without arguments, has that version's table."""

_registered: dict[str, Perturbation] = {}


def names() -> tuple[str, ...]:
    """Names of all known families: those of the package in table order, then the registered ones.

    >>> names()[:2]
    ('scale-up', 'scale-down')
    """
    return (*TABLE, *_registered)


def versions(name: str) -> tuple[int, ...]:
    """The installed versions of a family, oldest first; a registered family has one.

    Raises:
        ValueError: No family has that name.

    >>> versions("noise")
    (1, 2)
    """
    if name in TABLE and name not in _registered:
        return tuple(range(1, len(TABLE[name]) + 1))
    return (get(name).version,)


def get(name: str, *, version: int | None = None) -> Perturbation:
    """The family of that name, with the severity table of a version.

    Args:
        name: one of `names()`.
        version: one of `versions(name)`; the newest when None.

    Raises:
        ValueError: No family has that name, and the message offers the nearest one and lists all; or it has no such
            version.

    >>> get("shift").unit
    'pixels of the model grid'
    >>> get("noise", version=1).severities
    (0.03, 0.06, 0.1, 0.15, 0.2)
    """
    if name in _registered:
        found = _registered[name]
    elif name in TABLE:
        rows = TABLE[name]
        if version is not None and not 1 <= version <= len(rows):
            raise _no_version(name, version, tuple(range(1, len(rows) + 1)))
        module, _, attribute = rows[-1 if version is None else version - 1].partition(":")
        found = getattr(importlib.import_module(module), attribute)()
    else:
        near = difflib.get_close_matches(name, names(), n=1, cutoff=0.5)
        hint = f"; did you mean {near[0]!r}?" if near else ";"
        raise ValueError(f"unknown perturbation {name!r}{hint} allowed: {', '.join(names())}")
    if version is not None and found.version != version:
        raise _no_version(name, version, (found.version,))
    return found


def _no_version(name: str, version: int, installed: tuple[int, ...]) -> ValueError:
    have = " and ".join(map(str, installed))
    return ValueError(f"version {version} of perturbation {name!r} is not installed, only {have}")


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
