"""What flows: a clip's reference, what is known of it, a candidate, and the three ways a clip can end."""

import hashlib
from dataclasses import dataclass, field, replace
from fractions import Fraction
from typing import TYPE_CHECKING, Never

import numpy as np

from schemas.certificate import Certificate, Gate, Step, Timing, Variant, require_gates
from schemas.due import unproved
from schemas.listed import Listed
from schemas.person_label import PersonLabel
from schemas.policy import Policy
from schemas.rules import Treatment

GRAY = 128  # level of every channel where something was taken out of a picture


@dataclass(frozen=True)
class ImageFile:
    """A picture in a folder: its name, and blake2b-128 in hex of its bytes."""

    name: str
    digest: str


@dataclass(frozen=True)
class Followed:
    """Where somebody is in a clip who was followed beyond it; the same `person` is the same one within the scope.

    first  frame of the clip's window of the first box
    boxes  float32 [N,4], x0 y0 x1 y1 in source pixels; NaN where nothing of the body was found
    """

    person: int
    first: int
    boxes: np.ndarray


@dataclass(frozen=True)
class ClipRef:
    """One planned clip: a window of frames of one source, by reference. A row of the manifest.

    The window holds `len(pts)` frames, 4k+1 except at the tail of a source or of an episode in it; its first `overlap`
    frames are released by the previous clip and serve here as context, so clips partition the source's frames.
    `pts` are presentation timestamps in units of `time_base_num / time_base_den` seconds, as stored in
    the source. Width and height are as displayed: mirrored left to right, if the source is, then turned
    counter-clockwise by `rotation` degrees. A pixel is `sample_aspect_num / sample_aspect_den` as wide as high.
    `stream` is the source's stream; `other_streams` describes the video streams that were left out.
    `counted`: frames are found by their number and not by their time, as the source's clock starts again somewhere.
    `interlaced` and `transfer` (PQ, HLG or BT.2020; else empty) say what is done to its pictures, see
    operators/video/picture.py. `missing` frames of the source are damaged or not in the file.
    `key` is a keyed HMAC of the source's name and the clip's index: names leak. So do digests, to whoever has the
    file: `source_digest` is of the source's bytes and stays in the plan, what is published is `source_hmac`, and
    `clip_id` is keyed as well.
    `stamp` is the store's word for the source's content when it was planned, see operators/video/source.py.
    `images`, one per frame, are the files in the folder `uri` that the clip's frames are; a video has none. `gray`:
    they are of one channel. `topic`: the frames are messages of that topic in the bag `uri`; `images` are called by
    their log times (ns), and where they hold a video those since the last key frame come before the frames.
    `people` are who was followed through the sources of the scope `followed`, see jobs/follow.py; empty if nobody was.
    `listed` is who is in the window by the word of its owner, frames counted from the window's first.
    A source that cannot be planned is one ClipRef without frames whose `problem` and `remedy` say why.
    """

    clip_id: int
    key: str
    uri: str
    source_digest: str
    source_hmac: str
    first_frame: int
    overlap: int
    pts: list[int]
    time_base_num: int
    time_base_den: int
    fps_num: int
    fps_den: int
    width: int
    height: int
    rotation: int
    problem: str = ""
    remedy: str = ""
    stamp: str = ""
    mirrored: bool = False
    sample_aspect_num: int = 1
    sample_aspect_den: int = 1
    stream: int = 0
    counted: bool = False
    interlaced: bool = False
    transfer: str = ""
    missing: int = 0
    other_streams: list[str] = field(default_factory=list)
    images: list[ImageFile] = field(default_factory=list)
    gray: bool = False
    topic: str = ""
    followed: str = ""
    people: list[Followed] = field(default_factory=list)
    listed: list[Listed] = field(default_factory=list)

    @property
    def frames(self) -> int:
        """Number of frames that this clip releases."""
        return len(self.pts) - self.overlap

    @property
    def time_base(self) -> Fraction:
        """Seconds per unit of `pts`."""
        return Fraction(self.time_base_num, self.time_base_den)

    @property
    def fps(self) -> Fraction:
        """Average frames per second."""
        return Fraction(self.fps_num, self.fps_den)

    @property
    def sample_aspect(self) -> Fraction:
        """Width of a pixel by its height."""
        return Fraction(self.sample_aspect_num, self.sample_aspect_den)

    def moments(self, timing: Timing) -> list[int]:
        """Timestamps of the released frames as they are published, in units of `time_base`: the first is 0.

        The source's own may be a wall clock's. `nominal` ones are a frame's distance at `fps` apart, at least a unit.
        """
        released = self.pts[self.overlap :]
        if timing == "source":
            return [pts - released[0] for pts in released]
        step = max(Fraction(1), 1 / (self.fps * self.time_base))
        return [int(number * step + Fraction(1, 2)) for number in range(len(released))]


@dataclass(frozen=True)
class Person:
    """One person who was followed: where, and in which pose. No pixel.

    first      frame of the first box, counted as the masks beside it are
    boxes      float32 [N,4], x0 y0 x1 y1 in source pixels; NaN where nothing of the body was found
    keypoints  float32 [N,K,3], K as in PoseDetections: x, y in source pixels, score; 0 where nothing is known
    """

    track: int
    first: int
    boxes: np.ndarray
    keypoints: np.ndarray


@dataclass(frozen=True)
class Evidence:
    """What is known of a clip and goes with it from Condition to Audit.

    conditioning_video  mp4 of the released frames' conditioning as the generator is shown it, small
    treatment  what is done about people, as the policy says
    mask     bool [T,H,W]: union over neighbouring frames, dilated; hard. Where people were
    body     bool [T,H,W]: the undilated detections inside it. What must not be copied
    renewed  bool [T,H,W]: of `body`, who is made anew; the others are filled with what surrounds them
    spared   bool [T,H,W]: who stays as they are, by a consent that the policy accepts; nothing of the mask
    excepted  by whose word: those of the clip's list, frames counted as the masks' are
    painted  int32 [N,6]: plates, text, screens painted over in the source, as conditioning/paint.py takes them; frames
             are counted in the clip's window
    gates    scores so far; `steps` and `seconds` likewise
    labelled whether labels of generated people are to be published
    context  bool [overlap,H,W]: `mask` in the window's frames before those released, once it has no more of them
    """

    variant: Variant
    treatment: Treatment
    timing: Timing
    conditioning_video: bytes
    mask: np.ndarray
    body: np.ndarray
    renewed: np.ndarray
    spared: np.ndarray
    excepted: list[Listed]
    painted: np.ndarray
    people: list[Person]
    gates: list[Gate]
    steps: list[Step]
    seconds: dict[str, float]
    labelled: bool = False
    context: np.ndarray = field(default_factory=lambda: np.zeros((0, 0, 0), bool))

    def __post_init__(self) -> None:
        require_gates(self.gates)

    @property
    def regenerated(self) -> np.ndarray:
        """bool [T,H,W]: what is not the source's: people, and in StructAll everything."""
        return self.mask if self.variant == "structhuman" else np.ones_like(self.mask)

    def mask_throughout(self, overlap: int, and_more: np.ndarray | None = None) -> np.ndarray:
        """bool [overlap+T,H,W]: the mask with that of the context before it; of a context that has none, all. What is
        in `and_more` bool [T,H,W] counts as masked, too."""
        before = np.ones((overlap, *self.mask.shape[1:]), bool)
        before = self.context if self.context.shape == before.shape else before
        return np.concatenate([before, self.mask if and_more is None else self.mask | and_more])

    def without_overlap(self, overlap: int) -> "Evidence":
        """Masks and people of the released frames alone; the first `overlap` frames of the window were context."""
        people = [replace(person, first=person.first - overlap) for person in self.people]
        names = ("mask", "body", "renewed", "spared")
        masks = {name: getattr(self, name)[overlap:] for name in names}
        excepted = [replace(one, frame=one.frame - overlap) for one in self.excepted if one.frame >= overlap]
        return replace(self, people=people, excepted=excepted, context=self.mask[:overlap], **masks)


@dataclass(frozen=True)
class CandidateClip:
    """Generated, not yet trusted. `video` is the H.264 mp4 of the released frames only, as `evidence` is of those.
    `regenerated` people are shown anew; who else was there was filled. `labels` are of those who are drawn, if asked
    for."""

    ref: ClipRef
    evidence: Evidence
    video: bytes
    regenerated: int
    tracks: int
    diffusion_calls: int
    seed_commitment: str
    labels: list[PersonLabel] = field(default_factory=list)


@dataclass(frozen=True)
class ReleasedClip:
    """A clip that may be published. Made by operators/audit.py and nowhere else, which types and a test hold.

    `labels` is the file of labels of generated people; empty if the policy publishes none.

    `policy` is the one that it was released under, as JSON. Proves itself wherever it is rebuilt: raises ValueError
    unless the certificate is this clip's and under this policy, every gate that the policy asks for is there and
    passed, or was waived for these very bytes, and the digest is that of the bytes.
    """

    ref: ClipRef
    video: bytes
    conditioning_video: bytes
    certificate: Certificate
    policy: str
    seconds: dict[str, float]
    labels: bytes = b""

    if (
        TYPE_CHECKING
    ):  # a call of it is an error to the type checker, which only Audit's one call is excused from

        def __init__(self, *nobody_else_makes_one: Never) -> None: ...

    def __post_init__(self) -> None:
        certificate = self.certificate
        if (certificate.clip_id, certificate.key) != (self.ref.clip_id, self.ref.key):
            raise ValueError(f"clip {self.ref.clip_id} carries the certificate of clip {certificate.clip_id}")
        policy, size = Policy.model_validate_json(self.policy), (self.ref.height, self.ref.width)
        if problems := unproved(certificate, policy, size, self.ref.overlap):
            raise ValueError(f"clip {self.ref.clip_id} has not passed every gate: {'; '.join(problems)}")
        if certificate.output_sha256 != hashlib.sha256(self.video).hexdigest():
            raise ValueError(f"clip {self.ref.clip_id} does not hold the bytes that were certified")
        if certificate.conditioning_published != bool(self.conditioning_video):
            raise ValueError(f"clip {self.ref.clip_id} publishes another conditioning than was certified")
        if certificate.labels_published != bool(self.labels):
            raise ValueError(f"clip {self.ref.clip_id} publishes other labels than were certified")


@dataclass(frozen=True)
class QuarantinedClip:
    """A clip that was processed and must not be published, with the gate scores known so far. No pixels.

    `output_hmac` tells which candidate was refused, to whoever has the plan's key; empty if there was none.
    """

    ref: ClipRef
    stage: str
    reason: str
    gates: list[Gate]
    steps: list[Step]
    seconds: dict[str, float]
    output_hmac: str = ""


@dataclass(frozen=True)
class FailedClip:
    """A clip that could not be processed: an unreadable source, or an error of ours. No pixels."""

    ref: ClipRef
    stage: str
    reason: str
    remedy: str
    seconds: dict[str, float]
