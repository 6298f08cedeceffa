"""DWPose's picture of people as VACE's annotator shows it, computed pixel by pixel instead of drawn.

From its published facts: 17 limbs as ellipses of half-width 4 px at 0.6 of their colour, the later on top of the
earlier; 18 joints as discs of radius 4 px on top of them; fingers as lines of 2 px with discs at their joints; 18 hues
of 20 degrees around the wheel; and red and blue changed places. Colours stand here as they are seen, in RGB. What a
limb touches by half a pixel is its own, as in OpenCV.
"""

import colorsys

import numpy as np

SEEN = [
    *[(0, 0, 255), (0, 85, 255), (0, 170, 255), (0, 255, 255), (0, 255, 170), (0, 255, 85)],
    *[(0, 255, 0), (85, 255, 0), (170, 255, 0), (255, 255, 0), (255, 170, 0), (255, 85, 0)],
    *[(255, 0, 0), (255, 0, 85), (255, 0, 170), (255, 0, 255), (170, 0, 255), (85, 0, 255)],
]
NAMES = "nose neck r_shoulder r_elbow r_wrist l_shoulder l_elbow l_wrist r_hip r_knee r_ankle l_hip l_knee l_ankle"
JOINTS = [*NAMES.split(), "r_eye", "l_eye", "r_ear", "l_ear"]
COCO = "nose l_eye r_eye l_ear r_ear l_shoulder r_shoulder l_elbow r_elbow l_wrist r_wrist l_hip r_hip l_knee r_knee"
COCO_JOINTS = [*COCO.split(), "l_ankle", "r_ankle"]
LIMBS = """
neck-r_shoulder neck-l_shoulder r_shoulder-r_elbow r_elbow-r_wrist l_shoulder-l_elbow l_elbow-l_wrist
neck-r_hip r_hip-r_knee r_knee-r_ankle neck-l_hip l_hip-l_knee l_knee-l_ankle
neck-nose nose-r_eye r_eye-r_ear nose-l_eye l_eye-l_ear"""


def picture(people: np.ndarray, height: int, width: int) -> np.ndarray:
    """uint8 [H,W,3] of people float32 [P,17 or 59,3], in COCO's order, hands after the body."""
    y, x = np.mgrid[:height, :width].astype(float)
    canvas = np.zeros((height, width, 3))
    known = [_by_name(person) for person in people]
    for limb, colour in zip(LIMBS.split(), SEEN, strict=False):
        first, second = limb.split("-")
        for joints in known:
            if first in joints and second in joints:
                (ax, ay), (bx, by) = joints[first], joints[second]
                long, angle = np.hypot(ax - bx, ay - by) / 2, np.arctan2(ay - by, ax - bx)
                dx, dy = x - (ax + bx) / 2, y - (ay + by) / 2
                along, across = (
                    dx * np.cos(angle) + dy * np.sin(angle),
                    dy * np.cos(angle) - dx * np.sin(angle),
                )
                canvas[(along / (long + 0.5)) ** 2 + (across / 4.5) ** 2 <= 1] = 0.6 * np.array(colour)
    for joint, colour in zip(JOINTS, SEEN, strict=True):
        for joints in known:
            if joint in joints:
                canvas[np.hypot(x - joints[joint][0], y - joints[joint][1]) <= 4.2] = colour
    for person in people:
        for start in range(17, len(person), 21):
            _hand(canvas, np.floor(person[start : start + 21, :2]), x, y)
    return canvas.astype(np.uint8)


def _by_name(person: np.ndarray) -> dict[str, tuple[int, int]]:
    joints = {n: (int(p[0]), int(p[1])) for n, p in zip(COCO_JOINTS, person, strict=False) if p[2] > 0.3}
    if "l_shoulder" in joints and "r_shoulder" in joints:
        middle = (person[5, :2] + person[6, :2]) / 2
        joints["neck"] = int(middle[0]), int(middle[1])
    return joints


def _hand(canvas: np.ndarray, hand: np.ndarray, x: np.ndarray, y: np.ndarray) -> None:
    for number in range(20):
        a, b = hand[0 if number % 4 == 0 else number], hand[number + 1]
        share = ((x - a[0]) * (b - a)[0] + (y - a[1]) * (b - a)[1]) / max(((b - a) ** 2).sum(), 1)
        share = np.clip(share, 0, 1)
        near = np.hypot(x - a[0] - share * (b - a)[0], y - a[1] - share * (b - a)[1]) <= 1.2
        red, green, blue = colorsys.hsv_to_rgb(number / 20, 1, 1)
        canvas[near] = 255 * np.array([blue, green, red])
    for point in hand:
        canvas[np.hypot(x - point[0], y - point[1]) <= 4.2] = (255, 0, 0)
