"""The device bundle: plain Python answers as PyTorch does, what answers wrong is not timed, results come back."""

import ast
import json
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from mednca_bench.benchmark import bundle, device
from mednca_bench.benchmark.bundle import golden, write_bundle
from mednca_bench.benchmark.device import fire_masks, nca
from mednca_bench.benchmark.device.runners import FLAGS, Wrong, largest_error
from mednca_bench.benchmark.errors import BenchError
from mednca_bench.models import build, fire
from mednca_bench.models.base import FireKey
from mednca_bench.models.med_nca import MedNCA
from mednca_bench.models.weights import to_bytes
from mednca_bench.results.device_json import read_results

OPTIONS = {"channels": 6, "hidden": 5, "steps": 3}
HEX = "0123456789abcdef" * 4

compiler = pytest.mark.skipif(not shutil.which("cc"), reason="no C compiler here; install gcc or clang")


def random_model(**options: Any) -> MedNCA:
    model = build("med-nca-16", **(OPTIONS | options))
    assert isinstance(model, MedNCA)
    generator = torch.Generator().manual_seed(0)
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.copy_(torch.randn(parameter.shape, generator=generator) * 0.3)
    return model.eval()


@pytest.fixture
def weights(tmp_path: Path) -> Path:
    path = tmp_path / "mine.safetensors"
    path.write_bytes(to_bytes(random_model(), metadata={}))
    return path


def run(folder: Path, *words: str) -> subprocess.CompletedProcess[str]:
    """As on the device: no site packages, no environment."""
    program = [sys.executable, "-I", "-S", str(folder / "run.py"), *words]
    return subprocess.run(program, capture_output=True, text=True, check=False, cwd=folder.parent)


class TestPlainPython:
    @pytest.mark.parametrize("rate", [0.5, 0.1, 1.0])
    def test_fire_masks_are_the_benchmark_s_bit_for_bit(self, rate):
        key = FireKey(seed=2**64 - 1, case=HEX, slice=17)
        for level in (0, 1):
            stream = fire.inference_stream(key, level=level)
            assert fire_masks.stream(key.seed, HEX, 17, level) == stream
            bits = fire.draw([stream], steps=3, height=5, width=11, limit=fire.threshold(rate))
            for step in range(3):
                cells = fire_masks.fired(stream, step, 5, 11, fire.threshold(rate))
                flat = [row * 11 + column for row, column in cells]
                assert flat == fire.fired(bits[:, step], width=11).tolist()

    @pytest.mark.parametrize(
        ("size", "options"),
        [
            ((16, 20), {}),
            ((9, 11), {}),  # extended to multiples of 4
            ((21, 16), {"kernel_size": 5, "scale": 2, "fire_rate": 0.3}),
            ((8, 8), {"scale": 1}),
        ],
    )
    def test_logits_are_pytorch_s(self, tmp_path, size, options):
        model = random_model(**options)
        files = bundle._model_files("m", model, "0" * 64, None)
        about = json.loads(files["model.json"])
        flat = np.frombuffer(files["weights.f32"], dtype="<f4")
        tensors = {e["name"]: flat[e["start"] : e["start"] + e["count"]].tolist() for e in about["tensors"]}
        image = np.random.default_rng(3).random((1, 1, *size), dtype=np.float32)
        with torch.inference_mode():
            expected = model(torch.from_numpy(image), keys=[FireKey(seed=5, case=HEX, slice=2)]).numpy()[0]
        found = nca.MedNCA(about["shape"], tensors).segment(image[0].tolist(), 5, HEX, 2)
        np.testing.assert_allclose(found, expected, atol=1e-4, rtol=1e-4)
        assert np.ptp(expected) > 0.1
        assert nca.macs(*size, about["shape"]) == model.macs(*size)

    def test_sums_are_the_same_with_and_without_sumprod(self):
        rng = np.random.default_rng(0)
        a, b = rng.random(50).tolist(), rng.random(50).tolist()
        assert nca.dot(a, b) == pytest.approx(nca._products(a, b), rel=1e-12)


class TestOnTheDevice:
    def test_the_bundle_checks_itself_times_and_comes_back(self, weights, tmp_path):
        write_bundle([weights], tmp_path / "bundle")
        done = run(
            tmp_path / "bundle", "--side", "8", "--side", "12", "--seconds", "0", "--out", str(tmp_path / "r.json")
        )
        assert done.returncode == 0, done.stderr
        assert "mine, c: the bundle has no C source" in done.stderr  # said, and no failure
        rows = read_results(tmp_path / "r.json")
        assert [row["size"] for row in rows] == [[8, 8], [12, 12]]
        assert rows[0]["engine"] == "Python" and rows[0]["rounds"] >= 3
        assert rows[0]["macs"] == random_model().macs(8, 8)
        assert rows[0]["parameters"] == sum(each.numel() for each in random_model().parameters())

    def test_a_wrong_answer_is_not_timed(self, weights, tmp_path):
        write_bundle([weights], tmp_path / "bundle")
        path = tmp_path / "bundle" / "models" / "mine" / "golden-logits.f32"
        values = np.fromfile(path, dtype="<f4")
        values[0] += 0.01
        values.tofile(path)
        done = run(tmp_path / "bundle", "--runner", "python", "--side", "8", "--out", str(tmp_path / "r.json"))
        assert done.returncode == 1 and "wrong answer: logits differ by up to" in done.stderr
        assert not (tmp_path / "r.json").exists()

    def test_damaged_weights_are_refused(self, weights, tmp_path):
        write_bundle([weights], tmp_path / "bundle")
        path = tmp_path / "bundle" / "models" / "mine" / "weights.f32"
        path.write_bytes(path.read_bytes()[:-4])
        done = run(tmp_path / "bundle")
        assert done.returncode == 1 and "damaged; copy the bundle again" in done.stderr
        assert "Traceback" not in done.stderr

    def test_what_takes_too_long_is_left_out(self, weights, tmp_path):
        write_bundle([weights], tmp_path / "bundle")
        words = ("--runner", "python", "--side", "8", "--side", "16", "--seconds", "0", "--limit", "0")
        done = run(tmp_path / "bundle", *words, "--out", str(tmp_path / "r.json"))
        assert "sides from 16 would take over 0 s and are left out" in done.stderr
        assert [row["size"] for row in read_results(tmp_path / "r.json")] == [[8, 8]]

    @compiler
    @pytest.mark.parametrize("right", [True, False])
    def test_c_source_is_compiled_checked_and_timed(self, weights, tmp_path, right):
        write_bundle([weights], tmp_path / "bundle", c_files=lambda model: knows_the_answer(model, right=right))
        words = ("--runner", "c", "--side", "16", "--seconds", "0", "--out", str(tmp_path / "r.json"))
        done = run(tmp_path / "bundle", *words)
        assert done.returncode == (0 if right else 1), done.stderr
        if right:
            (row,) = read_results(tmp_path / "r.json")
            assert row["engine"] == "C" and FLAGS[0] in row["compiler"] and row["rounds"] >= 3
        else:
            assert "wrong answer" in done.stderr

    @compiler
    def test_the_exported_source_answers_right(self, weights, tmp_path):
        source = pytest.importorskip("mednca_bench.models.export.c_source", reason="no C export in this version")
        write_bundle([weights], tmp_path / "bundle", c_files=source.c_files)
        words = ("--runner", "c", "--side", "16", "--seconds", "0", "--out", str(tmp_path / "r.json"))
        done = run(tmp_path / "bundle", *words)
        assert done.returncode == 0, done.stderr

    def test_old_pythons_understand_it(self):
        for path in Path(device.__file__).parent.glob("*.py"):
            ast.parse(path.read_text(), feature_version=(3, 8))
            assert "from __future__ import annotations" in path.read_text() or path.name == "__init__.py"


def knows_the_answer(model: MedNCA, *, right: bool) -> dict[str, str]:
    """A C program in the exported one's form that answers everything with the golden logits, or one less."""
    logits = golden(model)[1].ravel() - (0 if right else 1)
    header = """
#include <stddef.h>
#include <stdint.h>
#define TINY_IMAGE 1
#define TINY_OUTPUTS 1
#define TINY_CHANNELS 6
#define TINY_HIDDEN 5
#define TINY_KERNEL 3
#define TINY_STEPS 3
#define TINY_SCALE 4
#define TINY_MINIMUM 8
typedef enum { TINY_OK = 0 } tiny_status;
typedef struct { uint64_t seed; uint32_t case_id[2]; uint32_t slice; } tiny_key;
size_t tiny_arena_size(long height, long width);
tiny_status tiny_segment(const float *, long, long, const tiny_key *, float *, void *, size_t);
"""
    body = """
#include "tiny.h"
static const float known[] = { KNOWN };
size_t tiny_arena_size(long height, long width) { return (size_t)(height * width); }
tiny_status tiny_segment(const float *image, long height, long width, const tiny_key *key, float *logits, void *arena,
                         size_t n)
{
    (void)image; (void)arena; (void)n; (void)key;
    for (long i = 0; i < height * width; i++) logits[i] = i < (long)(sizeof known / sizeof *known) ? known[i] : 0;
    return TINY_OK;
}
"""
    numbers = ", ".join(f"{value:.9e}f" for value in logits)
    return {
        "tiny.h": header,
        "tiny.c": body.replace("KNOWN", numbers),
        "tiny_main.c": "not for the bundle",
        "README.md": "nor this",
    }


class TestRefusals:
    def test_an_untrained_model_checks_nothing(self, tmp_path):
        path = tmp_path / "fresh.safetensors"
        path.write_bytes(to_bytes(build("med-nca-16", steps=2), metadata={}))
        with pytest.raises(BenchError, match=r"answers every image with 0\.0; bundle trained weights"):
            write_bundle([path], tmp_path / "bundle")

    def test_other_models(self, tmp_path):
        path = tmp_path / "other.safetensors"
        path.write_bytes(to_bytes(build("unet-small"), metadata={}))
        with pytest.raises(BenchError, match="holds weights of unet-small; a device bundle runs Med-NCA only"):
            write_bundle([path], tmp_path / "bundle")

    def test_a_folder_in_use_and_one_name_twice(self, weights, tmp_path):
        with pytest.raises(BenchError, match="two weights files are called 'mine'"):
            write_bundle([weights, weights], tmp_path / "bundle")
        write_bundle([weights], tmp_path / "bundle")
        with pytest.raises(BenchError, match="is not an empty folder"):
            write_bundle([weights], tmp_path / "bundle")

    def test_errors_of_an_answer(self):
        assert largest_error([1.0, -20.0], [1.5, -10.0]) == pytest.approx(1.0)  # relative above 1
        assert largest_error([float("nan")], [0.0]) == float("inf")
        with pytest.raises(Wrong, match="gave 1 logits where 2"):
            largest_error([0.0], [0.0, 0.0])
