"""Cameras and labels: where joints are in the picture, and which are hidden; skin that clothes hide for certain."""

from dataclasses import replace

import numpy as np
import torch

from operators.actor.drawing.parts import bare_skin
from operators.actor.looks.sampling import sample_looks
from operators.training.render.camera import SceneCamera, project, sway
from operators.training.render.film import label
from operators.training.render.template import MeshTemplate

CAMERA = SceneCamera(np.array([0.0, -5.0, 1.0]), np.array([0.0, 0.0, 1.0]), fov=40.0, aspect=2.0)


def test_what_a_camera_looks_at_is_in_the_middle() -> None:
    x, y, away = project(CAMERA.matrix, np.array([0.0, 0.0, 1.0]), 200, 100)
    np.testing.assert_allclose([x, y, away], [100, 50, 5])
    right, above = project(CAMERA.matrix, np.array([[1.0, 0, 1], [0, 0, 1.5]]), 200, 100)
    assert right[0] > 100  # +X is to the right of who looks along +Y
    assert above[1] < 50


def test_a_window_fills_the_frame() -> None:
    corner = np.array([0.4, -1.0, 1.3])
    x, y, _ = project(CAMERA.matrix, corner)
    framed = replace(CAMERA, window=(x, y, x + 0.2, y + 0.1))
    np.testing.assert_allclose(project(framed.matrix, corner, 64, 64)[:2], [0, 0], atol=1e-9)


def test_a_hand_held_camera_sways_little_and_a_tripod_not_at_all() -> None:
    for amount, least, most in ((0.0, 0.0, 0.0), (1.5, 0.001, 0.4)):
        for offset in sway(np.random.default_rng(0), 24, 12, amount):
            assert least <= np.abs(offset).max() <= most


def test_joints_are_visible_hidden_or_outside() -> None:
    depth = np.full((100, 200), 5.0, np.float32)
    depth[:, 110:] = 3.0  # something in the way, to the right
    joints = np.zeros((17, 3))
    joints[:, 2] = 1.0
    joints[1] = [1.0, 0, 1]  # behind it
    joints[2] = [30.0, 0, 1]  # right of the frame
    joints[3] = [0, -9, 1]  # behind the camera
    joints[4] = [0, 0.1, 1]  # inside the body whose surface is seen
    labelled = label(CAMERA, joints, depth)
    assert labelled.dtype == np.float32
    assert labelled[:5, 2].tolist() == [2, 1, 0, 0, 2]
    np.testing.assert_allclose(labelled[0, :2], [100, 50])
    assert labelled[2, 0] == 400  # at most one frame outside
    assert label(CAMERA, joints, np.zeros((100, 200), np.float32))[1, 2] == 2  # nothing but sky before it


def test_clothes_hide_the_trunk_but_never_the_head_or_the_hands() -> None:
    template = MeshTemplate.load()
    attributes = torch.from_numpy(template.attributes)
    everywhere = set(map(tuple, template.body.tolist()))
    for seed in range(4):
        bare = set(map(tuple, bare_skin(template.body, sample_looks(seed, seed).outfit, attributes).tolist()))
        assert bare < everywhere
        hidden = np.array(sorted(everywhere - bare))
        assert template.head_weight[hidden].max() < 0.5
        assert template.arm_along[hidden][template.arm_weight[hidden] > 0.5].max() < 2.0
