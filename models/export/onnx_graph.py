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
from typing import Any

import numpy as np
import onnx
import torch
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper
from torch import Tensor, nn

from .. import fire, weights
from ..base import FireKey, Segmenter
from ..med_nca import COARSE, FINE, MedNCA
from ..nca_rule import Rule
from .c_weights import rules

OPSET, IR_VERSION = 17, 8  # of 2022: onnxruntime 1.12 and later read them
FREE = {0: "batch", 2: "height", 3: "width"}
FIRE_INPUTS = ("fire_coarse", "fire_fine")
METADATA = "mednca_bench"


def onnx_bytes(model: Segmenter, *, unrolled: bool = False) -> bytes:
    """Write a model as an ONNX file.

    Args:
        model: in evaluation mode, on the CPU.
        unrolled: write every step of an NCA out instead of looping; see docs/on-device.md for what that costs.
    """
    graph = _nca(model, unrolled=unrolled) if isinstance(model, MedNCA) else _traced(model)
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
        return torch.arange(int(count) if not torch.jit.is_tracing() else count).clamp(max=side - 1)


def _traced(model: Segmenter) -> onnx.ModelProto:
    """Trace by the exporter that needs no package beside onnx; it warns that it is the older one, and of constants."""
    file = io.BytesIO()
    example = torch.zeros(1, model.in_channels, model.minimum + 8, model.minimum + 24)
    with warnings.catch_warnings(), torch.no_grad():
        warnings.simplefilter("ignore")
        torch.onnx.export(
            _Padded(model).eval(),
            (example,),
            file,
            dynamo=False,
            input_names=["image"],
            output_names=["logits"],
            dynamic_axes={"image": FREE, "logits": FREE},
            opset_version=OPSET,
        )
    return onnx.load_from_string(file.getvalue())


class _Graph:
    """Nodes and constants of a graph under construction; names count up, so that none is used twice."""

    def __init__(self, prefix: str = "") -> None:
        self.prefix = prefix
        self.nodes: list[onnx.NodeProto] = []
        self.constants: list[TensorProto] = []

    def constant(self, name: str, value: NDArray[Any]) -> str:
        self.constants.append(numpy_helper.from_array(np.asarray(value, order="C"), name))
        return name

    def node(self, operation: str, *inputs: str, output: str | None = None, **attributes: Any) -> str:
        output = output or f"{self.prefix}{operation.lower()}_{len(self.nodes)}"
        self.nodes.append(helper.make_node(operation, list(inputs), [output], **attributes))
        return output


def _nca(model: MedNCA, *, unrolled: bool) -> onnx.ModelProto:
    """Write both levels."""
    graph = _Graph()
    one = graph.constant("one", np.array([1], np.int64))
    large = graph.node("Shape", FIRE_INPUTS[FINE], start=2, end=4)
    size = graph.node("Shape", "image", start=2, end=4)
    nothing = graph.constant("no_pixels", np.zeros(6, np.int64))
    image = graph.node(
        "Pad", "image", graph.node("Concat", nothing, graph.node("Sub", large, size), axis=0), mode="edge"
    )
    leading = graph.node("Shape", "image", end=2)
    small = graph.node("Shape", FIRE_INPUTS[COARSE], start=2, end=4)
    small_size = graph.node("Concat", leading, small, axis=0)
    state = graph.node("Resize", image, "", "", small_size, mode="linear", coordinate_transformation_mode="half_pixel")
    rest = model.rule_shape.channels - model.in_channels
    tail = graph.constant("hidden_channels", np.array([0, 0, 0, 0, 0, rest, 0, 0], np.int64))
    state = graph.node("Pad", state, tail)
    state = _level(graph, model, COARSE, state, unrolled=unrolled)
    repeat = graph.constant("repeat", np.array([1, 1, model.scale, model.scale], np.float32))
    near = {"coordinate_transformation_mode": "asymmetric", "nearest_mode": "floor"}
    state = graph.node("Resize", state, "", repeat, mode="nearest", **near)
    first = graph.constant("image_channels", np.array([model.in_channels], np.int64))
    last = graph.constant("all_channels", np.array([model.rule_shape.channels], np.int64))
    state = graph.node("Concat", image, graph.node("Slice", state, first, last, one), axis=1)
    state = _level(graph, model, FINE, state, unrolled=unrolled)
    starts = graph.constant("crop_from", np.array([model.in_channels, 0, 0], np.int64))
    outputs = graph.constant("output_end", np.array([model.in_channels + model.out_channels], np.int64))
    ends = graph.node("Concat", outputs, size, axis=0)
    axes = graph.constant("crop_axes", np.array([1, 2, 3], np.int64))
    graph.node("Slice", state, starts, ends, axes, output="logits")
    sides = {"fire_coarse": ("coarse_height", "coarse_width"), "fire_fine": ("padded_height", "padded_width")}
    free = ["batch", "height", "width"]
    float32, boolean = TensorProto.FLOAT, TensorProto.BOOL
    inputs = [helper.make_tensor_value_info("image", float32, [free[0], model.in_channels, *free[1:]])]
    inputs += [helper.make_tensor_value_info(name, boolean, [free[0], model.steps, *sides[name]]) for name in sides]
    logits = helper.make_tensor_value_info("logits", float32, [free[0], model.out_channels, *free[1:]])
    whole = helper.make_graph(graph.nodes, "med_nca", inputs, [logits], graph.constants)
    made = helper.make_model(whole, opset_imports=[helper.make_opsetid("", OPSET)], ir_version=IR_VERSION)
    onnx.checker.check_model(made)
    return made


def _level(graph: _Graph, model: MedNCA, level: int, state: str, *, unrolled: bool) -> str:
    """Add all steps of one level."""
    shape = model.rule_shape
    _rule_constants(graph, rules(model)[level], level)
    if unrolled:
        for step in range(model.steps):
            number = graph.constant(f"step_{level}_{step}", np.array(step, np.int64))
            state = _step(graph, level, state, number)
        return state
    body = _Graph(f"level_{level}_")
    body.node("Identity", "going_on", output="go_on")
    after = _step(body, level, "before", "step")
    value = helper.make_tensor_value_info
    cells = ["batch", shape.channels, "rows", "columns"]
    inside = helper.make_graph(
        body.nodes,
        f"step_of_level_{level}",
        [value("step", TensorProto.INT64, []), value("going_on", TensorProto.BOOL, []),
         value("before", TensorProto.FLOAT, cells)],
        [value("go_on", TensorProto.BOOL, []), value(after, TensorProto.FLOAT, cells)],
    )  # fmt: skip
    steps = graph.constant(f"steps_{level}", np.array(model.steps, np.int64))
    return graph.node("Loop", steps, "", state, body=inside)


def _rule_constants(graph: _Graph, rule: Rule, level: int) -> None:
    """Add the parameters of one level as kernels of convolutions; the image channels get no update."""
    reach, second = rule.shape.reach, rule.fc1.weight.detach().clone()
    second[: rule.shape.image] = 0.0
    biases = [bias for bias in (rule.p0.bias, rule.p1.bias) if bias is not None]
    for name, value in {
        "look": torch.cat((rule.p0.weight, rule.p1.weight)),
        "look_bias": torch.cat(biases),
        "first": rule.fc0.weight[..., None, None],
        "first_bias": rule.fc0.bias,
        "second": second[..., None, None],
    }.items():
        graph.constant(f"{name}_{level}", value.detach().numpy())
    graph.constant(f"reach_{level}", np.array([0, 0, reach, reach] * 2, np.int64))
    graph.constant(f"channel_{level}", np.array([1], np.int64))


def _step(graph: _Graph, level: int, state: str, step: str) -> str:
    """Add one step of one level."""
    near = graph.node("Pad", state, f"reach_{level}", mode="reflect")
    seen = graph.node("Conv", near, f"look_{level}", f"look_bias_{level}")
    perception = graph.node("Concat", state, seen, axis=1)
    hidden = graph.node("Relu", graph.node("Conv", perception, f"first_{level}", f"first_bias_{level}"))
    update = graph.node("Conv", hidden, f"second_{level}")
    fires = graph.node("Unsqueeze", graph.node("Gather", FIRE_INPUTS[level], step, axis=1), f"channel_{level}")
    masked = graph.node("Mul", update, graph.node("Cast", fires, to=TensorProto.FLOAT))
    return graph.node("Add", state, masked)
