"""Every registered family keeps every law, in this process and in another."""

import hashlib
import os
import subprocess
import sys
from collections.abc import Callable

import numpy as np
import pytest

from mednca_bench import perturbations
from mednca_bench.perturbations import contract
from mednca_bench.perturbations.base import GridPerturbation, Perturbation
from mednca_bench.perturbations.contract_specimen import corrupt, specimen

GENERAL: list[Callable[[Perturbation], None]] = [
    contract.check_description,
    contract.check_identity,
    contract.check_severity_range,
    contract.check_repeatable,
    contract.check_coupled,
    contract.check_random_flag,
    contract.check_global_state,
    contract.check_input_untouched,
    contract.check_output,
    contract.check_grows,
    contract.check_json,
]
GRID = [contract.check_same_map, contract.check_composition, contract.check_local_scale]
EVERY = [
    perturbations.get(name, version=version)
    for name in perturbations.names()
    for version in perturbations.versions(name)
]
OF_GRIDS = [family for family in EVERY if isinstance(family, GridPerturbation)]


def _label(family: object) -> str | None:
    return f"{family.name}-v{family.version}" if isinstance(family, Perturbation) else None


@pytest.mark.parametrize("law", GENERAL, ids=lambda law: law.__name__)
@pytest.mark.parametrize("family", EVERY, ids=_label)
def test_law(family: Perturbation, law: Callable[[Perturbation], None]) -> None:
    law(family)


@pytest.mark.parametrize("family", EVERY, ids=_label)
def test_no_severity_of_any_draw_is_a_no_op(family: Perturbation) -> None:
    contract.check_changes(family, draws=100)


@pytest.mark.parametrize("law", GRID, ids=lambda law: law.__name__)
@pytest.mark.parametrize("family", OF_GRIDS, ids=_label)
def test_grid_law(family: GridPerturbation, law: Callable[[GridPerturbation], None]) -> None:
    law(family)


def test_check_all_runs_every_check() -> None:
    ours = {name for name in dir(contract) if name.startswith("check_")} - {"check_all"}
    assert ours == set(contract.__all__) - {"check_all"}
    assert ours == {law.__name__ for law in (*GENERAL, *GRID, contract.check_changes)}
    called = set(contract.check_all.__code__.co_names)
    assert ours <= called
    contract.check_all(perturbations.get("shift"), draws=8)


def digest() -> str:
    """Bits of every family at two severities and draws, in table order."""
    bits = hashlib.sha256()
    for name in perturbations.names():
        family = perturbations.get(name)
        for severity in (1, 5):
            for seed in (0, 7):
                bits.update(corrupt(family, specimen(family.kind), severity, seed).tobytes())
    return bits.hexdigest()


@pytest.mark.parametrize("hash_seed", ["0", "1"])
def test_another_process_gives_the_same_bits(hash_seed: str) -> None:
    code = (
        "import sys, random, numpy as np; random.seed(5); np.random.seed(5)\n"
        "from mednca_bench import perturbations\n"
        "from mednca_bench.perturbations.contract_specimen import corrupt, specimen\n"
        "import hashlib; out = {}\n"
        "for name in reversed(perturbations.names()):\n"
        "    family = perturbations.get(name)\n"
        "    for severity in (5, 1):\n"
        "        for seed in (7, 0):\n"
        "            out[name, severity, seed] = corrupt(family, specimen(family.kind), severity, seed).tobytes()\n"
        "bits = hashlib.sha256()\n"
        "for name in perturbations.names():\n"
        "    for severity in (1, 5):\n"
        "        for seed in (0, 7):\n"
        "            bits.update(out[name, severity, seed])\n"
        "print(bits.hexdigest())\n"
    )
    environment = {**os.environ, "PYTHONHASHSEED": hash_seed, "OMP_NUM_THREADS": "2" if hash_seed == "0" else "1"}
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, env=environment, check=True)
    assert done.stdout.strip() == digest()


def test_specimens_fit_their_kind() -> None:
    volume, slices = specimen("acquisition"), specimen("grid")
    assert volume.ndim == 4 and volume.min() >= 0 and volume.max() <= 1000
    assert slices.ndim == 3 and slices.min() >= 0 and slices.max() <= 1
    assert volume.dtype == slices.dtype == np.float32
