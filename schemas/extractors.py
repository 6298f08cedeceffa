"""Which models look at the footage: the `pose`, `segment`, `depth` and `caption` of a profile, told apart by `model`.

Weights of transformers models are folders as `save_pretrained` writes them, in safetensors.
"""

from typing import Annotated, Any, Literal

from pydantic import Discriminator, Field, Tag

from schemas.config import Settings


class YoloSettings(Settings):
    """An ultralytics checkpoint (.pt; AGPL-3.0), run at native resolution up to a longer side of `image_size` px."""

    model: Literal["yolo"]
    weights: str
    image_size: int = Field(ge=32, multiple_of=32)
    batch: int = Field(default=8, ge=1)
    confidence: float = Field(default=0.25, gt=0, lt=1)


class EnsembleSettings(Settings):
    """People, their joints and masks by NanoDet, MoveNet and BlazePose (Apache-2.0), in a folder, as ONNX.

    `confidence` is what either detector's score has to be for somebody to be listed at all.
    """

    model: Literal["ensemble"]
    weights: str
    confidence: float = Field(default=0.15, gt=0, lt=1)


class Network(Settings):
    """What every transformers model has: its folder, frames (ViTPose: people) at a time, and precision."""

    weights: str
    batch: int = Field(default=8, ge=1)
    dtype: Literal["float32", "float16", "bfloat16"] = "float32"


class RtDetrSettings(Network):
    """Boxes of persons, or of `objects`, by RT-DETR (Apache-2.0), each frame scaled to a square of `image_size` px, or
    by YOLOS (Apache-2.0), each frame scaled to a shorter side of that."""

    model: Literal["rt_detr", "yolos"]
    image_size: int = Field(default=640, ge=32, multiple_of=32)
    confidence: float = Field(default=0.25, gt=0, lt=1)


class PersonMapSettings(Settings):
    """Weights of jobs.train_witness, for `batch` frames at a time, larger ones in tiles of `image_size` px.

    `reach`: it counts only within so many px of what is masked, and looks for what sticks out there; 0 is everywhere.
    """

    model: Literal["person_map"]
    weights: str
    image_size: int = Field(default=640, ge=64, multiple_of=32)
    batch: int = Field(default=1, ge=1)
    confidence: float = Field(default=0.25, gt=0, lt=1)
    reach: int = Field(default=0, ge=0)


class CocoSsdSettings(Settings):
    """Boxes of persons, or of `objects`, by COCO-SSD (Apache-2.0) as ONNX: of the whole frame, and of tiles of `tile`
    px, each shown to it as 300 x 300. `turned`: the witness shows it the whole frame turned by quarters as well, for
    whoever lies, or hangs upside down."""

    model: Literal["coco_ssd"]
    weights: str
    tile: int = Field(default=300, ge=150)
    batch: int = Field(default=1, ge=1)
    confidence: float = Field(default=0.25, gt=0, lt=1)
    turned: bool = False


class FinalLookSettings(Settings):
    """Boxes of persons by COCO-SSD, in the end, by which no mask was grown: `mirrored`, and with tiles of another size
    than the witness's, if the witness is COCO-SSD as well."""

    model: Literal["coco_ssd"]
    weights: str
    tile: int = Field(default=420, ge=150)
    confidence: float = Field(default=0.25, gt=0, lt=1)
    mirrored: bool = False


# A detector of the gates that look again. RT-DETR, too, sees large frames in tiles of its `image_size`.
OneWitness = Annotated[PersonMapSettings | RtDetrSettings | CocoSsdSettings, Field(discriminator="model")]

# Of a YOLO segmentation checkpoint and of an ensemble, the boxes serve.
Boxes = Annotated[YoloSettings | RtDetrSettings | EnsembleSettings, Field(discriminator="model")]
Things = Annotated[YoloSettings | RtDetrSettings | CocoSsdSettings, Field(discriminator="model")]

Topic = Literal["plate", "screen"]


class Objects(Settings):
    """A detector of things that a policy may redact: `classes` maps its names for them to the policy's topics.

    For example `{tv: screen, laptop: screen, cell phone: screen}` of a checkpoint trained on COCO, or `{"*plate*":
    plate}`, where `*` stands for any letters. A YOLO checkpoint is one for detection here.
    """

    detector: Things
    classes: dict[str, Topic] = Field(min_length=1)


class VitPoseSettings(Network):
    """Joints of the persons in a detector's boxes by ViTPose (Apache-2.0).

    A whole-body checkpoint (133 points) also gives hands; `face` keeps its 68 landmarks of the face, which carry
    identity.
    """

    model: Literal["vitpose"]
    detector: Boxes
    face: bool = False


class HandSettings(Settings):
    """Hands of whom a pose model finds without them, by MediaPipe's landmarks (Apache-2.0): a folder with hand.onnx."""

    weights: str


class DepthAnythingSettings(Network):
    """Depth Anything V2. Small is Apache-2.0, base and large are CC-BY-NC-4.0. `steady`: smoothed over time."""

    model: Literal["depth_anything"]
    steady: bool = True


class Sam2VideoSettings(Network):
    """Masks by SAM 2 video (Apache-2.0), prompted with a detector's boxes in every frame and followed from there."""

    model: Literal["sam2"]
    detector: Boxes


class Sam3VideoSettings(Network):
    """Masks by SAM 3 video (Meta's SAM licence) of what `words` say, looked for in every frame.

    `confidence` counts for a detection and for beginning to follow somebody; Meta's settings, 0.5 and 0.7, drop
    brief, faint people.
    """

    model: Literal["sam3"]
    words: list[str] = Field(default=["person"], min_length=1)
    confidence: float = Field(default=0.2, gt=0, lt=1)


class TemplateSettings(Settings):
    """No captioner: the prompt is the looks that were sampled."""

    model: Literal["template"] = "template"


class QwenVlSettings(Settings):
    """Words for the scene by Qwen3-VL (Apache-2.0), which is shown the footage without its people."""

    model: Literal["qwen_vl"]
    weights: str
    dtype: Literal["float32", "float16", "bfloat16"] = "float32"


Caption = Annotated[TemplateSettings | QwenVlSettings, Field(discriminator="model")]
Pose = Annotated[YoloSettings | VitPoseSettings | EnsembleSettings, Field(discriminator="model")]
Segment = Annotated[
    YoloSettings | Sam2VideoSettings | Sam3VideoSettings | EnsembleSettings, Field(discriminator="model")
]
Depth = Annotated[YoloSettings | DepthAnythingSettings, Field(discriminator="model")]


def _one_or_several(value: Any) -> str:
    return "several" if isinstance(value, list) else "one"


# One, or a list of those whose findings are united: whom any of them sees is masked.
Poses = Annotated[
    Annotated[Pose, Tag("one")] | Annotated[list[Pose], Field(min_length=1), Tag("several")],
    Discriminator(_one_or_several),
]
Segments = Annotated[
    Annotated[Segment, Tag("one")] | Annotated[list[Segment], Field(min_length=1), Tag("several")],
    Discriminator(_one_or_several),
]
Witnesses = Annotated[
    Annotated[OneWitness, Tag("one")] | Annotated[list[OneWitness], Field(min_length=1), Tag("several")],
    Discriminator(_one_or_several),
]
SeveralObjects = Annotated[
    Annotated[Objects, Tag("one")] | Annotated[list[Objects], Field(min_length=1), Tag("several")],
    Discriminator(_one_or_several),
]
