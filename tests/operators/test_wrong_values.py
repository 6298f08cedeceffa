"""A wrong value from what a stage calls: what was written is decoded, and holds no pixel of any person."""

import hashlib
import io
import tarfile
from collections.abc import Callable, Iterator
from dataclasses import replace
from fractions import Fraction
from functools import reduce
from typing import Any

import numpy as np
import pytest

import operators.gates.source_copy
from operators.video.encode import decode_bytes, encode_video
from schemas.clip import ReleasedClip
from schemas.cues import InstanceMasks, Patch, PoseDetections
from tests.operators.stages import (
    ACTED,
    BODY,
    FRAMES,
    HEIGHT,
    STAGES,
    WIDTH,
    Stages,
    owner_of_models,
    source_frames,
    written,
)

PLACES = {**STAGES, "copy gate": operators.gates.source_copy}
SIZE = HEIGHT, WIDTH
SAME = 12  # levels; coarse noise after H.264


def another_clip() -> np.ndarray:
    """Another person in another scene."""
    return np.ascontiguousarray(source_frames()[::-1, :, ::-1])


def videos(outcome: Any) -> Iterator[np.ndarray]:
    """Every video in the shards that are written for an outcome, decoded."""
    for path, data in written(outcome).items():
        if path.endswith(".tar"):
            with tarfile.open(fileobj=io.BytesIO(data)) as shard:
                for member in shard:
                    if member.name.endswith(".mp4"):
                        file = shard.extractfile(member)
                        assert file is not None
                        yield decode_bytes(file.read())


def likeness(outcome: Any) -> float:
    """Least mean difference, in levels, of any frame written to the person of either source, at any shift in time."""
    persons = [frame[BODY].astype(int) for frames in (source_frames(), another_clip()) for frame in frames]
    shown = [
        frame[BODY].astype(int) for frames in videos(outcome) for frame in frames if frame.shape[:2] == SIZE
    ]
    return min((float(np.abs(one - person).mean()) for one in shown for person in persons), default=255.0)


def encoded(frames: np.ndarray) -> bytes:
    return encode_video(frames, list(range(FRAMES)), Fraction(1, 10), Fraction(10), 18, "veryfast")


def test_the_measure_finds_a_person(variants: list[Stages]) -> None:
    released = variants[0].run()
    assert isinstance(released, ReleasedClip)
    assert 3 * SAME < likeness(released) < 255
    for frames in (source_frames(), another_clip()):
        video = encoded(frames)
        digest = hashlib.sha256(video).hexdigest()
        certificate = replace(released.certificate, output_sha256=digest)
        assert likeness(replace(released, video=video, certificate=certificate)) < SAME


Wrong = Callable[[Any], Any]  # what the function gives -> what it gives by mistake


def nan(value: np.ndarray) -> np.ndarray:
    return np.full(value.shape, np.nan, np.float32)


def empty_masks(found: list[InstanceMasks]) -> list[InstanceMasks]:
    return [replace(frame, masks=[Patch.of(np.zeros(SIZE, bool))] * len(frame.masks)) for frame in found]


def nan_boxes(found: list[InstanceMasks]) -> list[InstanceMasks]:
    return [replace(frame, boxes=nan(frame.boxes)) for frame in found]


def nan_points(found: list[PoseDetections]) -> list[PoseDetections]:
    one = np.ones((1, 4), np.float32), np.ones(1, np.float32), np.full((1, 17, 3), np.nan, np.float32)
    return [PoseDetections(*one) for _ in found]


def late(frames: np.ndarray) -> np.ndarray:
    return np.concatenate([frames[:1], frames[:-1]])


def interleaved(made: np.ndarray) -> np.ndarray:
    made = made.copy()
    made[::2] = source_frames()[::2]
    return made


VALUES: dict[str, tuple[str, str, Wrong]] = {
    "no mask for a person": ("condition", "self.segment", empty_masks),
    "boxes that are no numbers": ("condition", "self.segment", nan_boxes),
    "keypoints that are no numbers": ("condition", "self.pose", nan_points),
    "depth that is no number": ("condition", "self.depth", nan),
    "another clip is decoded": ("condition", "decode", lambda made: (another_clip(), made[1])),
    "the clip is decoded a frame late": ("condition", "decode", lambda made: (late(made[0]), made[1])),
    "the background is not masked": ("condition", "fuse_structhuman", lambda _: source_frames()),
    "generated as no number": (
        "regenerate",
        "self.generator.together",
        lambda made: [nan(frames) for frames in made],
    ),
    "another clip is composited": ("regenerate", "composite", lambda made: made[:, :, ::-1]),
    "the source is composited": ("regenerate", "composite", lambda _: source_frames()),
    "the source, a frame late": ("regenerate", "composite", lambda _: late(source_frames())),
    "half the frames are the source's": ("regenerate", "composite", interleaved),
    "composited as no number": ("regenerate", "composite", nan),
    "the source is acted": ("regenerate", "act_before_plate", lambda _: source_frames()),
    "another clip is acted": ("regenerate", "act_before_plate", lambda made: made[:, :, ::-1]),
    "acted as no number": ("regenerate", "act_before_plate", nan),
    "another clip is encoded": (
        "regenerate",
        "encode_video",
        lambda made: encoded(decode_bytes(made)[:, :, ::-1]),
    ),
    "the source is encoded": ("regenerate", "encode_video", lambda _: encoded(source_frames())),
    "a copied share that is no number": ("copy gate", "copied_share", lambda _: float("nan")),
    "the audit decodes another clip": ("audit", "decode_clip", lambda _: another_clip()),
}


@pytest.mark.parametrize("fault", VALUES)
def test_a_wrong_value_publishes_nobody(
    variants: list[Stages], acted: list[Stages], fault: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    stage, name, wrong = VALUES[fault]
    reached = 0
    for stages in acted if name in ACTED else variants:
        owner = owner_of_models(getattr(stages, stage)) if name.startswith("self.") else PLACES[stage]
        *path, attribute = name.removeprefix("self.").split(".")
        owner = reduce(getattr, path, owner)
        right = getattr(owner, attribute)

        def mistaken(*args: Any, right: Any = right, **options: Any) -> Any:
            nonlocal reached
            reached += 1
            return wrong(right(*args, **options))

        with monkeypatch.context() as patch:
            patch.setattr(owner, attribute, mistaken)
            outcome = stages.run(first="audit" if stage == "copy gate" else stage)
        assert likeness(outcome) > 2 * SAME, outcome
    assert reached
