"""TensorFlow.js graph models as ONNX with kernels of 16 or 8 bits: by numpy and onnx alone, without TensorFlow.

Feature maps lie as ONNX's operators want them, [N,C,H,W], and TensorFlow's order of axes is carried beside them: so its
transpositions cost nothing, and all maps that come out are [N,C,H,W]. A graph may be cut at any node, so that heads can
be decoded outside and pictures may have any size.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Any

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from operators.training.tfjs import attribute, in_order, read

_NHWC = (0, 2, 3, 1)  # TensorFlow's axes as ONNX's: batch, height, width, channels
_MANY = 16  # inputs of a channel
_ELEMENTWISE = {
    "Add": np.add, "AddV2": np.add, "BiasAdd": np.add, "Sub": np.subtract, "Mul": np.multiply,
}  # fmt: skip
_ONNX_NAMES = {"AddV2": "Add", "BiasAdd": "Add", "MaxPool": "MaxPool"}


@dataclass(frozen=True)
class _Map:
    """A tensor of the ONNX graph: its shape in TensorFlow's order, whose axis i is ONNX's axis `axes[i]`."""

    name: str
    shape: tuple[int, ...]
    axes: tuple[int, ...]


_Value = Any  # a _Map, or an array: what does not depend on the picture is known while converting


def convert(
    file: Path,
    picture: tuple[str, tuple[int, ...]],
    outputs: Mapping[str, str],
    free: str = "",
    kept: Mapping[str, Sequence[int]] = MappingProxyType({}),
    kernels: type[np.float16 | np.int8] = np.float16,
) -> onnx.ModelProto:
    """The part of a TFJS `model.json` from one node to others, as a model of one input, `image` float32 [N,3,H,W].

    picture  the node that stands for the picture, and its shape [N,H,W,3] or [N,3,H,W] at a usual size
    outputs  name in the result by node (`name:1` for a second output)
    free     those of N, H and W that may differ from `picture`'s; sides stay multiples of the network's stride
    kept     by name of a weight, which of its last axis stay: of a head, the classes that somebody asks for
    kernels  float16, or int8: whole steps of a scale for each channel that comes out. Either is made float32 at loading
    Raises NotImplementedError for an operation that none of Recast's models has.
    """
    nodes, weights = read(file)
    weights |= {name: weights[name][..., list(channels)] for name, channels in kept.items()}
    graph = _Graph(nodes, weights, kernels)
    name, shape = picture
    axes = _NHWC if shape[3] == 3 else (0, 1, 2, 3)
    graph.values[name] = [_Map("image", shape, axes)]
    for inner in in_order(nodes, name, outputs):
        graph.values[inner] = graph.convert(nodes[inner])
    for node, output in outputs.items():
        found = graph.value(node)
        assert isinstance(found, _Map), f"{node} does not depend on the picture"
        graph.nodes.append(helper.make_node("Identity", [found.name], [output]))
    sizes = dict(zip("N3HW", (shape[axes.index(k)] for k in range(4)), strict=True))
    dimensions = [axis if axis in free else size for axis, size in sizes.items()]
    inputs = [helper.make_tensor_value_info("image", TensorProto.FLOAT, dimensions)]
    results = [helper.make_tensor_value_info(output, TensorProto.FLOAT, None) for output in outputs.values()]
    whole = helper.make_graph(graph.nodes, file.stem, inputs, results, graph.constants)
    model = helper.make_model(
        whole, opset_imports=[helper.make_opsetid("", 17)], ir_version=8, producer_name="recast"
    )
    model = onnx.shape_inference.infer_shapes(model)
    onnx.checker.check_model(model)
    return model


class _Graph:
    """The ONNX graph as it grows."""

    def __init__(
        self,
        nodes: Mapping[str, Any],
        weights: Mapping[str, np.ndarray],
        kernels: type[np.float16 | np.int8],
    ) -> None:
        self.source, self.weights, self.kernels = nodes, weights, kernels
        self.values: dict[str, list[_Value]] = {}
        self.nodes: list[onnx.NodeProto] = []
        self.constants: list[onnx.TensorProto] = []

    def value(self, reference: str) -> _Value:
        """What `name` or `name:1` of TensorFlow's graph has become."""
        name, _, number = reference.partition(":")
        return self.values[name][int(number or 0)]

    def add(self, kind: str, inputs: list[str], count: int = 1, **attributes: Any) -> list[str]:
        """Append a node; the names of its outputs."""
        outputs = [f"v{len(self.nodes)}_{number}" for number in range(count)]
        self.nodes.append(helper.make_node(kind, inputs, outputs, **attributes))
        return outputs

    def constant(self, values: np.ndarray) -> str:
        """A constant in the precision that it has. One of 16 or 8 bits is made float32 when the file is loaded."""
        name = f"c{len(self.constants)}"
        self.constants.append(numpy_helper.from_array(np.ascontiguousarray(values), name))
        if values.dtype in (np.float16, np.int8):
            (name,) = self.add("Cast", [name], to=TensorProto.FLOAT)
        return name

    def kernel(self, values: np.ndarray) -> str:
        """Weights float32 [O,I,…] of O channels that come out. Of few inputs a scale would take as much as it saves."""
        if self.kernels is np.float16 or values[0].size < _MANY:
            return self.constant(values.astype(np.float16))
        step = np.abs(values).max(axis=tuple(range(1, values.ndim)), keepdims=True) / np.iinfo(np.int8).max
        step = np.where(step > 0, step, 1).astype(np.float32)
        whole = self.constant(np.round(values / step).astype(np.int8))
        return self.add("Mul", [whole, self.constant(step)])[0]

    def laid(self, value: _Value, axes: tuple[int, ...]) -> str:
        """The name of a tensor with TensorFlow's axis i at `axes[i]`."""
        if isinstance(value, np.ndarray):
            return self.constant(value.astype(np.float32).transpose(np.argsort(axes)))
        if value.axes == axes:
            return value.name
        order = [value.axes[axes.index(place)] for place in range(len(axes))]
        return self.add("Transpose", [value.name], perm=order)[0]

    def convert(self, node: Mapping[str, Any]) -> list[_Value]:
        """One node of TensorFlow's as ONNX has it, or as numpy, where it does not depend on the picture."""
        inputs = [self.value(source) for source in node.get("input", [])]
        match node["op"], inputs:
            case "Const", _:
                return [self.weights[node["name"]]]
            case "Identity" | "Cast", [x, *_]:
                return [x]
            case "Shape", [_Map(shape=shape)]:
                return [np.array(shape)]
            case "StridedSlice", [np.ndarray() as x, begin, end, step]:
                return [x[int(begin[0]) : int(end[0]) : int(step[0])]]
            case "Add" | "AddV2" | "BiasAdd" | "Sub" | "Mul" as kind, [x, y]:
                return [self._pointwise(kind, x, y)]
            case "AddN", [total, *others]:
                for other in others:
                    total = self._pointwise("Add", total, other)
                return [total]
            case "LeakyRelu" | "Relu6" | "Sigmoid" as kind, [x]:
                return [self._activation(kind, x, attribute(node, "alpha", 0.2))]
            case "Transpose", [_Map() as x, order]:
                axes = tuple(x.axes[k] for k in order)
                return [_Map(x.name, tuple(x.shape[k] for k in order), axes)]
            case "Reshape", [_Map(shape=(count, 1, 1, channels)) as x, _]:
                return [_Map(self.add("Flatten", [x.name])[0], (count, channels), (0, 1))]
            case "Mean", [_Map(axes=(0, 2, 3, 1)) as x, _]:
                pooled = self.add("Flatten", self.add("GlobalAveragePool", [x.name]))
                return [_Map(pooled[0], (x.shape[0], x.shape[3]), (0, 1))]
            case "_FusedMatMul", [_Map() as x, matrix, bias]:
                weights = [self.kernel(matrix.T), self.constant(bias)]
                return [
                    _Map(self.add("Gemm", [x.name, *weights], transB=1)[0], (x.shape[0], len(bias)), (0, 1))
                ]
            case _, [_Map() as x, *rest]:
                return self._spatial(node, x, rest)
        raise NotImplementedError(f"{node['op']} in {node['name']}")

    def _spatial(self, node: Mapping[str, Any], x: _Map, rest: list[Any]) -> list[_Value]:
        """Nodes whose result has another size, or that know which axis the channels are."""
        match node["op"]:
            case "Conv2D" | "_FusedConv2D" | "DepthwiseConv2dNative" | "FusedDepthwiseConv2dNative":
                return [self._convolution(node, x, *rest)]
            case "FusedBatchNorm":
                parts = [self.constant(part) for part in rest]
                name = self.add("BatchNormalization", [self.laid(x, _NHWC), *parts],
                                epsilon=attribute(node, "epsilon"))  # fmt: skip
                return [_Map(name[0], x.shape, _NHWC)]
            case "MaxPool":
                window, strides = attribute(node, "ksize")[1:3], attribute(node, "strides")[1:3]
                if attribute(node, "padding") != "VALID":
                    raise NotImplementedError(f"a padded MaxPool, {node['name']}")
                name = self.add("MaxPool", [self.laid(x, _NHWC)], kernel_shape=window, strides=strides)
                pooled = [
                    (side - k) // s + 1 for side, k, s in zip(x.shape[1:3], window, strides, strict=True)
                ]
                return [_Map(name[0], (x.shape[0], *pooled, x.shape[3]), _NHWC)]
            case "ResizeBilinear":
                scales = np.array([1, 1, *(rest[0] / x.shape[1:3])], np.float32)
                name = self.add("Resize", [self.laid(x, _NHWC), "", self.constant(scales)],
                                mode="linear", coordinate_transformation_mode="half_pixel")  # fmt: skip
                return [_Map(name[0], (x.shape[0], *map(int, rest[0]), x.shape[3]), _NHWC)]
            case "Pad" | "PadV2":
                around = rest[0][np.argsort(x.axes)].T.astype(np.int64)
                value = self.constant(np.array(rest[1] if len(rest) > 1 else 0, np.float32))
                name = self.add("Pad", [x.name, self.constant(around.ravel()), value])
                shape = tuple(int(side + pads.sum()) for side, pads in zip(x.shape, rest[0], strict=True))
                return [_Map(name[0], shape, x.axes)]
            case "ConcatV2":
                *others, axis = rest
                names = [x.name, *(self.laid(other, x.axes) for other in others)]
                sides = list(x.shape)
                sides[int(axis)] += sum(other.shape[int(axis)] for other in others)
                return [_Map(self.add("Concat", names, axis=x.axes[axis])[0], tuple(sides), x.axes)]
            case "SplitV":
                sizes, axis = rest
                cuts = self.constant(sizes.astype(np.int64))
                names = self.add("Split", [x.name, cuts], count=len(sizes), axis=x.axes[axis])
                shapes = [tuple(np.where(np.arange(4) == axis, size, x.shape).tolist()) for size in sizes]
                return [_Map(name, shape, x.axes) for name, shape in zip(names, shapes, strict=True)]
        raise NotImplementedError(f"{node['op']} in {node['name']}")

    def _pointwise(self, kind: str, x: _Value, y: _Value) -> _Value:
        if isinstance(x, np.ndarray) and isinstance(y, np.ndarray):
            return _ELEMENTWISE[kind](x, y)
        axes = x.axes if isinstance(x, _Map) else y.axes
        full = [
            one[(None,) * (len(axes) - one.ndim)] if isinstance(one, np.ndarray) else one for one in (x, y)
        ]
        names = [self.laid(one, axes) for one in full]
        shape = np.broadcast_shapes(*(one.shape for one in full))
        return _Map(self.add(_ONNX_NAMES.get(kind, kind), names)[0], shape, axes)

    def _activation(self, kind: str, x: _Map, slope: float = 0.2) -> _Map:
        match kind:
            case "Relu6":
                limits = [self.constant(np.array(limit, np.float32)) for limit in (0, 6)]
                return _Map(self.add("Clip", [x.name, *limits])[0], x.shape, x.axes)
            case "LeakyRelu":
                return _Map(self.add("LeakyRelu", [x.name], alpha=slope)[0], x.shape, x.axes)
        return _Map(self.add(kind, [x.name])[0], x.shape, x.axes)

    def _convolution(self, node: Mapping[str, Any], x: _Map, kernel: np.ndarray, *bias: np.ndarray) -> _Map:
        high, wide, groups = *kernel.shape[:2], 1
        weights = kernel.transpose(3, 2, 0, 1)
        if "Depthwise" in node["op"]:
            groups = kernel.shape[2]
            weights = kernel.transpose(2, 3, 0, 1).reshape(-1, 1, high, wide)
        strides, same = attribute(node, "strides")[1:3], attribute(node, "padding") == "SAME"
        sizes = zip(x.shape[1:3], (high, wide), strides, strict=True)
        sides = [-(-(side if same else side - k + 1) // stride) for side, k, stride in sizes]
        inputs = [self.laid(x, _NHWC), self.kernel(weights)]
        name = self.add("Conv", [*inputs, *(self.constant(one) for one in bias)], group=groups, strides=strides,
                        auto_pad="SAME_UPPER" if same else "VALID", kernel_shape=[high, wide])  # fmt: skip
        found = _Map(name[0], (x.shape[0], *sides, len(weights)), _NHWC)
        for kind in attribute(node, "fused_ops", [])[1:]:  # the first is BiasAdd
            found = self._activation(kind, found)
        return found
