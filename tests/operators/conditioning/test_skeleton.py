import cv2
import numpy as np
import pytest

from operators.conditioning.skeleton import ANNOTATED, draw_skeleton, openpose
from tests.operators.conditioning.dwpose_picture import picture

# Somebody who strides, seen from the front, in a frame of 832 x 480: COCO's 17 points.
STRIDE = [
    *[(416, 70), (424, 62), (408, 62), (434, 66), (398, 66), (450, 120), (382, 122), (476, 190), (352, 186)],
    *[(470, 258), (340, 250), (438, 250), (394, 250), (452, 345), (378, 340), (440, 440), (362, 430)],
]


def person() -> np.ndarray:
    points = np.zeros((1, 17, 3), np.float32)
    points[0, :, 0], points[0, :, 1], points[0, :, 2] = np.linspace(10, 54, 17), np.linspace(8, 88, 17), 1
    return points


def strider() -> np.ndarray:
    return np.array([[(*point, 1) for point in STRIDE]], np.float32)


def with_hands() -> np.ndarray:
    body = strider()[0]
    fingers = [(0, 0), *[(8 * f + 4 * s - 20, 10 + 8 * s) for f in range(5) for s in range(4)]]
    hands = [(body[wrist, 0] + 2 * x, body[wrist, 1] + 2 * y, 1) for wrist in (9, 10) for x, y in fingers]
    return np.concatenate([body, np.array(hands, np.float32)])[None]


def crowd() -> np.ndarray:
    first, second, third = strider()[0], strider()[0] + [60, 15, 0], strider()[0] - [250, -20, 0]
    third[5, 2] = 0.2  # a shoulder that is not known: no neck
    return np.stack([first, second, third]).astype(np.float32)


@pytest.mark.parametrize("people", [strider(), crowd(), with_hands()], ids=["one", "three", "with hands"])
def test_skeletons_are_dwposes_as_vace_and_the_papers_adapters_know_them(people: np.ndarray) -> None:
    made, expected = draw_skeleton(people, 480, 832), picture(people, 480, 832)
    drawn = made.any(axis=2) | expected.any(axis=2)
    alike = (np.abs(made.astype(int) - expected) <= 2).all(axis=2)
    inside = cv2.erode(expected.any(axis=2).astype(np.uint8), np.ones((3, 3))) > 0
    assert alike[inside].mean() > 0.98
    assert alike[drawn].mean() > 0.88  # rasters differ along edges, which are a large part of strokes of 8 px
    np.testing.assert_allclose(made.mean(axis=(0, 1)), expected.mean(axis=(0, 1)), rtol=0.06)


@pytest.mark.parametrize(("limb", "colour"), [
    ("right shoulder", (0, 0, 153)), ("neck", (153, 0, 0)), ("right thigh", (51, 153, 0)),
    ("left shin", (153, 51, 0)), ("left upper arm", (0, 153, 102)),
])  # fmt: skip
def test_the_colours_of_limbs_tell_left_from_right(limb: str, colour: tuple[int, int, int]) -> None:
    ends = {"right shoulder": (6, None), "neck": (0, None), "right thigh": (12, 14), "left shin": (13, 15),
            "left upper arm": (5, 7)}[limb]  # fmt: skip
    neck = (strider()[0, 5] + strider()[0, 6]) / 2
    a, b = (neck if end is None else strider()[0, end] for end in ends)
    x, y = ((a + b) / 2)[:2].astype(int)
    assert tuple(draw_skeleton(strider(), 480, 832)[y, x]) == colour


def test_nothing_below_the_waist_is_blue() -> None:
    made = draw_skeleton(strider(), 480, 832)[270:].astype(int)
    assert made.any() and made[..., 2].max() == 85  # the left ankle's dot is rose: 255, 0, 85
    assert draw_skeleton(strider(), 480, 832)[:270, ..., 2].max() == 255


@pytest.mark.parametrize(("height", "width"), [(480, 832), (416, 240)])
def test_on_a_tube_strokes_are_as_vaces_annotator_scales_them(height: int, width: int) -> None:
    """It draws on 1024 px of the shorter side and scales to the video's size."""
    scale = ANNOTATED / min(height, width)
    people = strider() * np.array([width / 832, height / 480, 1], np.float32)
    large = picture(people * np.array([scale, scale, 1]), round(height * scale), round(width * scale))
    expected = cv2.resize(large, (width, height), interpolation=cv2.INTER_AREA).astype(int)
    made = draw_skeleton(people, height, width, drawn_at=ANNOTATED)
    assert np.abs(made - expected)[expected.any(axis=2)].mean() < 12
    assert made.astype(float).sum() == pytest.approx(expected.sum(), rel=0.02)


def test_bold_strokes_are_what_the_embedded_generator_was_trained_on() -> None:
    made = draw_skeleton(person(), 96, 64, "bold")
    assert tuple(made[8, 10]) == (255, 0, 0)  # the nose is red: nothing is flipped
    assert int(made.astype(np.int64).sum()) == 137973


def test_the_neck_lies_between_the_shoulders_and_needs_both() -> None:
    points = person()
    neck = openpose(points, 0.3)[0, 1]
    np.testing.assert_allclose(neck[:2], points[0, 5:7, :2].mean(axis=0), rtol=1e-6)
    points[0, 5, 2] = 0.2
    assert openpose(points, 0.3)[0, 1, 2] == 0


@pytest.mark.parametrize("style", ["dwpose", "bold"])
def test_joints_are_drawn_where_they_are_and_nowhere_else(style: str) -> None:
    picture = draw_skeleton(person(), 96, 64, style)  # type: ignore[arg-type]
    assert picture.shape == (96, 64, 3)
    assert all(picture[int(y), int(x)].any() for x, y, _ in person()[0])
    assert not draw_skeleton(np.zeros((0, 17, 3), np.float32), 96, 64, style).any()  # type: ignore[arg-type]


@pytest.mark.parametrize("style", ["dwpose", "bold"])
def test_what_is_not_known_is_not_drawn(style: str) -> None:
    points = person()
    points[..., 2] = 0.3
    assert not draw_skeleton(points, 96, 64, style).any()  # type: ignore[arg-type]
    points = person()
    points[..., :2] = np.nan
    assert not draw_skeleton(points, 96, 64, style).any()  # type: ignore[arg-type]


def test_fingers_are_drawn_between_their_points_and_a_face_as_dots() -> None:
    points = np.zeros((1, 127, 3), np.float32)
    points[0, 17:19] = [[20, 30, 1], [40, 30, 1]]  # the left wrist and the first joint of its thumb
    fingers = draw_skeleton(points, 96, 64)
    assert fingers[30, 16:45].any(axis=1).all() and not fingers[:24].any()
    assert tuple(fingers[30, 20]) == (255, 0, 0) and tuple(fingers[30, 30]) == (0, 0, 255)
    points[0, 17:59] = 0
    points[0, 100] = [10, 50, 1]
    face = draw_skeleton(points, 96, 64)
    assert tuple(face[50, 10]) == (255, 255, 255) and face.any(axis=2).sum() < 50
    assert not draw_skeleton(points[:, :59], 96, 64).any()
