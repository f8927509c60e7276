"""Loading an exported graph for timing."""

from pathlib import Path

import numpy as np
import pytest
import torch

from mednca_bench.benchmark.errors import BenchError
from mednca_bench.benchmark.onnx_session import onnx_segment, onnx_session
from mednca_bench.models import build
from mednca_bench.models.contract import awakened, example
from mednca_bench.models.export.onnx_graph import onnx_bytes, onnx_inputs


def test_a_graph_answers_as_its_model(tmp_path: Path) -> None:
    model = awakened(build("med-nca-16", channels=4, hidden=3, steps=2))
    (tmp_path / "net.onnx").write_bytes(onnx_bytes(model))
    image, keys = example(model, batch=2, height=9, width=12)
    logits = onnx_segment(onnx_session(tmp_path / "net.onnx", threads=1), onnx_inputs(model, image, keys))
    with torch.no_grad():
        np.testing.assert_allclose(logits, model(image, keys=keys).numpy(), atol=1e-4, rtol=1e-4)


def test_a_file_that_is_no_graph(tmp_path: Path) -> None:
    (tmp_path / "net.onnx").write_bytes(b"nothing")
    with pytest.raises(BenchError, match=r"net\.onnx: onnxruntime cannot load it"):
        onnx_session(tmp_path / "net.onnx")
