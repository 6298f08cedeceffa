"""A small TensorFlow.js graph as ONNX, against torch. Needs onnx, which only jobs.convert_cues does."""

import base64
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch.nn import functional as F  # noqa: N812

onnx = pytest.importorskip("onnx", reason="onnx is not installed; jobs.convert_cues alone needs it")


def node(name: str, op: str, *inputs: str, **attributes: Any) -> dict[str, Any]:
    return {"name": name, "op": op, "input": list(inputs), "attr": attributes}


def text(value: str) -> dict[str, str]:
    return {"s": base64.b64encode(value.encode()).decode()}


def ints(*values: int) -> dict[str, Any]:
    return {"list": {"i": [str(value) for value in values]}}


@pytest.fixture
def model(tmp_path: Path) -> tuple[Path, dict[str, np.ndarray]]:
    """A strided convolution, half of it enlarged again, and a sum by the channels."""
    rng = np.random.default_rng(0)
    weights = {
        "kernel": rng.normal(size=(3, 3, 3, 4)).astype(np.float16).astype(np.float32),
        "bias": rng.normal(size=4).astype(np.float32),
        "size": np.array([16, 24], np.int32),
        "sizes": np.array([1, 3], np.int32),
        "axis": np.array(3, np.int32),
    }
    nodes = [
        node("image", "Placeholder"),
        *(node(name, "Const") for name in weights),
        node("conv", "_FusedConv2D", "image", "kernel", "bias", strides=ints(1, 2, 2, 1), padding=text("SAME"),
             fused_ops={"list": {"s": [text(name)["s"] for name in ("BiasAdd", "Relu6")]}}),
        node("split", "SplitV", "conv", "sizes", "axis"),
        node("up", "ResizeBilinear", "split:1", "size"),
        node("out", "Identity", "up"),
    ]  # fmt: skip
    raw = b"".join(value.tobytes() for value in weights.values())
    (tmp_path / "part").write_bytes(raw)
    entries = [
        {"name": name, "shape": list(value.shape), "dtype": str(value.dtype)}
        for name, value in weights.items()
    ]
    manifest = [{"paths": ["part"], "weights": entries}]
    file = tmp_path / "model.json"
    file.write_text(json.dumps({"modelTopology": {"node": nodes}, "weightsManifest": manifest}))
    return file, weights


def test_a_graph_says_the_same_in_any_size(model: tuple[Path, dict[str, np.ndarray]]) -> None:
    import onnxruntime

    from operators.training.tfjs_onnx import convert

    file, weights = model
    made = convert(file, ("image", (1, 16, 24, 3)), {"out": "map", "split": "first"}, free="HW")
    session = onnxruntime.InferenceSession(made.SerializeToString(), providers=["CPUExecutionProvider"])
    kernel = torch.from_numpy(weights["kernel"]).permute(3, 2, 0, 1)
    for height, width in ((16, 24), (32, 16)):
        image = torch.randn(1, 3, height, width)
        # TensorFlow pads an even side on the right alone.
        conv = F.conv2d(
            F.pad(image, (0, 1, 0, 1)), kernel, torch.from_numpy(weights["bias"]), stride=2
        ).clamp(0, 6)
        larger = F.interpolate(conv[:, 1:], scale_factor=2, mode="bilinear")
        found, first = session.run(["map", "first"], {"image": image.numpy()})
        np.testing.assert_allclose(found, larger.numpy(), atol=1e-5)
        np.testing.assert_allclose(first, conv[:, :1].numpy(), atol=1e-5)


def test_of_a_head_the_classes_stay_that_are_asked_for(model: tuple[Path, dict[str, np.ndarray]]) -> None:
    import onnxruntime

    from operators.training.tfjs_onnx import convert

    file, _ = model
    image = np.random.default_rng(0).normal(size=(1, 3, 16, 24)).astype(np.float32)
    said = []
    for kept in ({}, {"kernel": [3, 1], "bias": [3, 1]}):
        made = convert(file, ("image", (1, 16, 24, 3)), {"conv": "all"}, kept=kept)
        session = onnxruntime.InferenceSession(made.SerializeToString(), providers=["CPUExecutionProvider"])
        said += session.run(["all"], {"image": image})
    np.testing.assert_array_equal(said[0][:, [3, 1]], said[1])


def test_kernels_of_eight_bits_are_half_as_large_and_nearly_the_same(
    model: tuple[Path, dict[str, np.ndarray]],
) -> None:
    import onnxruntime

    from operators.training.tfjs_onnx import convert

    file, _ = model
    image = np.random.default_rng(0).normal(size=(1, 3, 16, 24)).astype(np.float32)
    said, kernels = [], []
    for kind in (np.float16, np.int8):
        made = convert(file, ("image", (1, 16, 24, 3)), {"conv": "all"}, kernels=kind)
        session = onnxruntime.InferenceSession(made.SerializeToString(), providers=["CPUExecutionProvider"])
        said += session.run(["all"], {"image": image})
        kernels.append(max(len(one.raw_data) for one in made.graph.initializer))
    assert kernels[1] == kernels[0] // 2
    assert 0 < np.abs(said[0] - said[1]).max() < 0.03 * said[0].max()


def test_what_it_does_not_know_is_refused_by_name(model: tuple[Path, dict[str, np.ndarray]]) -> None:
    from operators.training.tfjs_onnx import convert

    file, _ = model
    file.write_text(file.read_text().replace('"ResizeBilinear"', '"Unheard"'))
    with pytest.raises(NotImplementedError, match="Unheard in up"):
        convert(file, ("image", (1, 16, 24, 3)), {"out": "map"})
    (file.parent / "part").write_bytes((file.parent / "part").read_bytes() + b"more")
    with pytest.raises(ValueError, match="its manifest describes"):
        convert(file, ("image", (1, 16, 24, 3)), {"out": "map"})
