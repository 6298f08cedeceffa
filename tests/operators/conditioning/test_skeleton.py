import numpy as np

from operators.conditioning.skeleton import draw_skeleton, openpose


def person() -> np.ndarray:
    points = np.zeros((1, 17, 3), np.float32)
    points[0, :, 0], points[0, :, 1], points[0, :, 2] = np.linspace(10, 54, 17), np.linspace(8, 88, 17), 1
    return points


def test_the_neck_lies_between_the_shoulders_and_needs_both() -> None:
    points = person()
    neck = openpose(points, 0.3)[0, 1]
    np.testing.assert_allclose(neck[:2], points[0, 5:7, :2].mean(axis=0), rtol=1e-6)
    points[0, 5, 2] = 0.2
    assert openpose(points, 0.3)[0, 1, 2] == 0


def test_joints_are_drawn_where_they_are_and_nowhere_else() -> None:
    picture = draw_skeleton(person(), 96, 64)
    assert picture.shape == (96, 64, 3)
    assert all(picture[int(y), int(x)].any() for x, y, _ in person()[0])
    assert not draw_skeleton(np.zeros((0, 17, 3), np.float32), 96, 64).any()


def test_what_is_not_known_is_not_drawn() -> None:
    points = person()
    points[..., 2] = 0.3
    assert not draw_skeleton(points, 96, 64).any()
    points = person()
    points[..., :2] = np.nan
    assert not draw_skeleton(points, 96, 64).any()


def test_fingers_are_drawn_between_their_points_and_a_face_as_dots() -> None:
    points = np.zeros((1, 127, 3), np.float32)
    points[0, 17:19] = [[20, 30, 1], [40, 30, 1]]  # the left wrist and the first joint of its thumb
    fingers = np.asarray(draw_skeleton(points, 96, 64).any(axis=2))
    assert fingers[30, 20:41].all() and fingers.sum() < 3 * 25
    points[0, 17:59] = 0
    points[0, 100] = [10, 50, 1]
    face = np.asarray(draw_skeleton(points, 96, 64).any(axis=2))
    assert face[50, 10] and face.sum() < 20
    assert not draw_skeleton(points[:, :59], 96, 64).any()
