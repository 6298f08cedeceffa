"""Whom an actor may stand in for, and that a track knows how surely its person was seen."""

import numpy as np
import pytest

from operators.conditioning.surely_seen import surely_seen
from operators.conditioning.track import track_people
from schemas.cues import InstanceMasks, Patch, PoseDetections
from schemas.track import Track
from tests.operators.conditioning.policies import BESIDE

BOX = np.array([[20, 10, 40, 60]], np.float32)


def track(score: float, joints: float = 0.0, frames: int = 6, seen: int = 6) -> Track:
    points = np.zeros((frames, 17, 3), np.float32)
    points[:seen, :, 2] = joints
    body = np.ones((frames, 8, 8), bool)
    return Track(1, 0, body, body, points, score)


@pytest.mark.parametrize(
    ("one", "expected"),
    [
        (track(0.5), False),  # two networks agree, or limbs speak for a box
        (track(0.66, joints=0.3), False),
        (track(0.75), True),
        (track(0.5, joints=0.5), True),
        (track(0.5, joints=0.5, seen=1), True),
        (track(0.5, joints=0.3), False),
    ],
)
def test_one_sure_sight_or_sure_joints(one: Track, expected: bool) -> None:
    assert surely_seen(one) is expected


@pytest.mark.parametrize("surest", [0.5, 0.9])
def test_a_track_is_as_sure_as_its_surest_sight(surest: float) -> None:
    frames = np.full((5, 80, 60, 3), 90, np.uint8)
    scores = [0.5, 0.4, surest, 0.5, 0.4]
    masks = [
        InstanceMasks(BOX, np.array([score], np.float32), [Patch.of_box(BOX[0], (80, 60))])
        for score in scores
    ]
    nobody = PoseDetections(
        np.zeros((0, 4), np.float32), np.zeros(0, np.float32), np.zeros((0, 17, 3), np.float32)
    )
    (person,) = track_people(frames, masks, [nobody] * 5, BESIDE)
    assert person.score == pytest.approx(surest)
    assert surely_seen(person) is (surest == 0.9)
    assert person.mask.any(axis=(1, 2)).all(), "masked is who is seen faintly, too"
