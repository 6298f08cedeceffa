"""How many frames a second each extractor and the gates' models look at: `python -m benchmarks.cues_speed`.

On a GPU with `--device cuda --dtype bfloat16`.
Prints a markdown table for 720p and 1080p, of the sample video enlarged. The models have their real sizes and random
weights: their time is real, what they see is not. Four people stand in every frame for those that look at people one by
one. On a GPU it is the time that passes, with what is copied there and back; on a CPU the processor time of one thread,
which other work on the machine hardly changes.
"""

import argparse
import itertools
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import torch
from transformers import Sam2VideoConfig, Sam3VideoConfig

from benchmarks.standins.random_sam import sam2_large, save_sam2, save_sam3
from operators import weights
from operators.models.people.ensemble import PeopleEnsemble
from operators.models.people.rt_detr import RtDetr
from operators.models.people.sam2_video import Sam2Video
from operators.models.people.sam3_video import Sam3Video
from operators.models.people.vitpose import VitPose
from operators.models.people.yolo_pose import PoseEstimator
from operators.models.people.yolo_segment import PersonSegmenter
from operators.models.scene.depth_anything import DepthAnything
from operators.models.witnesses.final_look import FinalLook
from operators.models.witnesses.witness import Witness
from schemas.config import load
from schemas.cues import PersonBoxes
from schemas.extractors import RtDetrSettings
from schemas.profile import Profile

SIZES = {"720p": (720, 1280), "1080p": (1080, 1920)}
PEOPLE = 4
Setup = Callable[[Path, str, str], Callable[[np.ndarray], Any]]


def four_people(frames: np.ndarray) -> list[PersonBoxes]:
    """A detector that costs nothing."""
    height, width = frames.shape[1:3]
    left = np.arange(PEOPLE) * width / PEOPLE
    tops = np.full(PEOPLE, height / 4)
    boxes = np.stack([left, tops, left + width / 8, tops + height / 2], axis=1).astype(np.float32)
    return [PersonBoxes(boxes, np.ones(PEOPLE, np.float32))] * len(frames)


def embedded(_folder: Path, device: str, _dtype: str) -> PeopleEnsemble:
    """The embedded profile's, which finds boxes, joints and masks in one look."""
    return PeopleEnsemble("cluster/weights/embedded/cues", 0.1, device)


def yolo(task: str, size: str = "x") -> Setup:
    """YOLO26, at native resolution."""

    def make(folder: Path, device: str, _dtype: str) -> Callable[[np.ndarray], Any]:
        from ultralytics import YOLO

        path = folder / f"{task}.pt"
        YOLO(f"yolo26{size}-{task}.yaml").save(path)
        weights.lock()[str(path)] = {"sha256": weights.digest(path)}  # a pickle, but of our own making
        return (PoseEstimator if task == "pose" else PersonSegmenter)(path, 0.9, 1920, device)

    return make


def rt_detr(deep: bool) -> Setup:
    """RT-DETR with a ResNet-50, or RT-DETRv2 with a ResNet-101, at 960 px."""

    def make(folder: Path, device: str, dtype: str) -> RtDetr:
        from transformers import (
            RTDetrConfig,
            RTDetrForObjectDetection,
            RTDetrImageProcessor,
            RTDetrV2Config,
            RTDetrV2ForObjectDetection,
        )

        names = {number: "person" if number == 0 else f"class {number}" for number in range(80)}
        if deep:
            config = RTDetrV2Config(id2label=names, encoder_hidden_dim=384, encoder_ffn_dim=2048)
            config.decoder_in_channels, config.backbone_config.depths = [384] * 3, [3, 4, 23, 3]
            RTDetrV2ForObjectDetection(config).save_pretrained(folder)
        else:
            RTDetrForObjectDetection(RTDetrConfig(id2label=names)).save_pretrained(folder)
        RTDetrImageProcessor().save_pretrained(folder)
        return RtDetr(folder, 0.9, 960, device, dtype=dtype)

    return make


def vitpose(width: int, layers: int, heads: int) -> Setup:
    """ViTPose of that size."""

    def make(folder: Path, device: str, dtype: str) -> VitPose:
        from transformers import VitPoseBackboneConfig, VitPoseConfig, VitPoseForPoseEstimation
        from transformers import VitPoseImageProcessor as Processor

        backbone = VitPoseBackboneConfig(
            hidden_size=width, num_hidden_layers=layers, num_attention_heads=heads, out_indices=[layers]
        )
        VitPoseForPoseEstimation(VitPoseConfig(backbone_config=backbone, num_labels=17)).save_pretrained(
            folder
        )
        Processor().save_pretrained(folder)
        return VitPose(folder, four_people, device, dtype=dtype)

    return make


def sam2(large: bool) -> Setup:
    """SAM 2.1 tiny or large."""

    def make(folder: Path, device: str, dtype: str) -> Sam2Video:
        save_sam2(folder, sam2_large() if large else Sam2VideoConfig())
        return Sam2Video(folder, four_people, device, dtype=dtype)

    return make


def sam3(folder: Path, device: str, dtype: str) -> Sam3Video:
    """SAM 3, its detector alone: at this confidence random weights find nobody to follow."""
    save_sam3(folder, Sam3VideoConfig())
    return Sam3Video(folder, ["person"], 0.99, device, dtype)


def depth_anything(large: bool) -> Setup:
    """Depth Anything V2 small or large."""

    def make(folder: Path, device: str, dtype: str) -> DepthAnything:
        from transformers import DepthAnythingConfig, DepthAnythingForDepthEstimation, DPTImageProcessor

        shape: dict[str, Any] = {}
        if large:
            backbone: dict[str, Any] = {
                "model_type": "dinov2",
                "hidden_size": 1024,
                "num_hidden_layers": 24,
                "num_attention_heads": 16,
                "image_size": 518,
                "out_indices": [5, 12, 18, 24],
                "reshape_hidden_states": False,
            }
            shape = {
                "backbone_config": backbone,
                "reassemble_hidden_size": 1024,
                "neck_hidden_sizes": [256, 512, 1024, 1024],
                "fusion_hidden_size": 256,
            }
        DepthAnythingForDepthEstimation(DepthAnythingConfig(**shape)).save_pretrained(folder)
        size = {"height": 518, "width": 518}
        DPTImageProcessor(size=size, keep_aspect_ratio=True, ensure_multiple_of=14).save_pretrained(folder)
        return DepthAnything(folder, device, dtype=dtype)

    return make


def anew(witness: Witness) -> Callable[[np.ndarray], Any]:
    """What it sees of a picture is kept for when masks have grown: here it is shown other ones every time."""
    calls = itertools.count(1)
    return lambda frames: witness(frames ^ np.uint8(next(calls)), np.zeros(frames.shape[:3], bool))


def tiled(folder: Path, device: str, dtype: str) -> Callable[[np.ndarray], Any]:
    """A witness of whole people, as a production profile has one."""
    rt_detr(True)(folder, device, dtype)
    values = {"weights": str(folder), "confidence": 0.9, "image_size": 960, "batch": 8, "dtype": dtype}
    return anew(Witness(RtDetrSettings.model_validate({"model": "rt_detr", **values}), device))


def limbs(_folder: Path, device: str, _dtype: str) -> Callable[[np.ndarray], Any]:
    """The embedded profile's, everywhere in the frame."""
    settings = load(Profile, "cluster/profiles/embedded.yaml").limbs
    assert settings
    return anew(Witness(settings.model_copy(update={"reach": 0}), device))


def final_look(_folder: Path, device: str, _dtype: str) -> FinalLook:
    """Every shipped profile's."""
    return FinalLook(load(Profile, "cluster/profiles/embedded.yaml").final, device)


MODELS: dict[str, Setup] = {
    "embedded ensemble, pose and masks": embedded,
    "YOLO26 x, pose": yolo("pose"),
    "YOLO26 x, segmentation": yolo("seg"),
    "RT-DETR R50, boxes, 960 px": rt_detr(False),
    "RT-DETRv2 R101, boxes, 960 px": rt_detr(True),
    f"ViTPose base, pose of {PEOPLE} people": vitpose(768, 12, 12),
    f"ViTPose huge, pose of {PEOPLE} people": vitpose(1280, 32, 16),
    f"SAM 2.1 tiny, masks of {PEOPLE} people": sam2(False),
    f"SAM 2.1 large, masks of {PEOPLE} people": sam2(True),
    "SAM 3, detection of a word": sam3,
    "Depth Anything V2 small": depth_anything(False),
    "Depth Anything V2 large": depth_anything(True),
    "gates: RT-DETRv2 R101 in tiles of 960 px": tiled,
    "gates: the map of limbs": limbs,
    "gates: COCO-SSD, the final look": final_look,
}


def rate(model: Callable[[np.ndarray], Any], frames: np.ndarray, device: str) -> float:
    """Frames a second, after a first look at one of them."""
    clock = time.process_time if device == "cpu" else time.perf_counter
    model(frames[:1])
    start = clock()
    model(frames)
    if device != "cpu":
        torch.cuda.synchronize()
    return len(frames) / (clock() - start)


def main(arguments: argparse.Namespace) -> None:
    """Measure and print."""
    if arguments.device == "cpu":
        torch.set_num_threads(1)
    from operators.video.encode import (
        decode_bytes,
    )  # PyAV, which a bare GPU machine lacks (benchmarks/gpu.py)

    street = decode_bytes(Path("tests/data/street.mp4").read_bytes())[: arguments.frames]
    print(f"| extractor ({arguments.device}, {arguments.dtype}) | {' | '.join(SIZES)} |")
    print(f"|---{'|---' * len(SIZES)}|")
    for name, make in MODELS.items():
        if arguments.only and not any(part in name for part in arguments.only):
            continue
        torch.manual_seed(0)
        with tempfile.TemporaryDirectory() as folder:
            model = make(Path(folder), arguments.device, arguments.dtype)
            rates = []
            for height, width in SIZES.values():
                frames = np.stack([cv2.resize(frame, (width, height)) for frame in street])
                rates.append(f"{rate(model, frames, arguments.device):.3g}")
            print(f"| {name} | {' | '.join(rates)} |", flush=True)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--dtype", default="float32", choices=["float32", "float16", "bfloat16"])
    parser.add_argument("--frames", type=int, default=4, help="frames a look (a clip has about 50)")
    parser.add_argument("--only", action="append", help="extractors with this in their name; may be repeated")
    main(parser.parse_args())
