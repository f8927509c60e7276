"""Every example in the package's docstrings runs and prints what it says."""

import doctest
import importlib
import pkgutil
from collections.abc import Iterator

import pytest

import mednca_bench

FLAGS = doctest.ELLIPSIS | doctest.NORMALIZE_WHITESPACE


def _modules() -> Iterator[str]:
    """Names of all modules, found without importing one, so that one that cannot be imported fails its own test."""
    rooms = [(f"{mednca_bench.__name__}.", list(mednca_bench.__path__))]
    yield mednca_bench.__name__
    while rooms:
        prefix, folders = rooms.pop()
        for module in pkgutil.iter_modules(folders, prefix):
            short = module.name.removeprefix(prefix)
            if prefix == "mednca_bench." and not module.ispkg:
                continue  # an editable install's root: only packages belong to it
            yield module.name
            if module.ispkg:
                rooms.append((f"{module.name}.", [f"{folder}/{short}" for folder in folders]))


MODULES = sorted(_modules())


@pytest.mark.parametrize("name", MODULES)
def test_examples(name: str) -> None:
    module = importlib.import_module(name)
    runner = doctest.DocTestRunner(optionflags=FLAGS)
    report: list[str] = []
    for example in doctest.DocTestFinder(exclude_empty=True).find(module, name):
        runner.run(example, out=report.append)
    assert runner.summarize(verbose=False).failed == 0, "".join(report)


def test_no_room_is_overlooked() -> None:
    rooms = ("benchmark", "models", "perturbations", "results")
    assert {f"mednca_bench.{room}" for room in rooms} <= set(MODULES)
    found = doctest.DocTestFinder().find(importlib.import_module("mednca_bench.perturbations"))
    assert any(case.examples for case in found)
