"""What an import brings in. import-linter reads the imports of our own modules; here a fresh process makes them all."""

import subprocess
import sys

import pytest

HEAVY = {"torch", "monai", "torchio", "pandas", "pyarrow", "scipy", "matplotlib", "seaborn", "tensorboard", "pytest"}
NETS = {"torch", "monai", "torchio"}

IMPORT_ALL = """
import importlib, pkgutil, sys
package = importlib.import_module(sys.argv[1])
for module in pkgutil.walk_packages(package.__path__, package.__name__ + "."):
    importlib.import_module(module.name)
print(*sorted({name.partition(".")[0] for name in sys.modules}))
"""
IMPORT_ONE = """
import importlib, sys
importlib.import_module(sys.argv[1])
print(*sorted({name.partition(".")[0] for name in sys.modules}))
"""


def _loaded(program: str, name: str) -> set[str]:
    done = subprocess.run([sys.executable, "-c", program, name], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return set(done.stdout.split())


@pytest.mark.parametrize("room", ["perturbations", "results"])
def test_a_room_without_nets_loads_none(room: str) -> None:
    loaded = _loaded(IMPORT_ALL, f"mednca_bench.{room}")
    assert "mednca_bench" in loaded and not loaded & NETS


@pytest.mark.parametrize(
    "module",
    ["", ".benchmark", ".benchmark.cli", ".models", ".perturbations", ".results"],
    ids=lambda name: name or ".",
)
def test_what_help_and_lists_need_is_light(module: str) -> None:
    loaded = _loaded(IMPORT_ONE, f"mednca_bench{module}")
    assert "mednca_bench" in loaded and not loaded & HEAVY
