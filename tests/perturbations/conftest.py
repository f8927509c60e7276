"""Shared by the tests of perturbations."""

import warnings
from types import ModuleType

import pytest


@pytest.fixture(scope="session")
def torchio() -> ModuleType:
    """TorchIO, imported when a test asks for it, since that takes seconds; its own import warns.

    Tests call the methods that hold the artefact's definition: applying a whole transform draws from torch's global
    generator.
    """
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return pytest.importorskip("torchio")  # type: ignore[no-any-return]
