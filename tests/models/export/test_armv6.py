"""The exported program on an emulated Raspberry Pi B+: ARMv6 with VFP, compiled across, run under qemu-arm.

docs/on-device.md has the figures of a whole volume; here a small image shows that it answers right and within memory.
"""

import re
import shutil
import subprocess
from pathlib import Path

import numpy as np
import pytest

from mednca_bench.models.base import FireKey
from mednca_bench.models.export.c_source import arena_size
from tests.models.export.c_library import CASE, assert_same_answer, compiler, image_of, nca, torch_logits, write

CROSS = "arm-linux-gnueabi-gcc"
ARMV6 = ("-static", "-marm", "-march=armv6", "-mfpu=vfp", "-mfloat-abi=softfp", "-O3", "-ffp-contract=fast")
EMULATOR = ("qemu-arm", "-cpu", "arm1176")
PAGE = 4096
PROGRAM = 2**20  # bytes that code, weights, C library and stack may touch beside arena, image and logits


@pytest.fixture(scope="module")
def tools() -> None:
    missing = [tool for tool in (CROSS, EMULATOR[0]) if shutil.which(tool) is None]
    if missing:
        pytest.skip(f"{' and '.join(missing)} not installed; CONTRIBUTING.md has the line that installs them")


@pytest.mark.usefixtures("tools")
@pytest.mark.parametrize("weight_type", ["float32", "int8"])
def test_answers_as_pytorch_and_counts(weight_type: str, tmp_path: Path) -> None:
    model = nca(steps=2)
    write(model, tmp_path, weight_type=weight_type)
    command = [
        CROSS,
        "-std=c99",
        "-Wall",
        "-Wextra",
        "-Wpedantic",
        "-Werror",
        *ARMV6,
        "net.c",
        "net_main.c",
        "-o",
        "net",
    ]
    subprocess.run(command, cwd=tmp_path, check=True)
    plugin = Path(__file__).with_name("count_plugin.c")
    subprocess.run([compiler(), "-shared", "-fPIC", "-O2", plugin, "-o", "count.so"], cwd=tmp_path, check=True)
    image = image_of(model, 17, 30)
    image.tofile(tmp_path / "in.raw")
    emulated = [*EMULATOR, "-plugin", "./count.so", "-d", "plugin", "./net", "--raw", "17x30", "--case", CASE]
    done = subprocess.run(
        [*emulated, "--logits", "l.raw", "in.raw", "m.raw"], cwd=tmp_path, check=True, capture_output=True, text=True
    )
    logits = np.fromfile(tmp_path / "l.raw", np.float32).reshape(1, 17, 30)
    from mednca_bench.models.export.c_weights import rounded

    oracle = rounded(model) if weight_type == "int8" else model
    assert_same_answer(logits, torch_logits(oracle, image, FireKey(0, CASE, 0)))
    assert np.array_equal(np.fromfile(tmp_path / "m.raw", np.uint8), (logits > 0).ravel())
    counts = {name: int(number) for name, number in re.findall(r"(instructions|pages) (\d+)", done.stderr)}
    fired = model.macs(17, 30) / 2
    assert fired < counts["instructions"] < 10 * fired  # a multiply-accumulate takes about two
    known = arena_size(model, 17, 30, int8=weight_type == "int8") + 2 * image.nbytes
    assert 0.5 * known < counts["pages"] * PAGE < known + PROGRAM
