"""An exported ONNX graph ready to run on the CPU, for timing it beside the other engines.

session = onnx_session(path, threads=1)
logits = onnx_segment(session, onnx_inputs(model, image, keys))      # models.export.onnx_graph.onnx_inputs
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .errors import BenchError


def onnx_session(path: Path, *, threads: int = 1) -> Any:
    """Load a graph into onnxruntime.

    Args:
        path: written by `mednca-bench export --format onnx`.
        threads: within one operation.

    Returns:
        An `onnxruntime.InferenceSession`.

    Raises:
        BenchError: onnxruntime is not installed, or cannot load the file.
    """
    try:
        import onnxruntime
    except ModuleNotFoundError as error:
        raise BenchError(f"{error.name} is not installed; pip install 'mednca-bench[onnx]'") from error
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    options.inter_op_num_threads = 1
    try:
        return onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
    except Exception as error:  # onnxruntime's own classes, which derive from Exception alone
        raise BenchError(f"{path}: onnxruntime cannot load it ({' '.join(str(error).split())})") from error


def onnx_segment(session: Any, inputs: Mapping[str, NDArray[Any]]) -> NDArray[np.float32]:
    """Run one batch; (B, K, H, W) logits."""
    logits: NDArray[np.float32] = session.run(["logits"], dict(inputs))[0]
    return logits
