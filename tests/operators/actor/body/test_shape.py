"""Hair, hands and shadows of an actor, as far as they can be told without looking."""

import numpy as np
import pytest
import torch

from operators.actor.body.body import make_body, template
from operators.actor.body.skeleton import USUAL
from operators.actor.drawing.draw import draw
from operators.actor.drawing.garments import Figure, dress
from operators.actor.drawing.occlusion import openness
from operators.actor.drawing.parts import Part
from operators.actor.looks.persona import follow
from operators.actor.motion.solve import Camera
from schemas.actor import Light

_HAIRS = ("shoulder-length black hair", "long black hair", "short black hair", "cropped black hair")


def _figure(persona: str, seed: int) -> Figure:
    looks = follow(persona, seed)
    return dress(make_body(looks.identity.shape), looks)


def _drawn(persona: str, seed: int, yaw: float, tall: float) -> tuple[np.ndarray, np.ndarray]:
    """The picture [h,w,4] of somebody who stands `tall` px high, and their joints [17,2] in it."""
    body = make_body(follow(persona, seed).identity.shape)
    pose, root = body.skeleton.pose(np.array([yaw]), USUAL[None]), np.array([0.0, 4.0, 0.0])
    side = round(1.2 * tall)
    camera = Camera(tall * root[1] / body.height, (side / 2, side / 2))
    figure, box = _figure(persona, seed), (0, 0, side, side)
    drawing = draw(figure, pose.rotations[0], pose.heads[0], root, camera, box, Light(), [0.25] * 10)
    return drawing.rgba, camera.project(pose.joints[0] + root)


@pytest.mark.parametrize("hair", _HAIRS)
def test_from_behind_hair_leaves_no_gap_to_the_scalp(hair: str) -> None:
    for seed in range(3):
        picture, joints = _drawn(f"very light skin, {hair}, long-sleeved white top", seed, np.pi, 400)
        crown, ears = np.nonzero(picture[..., 3].any(1))[0][0], joints[3:5]
        (left, right), half = sorted(ears[:, 0]), (ears[:, 1].mean() - crown) / 2
        inset = 0.2 * (right - left)
        back = picture[crown + 3 : round(crown + half), round(left + inset) : round(right - inset)]
        assert back.size and (back[..., 3] == 1).all() and back[..., :3].max() < 0.45


def test_hair_that_hangs_ends_where_it_is_cut_and_leaves_the_face_free() -> None:
    for seed in range(4):
        persona = "adult, very light skin, long black hair"
        figure = _figure(persona, seed)
        strands = torch.unique(figure.triangles[figure.part == Part.STRANDS])
        lowest = float(figure.attributes[strands, 2].min())
        assert abs(lowest - figure.looks.identity.hair_cut) < 0.04
        assert torch.isfinite(figure.vertices[strands]).all()
        picture, joints = _drawn(persona, seed, 0.0, 400)
        column, row = np.floor(joints[0]).astype(int)
        assert picture[row, column, :3].mean() > 0.4


def test_an_edge_is_drawn_in_steps_at_every_size() -> None:
    for tall in (90, 400):
        cover = _drawn("adult", 1, 0.3, tall)[0][..., 3]
        assert ((cover > 0) & (cover < 1)).sum() > 2 * tall


def test_hollows_are_less_open_to_the_sky_than_brow_and_shoulder() -> None:
    rest, is_open = template().attributes[:, :3], openness().numpy()
    assert is_open.min() >= 0 and is_open.max() <= 1
    skin = np.unique(template().faces["body"])

    def at(x: float, y: float, z: float) -> float:
        near = np.linalg.norm(rest[skin] - (x, y, z), axis=1).argsort()[:12]
        return float(is_open[skin][near].mean())

    brow, throat, crown, crotch = at(0, -0.133, 0.69), at(0, -0.09, 0.53), at(0, -0.03, 0.76), at(0, 0, -0.08)
    assert min(brow, crown) > 0.85
    assert max(throat, crotch) < 0.75


def test_fingers_come_together_and_nothing_else_moves() -> None:
    attributes, moved = template().attributes, template().together
    fingers = (attributes[:, 3] > 2.55) & (attributes[:, 0] > 0)
    rest, closed = attributes[fingers, :3], (attributes[:, :3] + moved)[fingers]
    first, second = (np.linalg.svd(points - points.mean(0), compute_uv=False) for points in (rest, closed))
    assert second[0] < 0.75 * first[0]  # across
    along = template().attributes[fingers, 3]
    reach = [
        np.linalg.norm(points[along > 2.7].mean(0) - points[along < 2.6].mean(0)) for points in (rest, closed)
    ]
    assert reach[1] > 0.8 * reach[0]  # fingers stay as long as they are
    assert not moved[attributes[:, 3] < 2.3].any()
