"""Fixtures of the results room. The fake run lives in its own file, loaded here since tests are not a package."""

import importlib.util
import sys
from pathlib import Path
from types import ModuleType

import pytest


def _load(name: str) -> ModuleType:
    spec = importlib.util.spec_from_file_location(name, Path(__file__).with_name(f"{name}.py"))
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="session")
def fake() -> ModuleType:
    """The module `fake_records`."""
    return _load("fake_records")


@pytest.fixture(scope="session")
def run_folder(fake: ModuleType, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run folder shared by tests that only read its records."""
    folder: Path = fake.write_run(tmp_path_factory.mktemp("run"))
    return folder
