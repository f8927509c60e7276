"""Models as ONNX graphs with free batch, height and width: Med-NCA written node by node, networks traced by PyTorch.

Input `image` (B, C, H, W) float32 in [0, 1], output `logits` (B, K, H, W). Images are extended at the bottom and right
within the graph. Med-NCA has two inputs more, its fire masks: `fire_coarse` (B, steps, h, w) and `fire_fine`
(B, steps, H', W') booleans, where H' and W' are the padded sides and h and w those of the coarse level;
`onnx_inputs` makes them. All cells are computed at every step, as ONNX has no cheap way to skip some.
"""

import io
import json
import warnings
from collections.abc import Sequence
from typing import Any, cast

import numpy as np
import onnx
import torch
from numpy.typing import NDArray
from onnx import helper
from torch import Tensor, nn

from .. import fire, weights
from ..base import FireKey, Segmenter
from ..med_nca import COARSE, FINE, MedNCA
from .onnx_nca import FIRE_INPUTS, OPSET, nca_graph

FREE = {0: "batch", 2: "height", 3: "width"}
METADATA = "mednca_bench"


def onnx_bytes(model: Segmenter, *, unrolled: bool = False) -> bytes:
    """Write a model as an ONNX file.

    Args:
        model: in evaluation mode, on the CPU.
        unrolled: write every step of an NCA out instead of looping; see docs/on-device.md for what that costs.
    """
    graph = nca_graph(model, unrolled=unrolled) if isinstance(model, MedNCA) else _traced(model)
    words = {"model": model.name, "options": model.options, "weights": weights.digest(model)}
    helper.set_model_props(graph, {METADATA: json.dumps(words, sort_keys=True)})
    data: bytes = graph.SerializeToString()
    return data


def onnx_inputs(model: Segmenter, image: Tensor, keys: Sequence[FireKey] = ()) -> dict[str, NDArray[Any]]:
    """Make the inputs of a session: the image and, for Med-NCA, the fire masks of one key per image."""
    inputs: dict[str, NDArray[Any]] = {"image": image.numpy()}
    if not isinstance(model, MedNCA):
        return inputs
    sides = [model.padded_side(side) for side in image.shape[-2:]]
    for level, name in ((COARSE, FIRE_INPUTS[COARSE]), (FINE, FIRE_INPUTS[FINE])):
        height, width = (side // model.scale if level == COARSE else side for side in sides)
        streams = [fire.inference_stream(key, level=level) for key in keys]
        bits = fire.draw(streams, steps=model.steps, height=height, width=width, limit=model.limit)
        inputs[name] = np.unpackbits(bits, axis=-1, count=width, bitorder="little").view(np.bool_)
    return inputs


class _Padded(nn.Module):
    """A network with the padding and cropping of `Segmenter.forward`, written so that a trace keeps H and W free."""

    def __init__(self, model: Segmenter) -> None:
        super().__init__()
        self.model = model

    def forward(self, image: Tensor) -> Tensor:
        height, width = image.shape[2:]
        image = image[:, :, self._lines(height)][..., self._lines(width)]
        return self.model.segment(image, keys=())[..., :height, :width]

    def _lines(self, side: int) -> Tensor:
        least = torch.clamp(torch.as_tensor(side), min=self.model.minimum)
        count = -torch.div(-least, self.model.multiple, rounding_mode="floor") * self.model.multiple
        return torch.arange(cast(int, count)).clamp(max=side - 1)  # a tensor, so that the trace does not fix it


def _traced(model: Segmenter) -> onnx.ModelProto:
    """Trace by the exporter that needs no package beside onnx; it warns that it is the older one, and of constants."""
    file = io.BytesIO()
    example = torch.zeros(1, model.in_channels, model.minimum + 8, model.minimum + 24)
    with warnings.catch_warnings(), torch.no_grad():
        warnings.simplefilter("ignore")
        torch.onnx.export(
            _Padded(model).eval(),
            (example,),
            cast(Any, file),  # the older exporter writes into memory too, which its annotation forgets
            dynamo=False,
            input_names=["image"],
            output_names=["logits"],
            dynamic_axes={"image": FREE, "logits": FREE},
            opset_version=OPSET,
        )
    return onnx.load_from_string(file.getvalue())
