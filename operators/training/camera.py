"""A camera and a codec: what renderings lack."""

import cv2
import numpy as np


def degrade_picture(picture: np.ndarray, rng: np.random.Generator, hidden: float = 0.2) -> np.ndarray:
    """What cameras and codecs do, which renderings lack: gray, blur, noise, low resolution, exposure, and in a share
    `hidden` of pictures something in the way. uint8 [H,W,3]."""
    height, width = picture.shape[:2]
    if rng.random() < 0.1:
        picture = cv2.cvtColor(cv2.cvtColor(picture, cv2.COLOR_BGR2GRAY), cv2.COLOR_GRAY2BGR)
    if rng.random() < 0.25:
        factor = rng.uniform(0.4, 0.9)
        small = cv2.resize(picture, None, fx=factor, fy=factor, interpolation=cv2.INTER_AREA)
        picture = cv2.resize(small, (width, height), interpolation=cv2.INTER_LINEAR)
    if rng.random() < 0.25:
        picture = cv2.GaussianBlur(picture, (0, 0), rng.uniform(0.4, 1.5))
    if rng.random() < 0.3:
        picture = cv2.LUT(picture, (255 * np.linspace(0, 1, 256) ** rng.uniform(0.5, 2)).astype(np.uint8))
    if rng.random() < 0.3:
        noise = rng.normal(0, rng.uniform(2, 14), picture.shape)
        picture = np.clip(picture + noise, 0, 255).astype(np.uint8)
    if rng.random() < hidden:
        x, y, w, h = (int(v) for v in rng.integers([0, 0, 10, 10], [width - 10, height - 10, 60, 60]))
        picture = picture.copy()
        picture[y : y + h, x : x + w] = rng.integers(0, 256, 3)
    return picture
