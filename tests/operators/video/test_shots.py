"""Cuts are found, and nothing that only moves, flickers or passes by."""

import numpy as np
import pytest

from operators.conditioning.grow import track_everybody
from operators.video.shots import shots
from schemas.config import load
from schemas.cues import InstanceMasks, Patch, PoseDetections
from schemas.policy import Policy
from tests.operators.sightings import nobody
from tests.videos import pictures

POLICY = load(Policy, "cluster/policies/driving.yaml")


def scene(count: int, level: int, pan: int = 0) -> np.ndarray:
    """A textured scene about so bright, from which the camera turns away by `pan` px a frame."""
    rng = np.random.default_rng(level)
    wide = rng.normal(level, 40, (18, 80, 3)).clip(0, 255).repeat(10, axis=0).repeat(10, axis=1)
    return np.stack([wide[:, pan * t : pan * t + 320] for t in range(count)]).astype(np.uint8)


@pytest.mark.parametrize("lengths", [(9,), (5, 4), (1, 8), (8, 1), (3, 3, 3)], ids=str)
def test_every_cut_is_found(lengths: tuple[int, ...]) -> None:
    video = np.concatenate([scene(count, 60 + 60 * i) for i, count in enumerate(lengths)])
    ends = np.cumsum(lengths).tolist()
    assert shots(video) == list(zip([0, *ends[:-1]], ends, strict=True))


def test_a_turning_camera_is_one_shot() -> None:
    assert shots(scene(12, 120, pan=30)) == [(0, 12)]


def test_whoever_passes_close_by_cuts_nothing() -> None:
    video = scene(12, 120)
    for t in range(3, 9):
        video[t, :, 60 * (t - 3) : 60 * (t - 3) + 100] = 30
    assert shots(video) == [(0, 12)]


def test_noise_and_stillness_are_no_cuts() -> None:
    rng = np.random.default_rng(0)
    assert shots(rng.integers(0, 255, (9, 96, 128, 3), np.uint8)) == [(0, 9)]
    assert shots(np.zeros((1, 96, 128, 3), np.uint8)) == [(0, 1)]
    assert shots(pictures(9, 96, 128)) == [(0, 9)]


def one_box(box: tuple[int, int, int, int]) -> InstanceMasks:
    patch = Patch.of_box(np.array(box), (120, 200))
    return InstanceMasks(np.array([box], np.float32), np.ones(1, np.float32), [patch])


def test_nobody_is_followed_across_a_cut() -> None:
    """Even who is in the same place: two people, and no mask of one in the other's shot."""
    nothing = np.zeros((0, 4), np.float32), np.zeros(0, np.float32), np.zeros((0, 17, 3), np.float32)
    frames, poses = np.zeros((8, 120, 200, 3), np.uint8), [PoseDetections(*nothing)] * 8
    seen = [one_box((60, 30, 84, 90))] * 4 + [one_box((62, 30, 86, 90))] * 4
    detectors = nobody, nobody
    people, _ = track_everybody(frames, (seen, poses), detectors, POLICY.mask, POLICY.gates, [(0, 4), (4, 8)])
    assert [(track.number, track.first, len(track.mask)) for track in people] == [(1, 0, 4), (2, 4, 4)]
    together, _ = track_everybody(frames, (seen, poses), detectors, POLICY.mask, POLICY.gates)
    assert [(track.first, len(track.mask)) for track in together] == [(0, 8)]


@pytest.mark.parametrize("wrong", [[(0, 4)], [(0, 4), (5, 8)], [(0, 8), (4, 8)]], ids=str)
def test_shots_that_leave_a_frame_out_are_an_error(wrong: list[tuple[int, int]]) -> None:
    nothing = np.zeros((0, 4), np.float32), np.zeros(0, np.float32), np.zeros((0, 17, 3), np.float32)
    cues = [one_box((60, 30, 84, 90))] * 8, [PoseDetections(*nothing)] * 8
    with pytest.raises(ValueError, match="shots"):
        track_everybody(
            np.zeros((8, 120, 200, 3), np.uint8), cues, (nobody, nobody), POLICY.mask, POLICY.gates, wrong
        )
