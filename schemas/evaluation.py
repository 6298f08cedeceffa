"""What an evaluation measures of a dataset: counts and looks of each source, and figures over all of them."""

from dataclasses import dataclass, field
from typing import Annotated, Any, Literal, get_args

import numpy as np
from pydantic import Field

from schemas.config import Settings
from schemas.extractors import Depth, EnsembleSettings, Network, Pose, QwenVlSettings, Segment
from schemas.rules import DISGUISES

Attack = Literal["parrot", "reversal", "gait", "linkage"]
BASELINES = DISGUISES
ATTACKS: tuple[Attack, ...] = get_args(Attack)
SOURCE, RECAST, CONTROL = "source", "recast", "pass-through"
MEMBERSHIP = (
    "membership"  # of an adapter's training data: the dataset shows nothing of it, so it counts in no axis
)
BY_EYE = "exposed by eye"
BESIDE_SOURCE = (
    "warping", "flicker", "sharpness", "seam", "temporal flickering", "subject consistency", "background consistency",
)  # fmt: skip  # over what the source has: no shares
HEIGHTS = {"under 48 px": (0, 48), "48-96 px": (48, 96), "over 96 px": (96, 1 << 30)}


def size_of(height: float) -> str:
    """The name of somebody's height in px."""
    return next(name for name, (low, high) in HEIGHTS.items() if low <= height < high)


Three = tuple[float, float, float]


def _none(value: object) -> bool:
    """Of what is not named a digest says nothing, so that it stays as it was."""
    return value is None


class FaceSettings(Settings):
    """A network in ONNX's format that describes faces: RGB float32 [N,3,side,side] -> `output` [N,D].

    side, margin  px of a face that it is shown, and how much wider than the face that is
    mean, scale   of levels from 0 to 255: (level - mean) * scale is shown
    smallest      px of a face that is looked at
    """

    weights: str
    output: str
    side: int = Field(ge=16, le=512)
    margin: float = Field(default=1.25, ge=1, le=2)
    mean: float = Field(default=0.0, ge=0, le=255)
    scale: float = Field(default=1.0, gt=0, le=1)
    smallest: int = Field(default=24, ge=8)


class BodySettings(Settings):
    """A re-identification network of your own in ONNX's format, such as one that tells people in other clothes: RGB
    float32 [N,3,height,width], (level / 255 - mean) / std -> `output` [N,D]. Surroundings are gray."""

    weights: str
    output: str
    height: int = Field(default=256, ge=32, le=1024)
    width: int = Field(default=128, ge=16, le=1024)
    mean: Three = (0.485, 0.456, 0.406)
    std: Three = (0.229, 0.224, 0.225)


class GaitSettings(Settings):
    """A gait network of your own in ONNX's format, such as OpenGait's: outlines float32 [1,T,64,44] from 0 to 1, of T
    moments, as many as `frames` -> `output` [1,...], which is taken as one vector."""

    weights: str
    output: str
    frames: int = Field(default=30, ge=2, le=300)


class PosedSettings(Settings):
    """People by a profile's models: joints by `pose`, masks by `segment`."""

    model: Literal["posed"]
    pose: Pose
    segment: Segment


class VBenchSettings(Settings):
    """Of VBench's dimensions those whose networks are named, as transformers has them: `subject` DINO (ViTModel), and
    `background` CLIP (CLIPVisionModelWithProjection). Temporal flickering needs none."""

    subject: Network | None = None
    background: Network | None = None


class Judges(Settings):
    """Who judges: models of which none decides about a release, but for those that `gates_use` names.

    people     finds people and their joints, in source and output, each frame in a mirror
    embedders  re-identification networks by name: of jobs.train_likeness, or your own
    faces      a face embedder; left out, faces are compared as heads alone
    gait       a gait network; left out, proportions, stride and the course of joints are compared alone
    depth      agreement of depth; left out, none is asked
    words      a vision-language model for captions before and after, and for questions; left out, none is asked
    vbench     networks of VBench's dimensions; left out, none is asked
    every      so many frames from one that is looked at to the next; exposure is asked of every frame
    """

    name: str
    people: Annotated[EnsembleSettings | PosedSettings, Field(discriminator="model")]
    embedders: dict[str, str | BodySettings] = Field(min_length=1)
    faces: FaceSettings | None = None
    gait: GaitSettings | None = Field(default=None, exclude_if=_none)
    depth: Depth | None = None
    words: QwenVlSettings | None = Field(default=None, exclude_if=_none)
    vbench: VBenchSettings | None = Field(default=None, exclude_if=_none)
    gates_use: list[str]
    every: int = Field(default=4, ge=1)


@dataclass(frozen=True)
class Ratio:
    """A count or sum of one clip as one method shows it: figures are sums of numerators over sums of denominators."""

    method: str
    name: str
    clip: str
    numerator: float
    denominator: float


@dataclass(frozen=True)
class Look:
    """One person of one clip, as one method shows them where they stand in the source.

    person, outfit  who it is: from ground truth, or the clip's key and the track, as nobody knows more
    height          px, median
    body, head      float32 [E,64]: mean unit vectors of E embedders; NaN where too little is seen
    face            float32 [D]: mean unit vector of the face; NaN where none is seen, or nobody judges faces
    gait, motion    float32 [G], [M]: proportions and stride, and the course of the joints; NaN where they are not found
    picture         uint8 [96,48,3]: one moment, surroundings gray
    outline         float32 [D]: what a gait network says of outlines; NaN where none is asked, or too few are seen
    scope           within which the policy gives somebody one look; the clip, if empty
    """

    method: str
    source: str
    clip: str
    person: str
    outfit: str
    height: float
    body: np.ndarray
    head: np.ndarray
    face: np.ndarray
    gait: np.ndarray
    motion: np.ndarray
    picture: np.ndarray
    scope: str = ""
    outline: np.ndarray = field(default_factory=lambda: np.full(1, np.nan, np.float32))


@dataclass(frozen=True)
class Scene:
    """A clip beside its people, as one method shows it.

    place  float32 [D] of what surrounds them, comparable by its cosine
    times  float64 [T]: seconds from the first frame
    """

    method: str
    source: str
    clip: str
    place: np.ndarray
    times: np.ndarray


@dataclass(frozen=True)
class Glimpse:
    """Part of a frame of a clip as one method shows it: features float32 [D] of somebody, or where `person` is empty of
    nobody."""

    method: str
    source: str
    clip: str
    person: str
    moment: int
    features: np.ndarray


@dataclass(frozen=True)
class Measured:
    """All that is measured of one source. `unmeasured` are clips that could not be, with why. Restricted: it holds
    pictures of people."""

    source: str
    clips: list[str]
    unmeasured: list[str]
    ratios: list[Ratio]
    looks: list[Look]
    scenes: list[Scene]
    glimpses: list[Glimpse]


@dataclass(frozen=True)
class Statistic:
    """`value`, and the interval in which it lies with 95 % confidence if other sources like these had been drawn.

    `low` and `high` are None where one source, or none, tells nothing about others. `chance` is what guessing gives.
    `count` is the denominator: people, person-frames, frames.
    """

    value: float | None
    low: float | None
    high: float | None
    sources: int
    count: float
    chance: float | None = None

    def as_json(self) -> dict[str, Any]:
        """For JSON: rounded, and no NaN in it."""
        short = {"value": self.value, "low": self.low, "high": self.high, "chance": self.chance}
        rounded = {name: None if one is None else round(float(one), 6) for name, one in short.items()}
        return {**rounded, "sources": self.sources, "count": round(float(self.count), 3)}
