"""ONNX graphs in onnxruntime against PyTorch, on odd and even sizes."""

import json

import numpy as np
import onnx
import onnxruntime
import pytest
import torch

from mednca_bench.models import build, weights
from mednca_bench.models.base import Segmenter
from mednca_bench.models.contract import awakened, example
from mednca_bench.models.export.onnx_graph import onnx_bytes, onnx_inputs

KINDS = {
    "med-nca": {"steps": 4},
    "med-nca-16": {
        "channels": 9, "hidden": 7, "kernel_size": 5, "scale": 3, "steps": 3, "fire_rate": 0.9,
        "in_channels": 2, "out_channels": 3,
    },
    "unet-small": {},
    "segresnet": {"in_channels": 2, "out_channels": 2},
    "unet": {},
}  # fmt: skip
SIZES = [(8, 8), (9, 13), (24, 40), (31, 70)]


def session(data: bytes) -> onnxruntime.InferenceSession:
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    options.log_severity_level = 2  # warnings, of which there must be none
    return onnxruntime.InferenceSession(data, options, providers=["CPUExecutionProvider"])


def assert_agrees(model: Segmenter, data: bytes, sizes: list[tuple[int, int]]) -> None:
    run = session(data)
    for height, width in sizes:
        image, keys = example(model, batch=2, height=height, width=width)
        with torch.no_grad():
            expected = model(image, keys=keys).numpy()
        (logits,) = run.run(["logits"], onnx_inputs(model, image, keys))
        assert logits.shape == expected.shape
        assert np.all(np.abs(logits - expected) <= 1e-4 * np.maximum(1, np.abs(expected)))


@pytest.mark.parametrize("name", KINDS)
def test_agrees_with_pytorch(name: str) -> None:
    model = awakened(build(name, **KINDS[name]))
    data = onnx_bytes(model)
    assert_agrees(model, data, SIZES if name != "unet" else SIZES[1:2])
    words = {entry.key: entry.value for entry in onnx.load_from_string(data).metadata_props}
    assert json.loads(words["mednca_bench"])["weights"] == weights.digest(model)


def test_unrolled_steps_are_the_same() -> None:
    model = awakened(build("med-nca-16", steps=3))
    loop, unrolled = onnx_bytes(model), onnx_bytes(model, unrolled=True)
    assert_agrees(model, unrolled, SIZES)
    operations = [[node.op_type for node in onnx.load_from_string(data).graph.node] for data in (loop, unrolled)]
    assert operations[0].count("Loop") == 2 and operations[1].count("Loop") == 0
    assert operations[1].count("Relu") == 2 * 3
