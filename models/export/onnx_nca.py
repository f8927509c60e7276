"""Med-NCA as an ONNX graph, node by node: both levels, padding and cropping, all cells at every step."""

from typing import Any

import numpy as np
import onnx
import torch
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper

from ..med_nca import COARSE, FINE, MedNCA
from ..nca_rule import Rule
from .c_weights import rules

OPSET, IR_VERSION = 17, 8  # of 2022: onnxruntime 1.12 and later read them
FIRE_INPUTS = ("fire_coarse", "fire_fine")


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


def nca_graph(model: MedNCA, *, unrolled: bool) -> onnx.ModelProto:
    """Write both levels; `unrolled` writes every step out instead of looping."""
    graph = _Graph()
    size = graph.node("Shape", "image", start=2, end=4)
    image = _padded(graph, size)
    state = _level(graph, model, COARSE, _start(graph, model, image), unrolled=unrolled)
    state = _level(graph, model, FINE, _handed_over(graph, model, image, state), unrolled=unrolled)
    outputs = graph.constant("output_end", np.array([model.in_channels + model.out_channels], np.int64))
    starts = graph.constant("crop_from", np.array([model.in_channels, 0, 0], np.int64))
    axes = graph.constant("crop_axes", np.array([1, 2, 3], np.int64))
    graph.node("Slice", state, starts, graph.node("Concat", outputs, size, axis=0), axes, output="logits")
    return _whole(graph, model)


def _padded(graph: _Graph, size: str) -> str:
    """Extend the image to the size of the fine masks by its edge values."""
    large = graph.node("Shape", FIRE_INPUTS[FINE], start=2, end=4)
    nothing = graph.constant("no_pixels", np.zeros(6, np.int64))
    pads = graph.node("Concat", nothing, graph.node("Sub", large, size), axis=0)
    return graph.node("Pad", "image", pads, mode="edge")


def _start(graph: _Graph, model: MedNCA, image: str) -> str:
    """Make the coarse level's first state: the image downscaled to the size of its masks, in front of zeros."""
    small = graph.node("Shape", FIRE_INPUTS[COARSE], start=2, end=4)
    size = graph.node("Concat", graph.node("Shape", "image", end=2), small, axis=0)
    state = graph.node("Resize", image, "", "", size, mode="linear", coordinate_transformation_mode="half_pixel")
    rest = model.rule_shape.channels - model.in_channels
    return graph.node("Pad", state, graph.constant("hidden_channels", np.array([0, 0, 0, 0, 0, rest, 0, 0], np.int64)))


def _handed_over(graph: _Graph, model: MedNCA, image: str, state: str) -> str:
    """Make the fine level's first state: the coarse one repeated, with the image in front."""
    repeat = graph.constant("repeat", np.array([1, 1, model.scale, model.scale], np.float32))
    near = {"coordinate_transformation_mode": "asymmetric", "nearest_mode": "floor"}
    state = graph.node("Resize", state, "", repeat, mode="nearest", **near)
    first = graph.constant("image_channels", np.array([model.in_channels], np.int64))
    last = graph.constant("all_channels", np.array([model.rule_shape.channels], np.int64))
    channels = graph.constant("channel_axis", np.array([1], np.int64))
    return graph.node("Concat", image, graph.node("Slice", state, first, last, channels), axis=1)


def _whole(graph: _Graph, model: MedNCA) -> onnx.ModelProto:
    """Declare inputs and outputs."""
    tensor, size = helper.make_tensor_value_info, ["height", "width"]
    masks = {"fire_coarse": ["coarse_height", "coarse_width"], "fire_fine": ["padded_height", "padded_width"]}
    inputs = [tensor("image", TensorProto.FLOAT, ["batch", model.in_channels, *size])]
    inputs += [tensor(name, TensorProto.BOOL, ["batch", model.steps, *sides]) for name, sides in masks.items()]
    logits = tensor("logits", TensorProto.FLOAT, ["batch", model.out_channels, *size])
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
