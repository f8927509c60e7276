"""Models answered by ONNX Runtime and by compiled C: the logits of PyTorch, and what cannot be had is said."""

import json

import pytest
import torch

from mednca_bench.benchmark.errors import BenchError, UsageProblem
from mednca_bench.benchmark.other_engines import TITLES, exported, known_engine
from mednca_bench.benchmark.timing import TimingRequest, measure_efficiency
from mednca_bench.benchmark.timing_work import facts
from mednca_bench.models import build
from mednca_bench.models.base import FireKey
from mednca_bench.models.contract import awakened
from tests.models.export.c_library import CASE, compiler

OTHERS = [name for name in TITLES if name != "pytorch"]


def needs(engine: str) -> None:
    if engine == "c":
        compiler()
    else:
        pytest.importorskip("onnxruntime")


@pytest.mark.parametrize("engine", OTHERS)
def test_logits_are_those_of_pytorch(engine):
    needs(engine)
    model = awakened(build("med-nca-16", steps=4)).eval()
    images = torch.rand(2, 1, 21, 16, generator=torch.Generator().manual_seed(0))
    keys = [FireKey(seed=3, case=CASE, slice=index) for index in range(2)]
    with torch.inference_mode():
        expected = model(images, keys=keys)
        found = exported(model, engine, threads=1)(images, keys=keys)
    torch.testing.assert_close(found, expected, atol=1e-4, rtol=1e-4)
    assert expected.std() > 0


def test_c_takes_no_unet():
    compiler()
    with pytest.raises(BenchError, match="Med-NCA only, not for unet-small"):
        exported(build("unet-small").eval(), "c", threads=1)


def test_no_compiler_is_said(monkeypatch):
    monkeypatch.setattr("shutil.which", lambda name: None)
    with pytest.raises(BenchError, match="no C compiler found"):
        exported(build("med-nca-16", steps=1).eval(), "c", threads=1)


def test_an_unknown_engine_is_refused_with_the_nearest():
    with pytest.raises(UsageProblem, match="onnx"):
        known_engine("onx")


def test_a_row_of_c_names_its_compiler_and_has_no_memory(tmp_path):
    compiler()
    request = TimingRequest(
        model="med-nca-16", options={"steps": 1}, size=(16, 16), slices=1, threads=1, out=tmp_path, engine="c",
        sweep=True,
    )  # fmt: skip
    summary = measure_efficiency(request)
    assert summary["engine"] == "C99" and "-O3" in summary["engine_version"]
    assert summary["parameters"] == 25_920 and summary["latency_slice_ms_median"] > 0
    assert "peak_memory_mb" not in summary and "cold_total_s" not in summary
    assert json.loads((tmp_path / "med-nca-16-c-16x16-t1.json").read_text()) == summary


def test_facts_of_pytorch_name_its_version():
    request = TimingRequest(model="med-nca-16", size=(16, 16), slices=1, threads=1, out=None)
    assert facts(build("med-nca-16"), request.workload())["engine_version"] == f"torch {torch.__version__}"
