"""A street with writing in it: a shop's sign on a wall, and a plate on a car that drives past."""

import cv2
import numpy as np

SIGN, PLATE = "BAKERY", "KXR 4827"
HEIGHT, WIDTH = 192, 320


def street(frames: int, sign: str = SIGN, plate: str = PLATE, speed: int = 5) -> np.ndarray:
    """uint8 [T,192,320,3] RGB; the car moves `speed` px a frame to the right, the sign hangs at the left above."""
    scene = np.full((HEIGHT, WIDTH, 3), (150, 140, 130), np.uint8)
    scene[110:] = (90, 92, 95)
    rng = np.random.default_rng(3)
    grain = cv2.resize(rng.normal(0, 9, (HEIGHT // 4, WIDTH // 4, 1)).astype(np.float32), (WIDTH, HEIGHT))
    scene = np.clip(scene + grain[..., None], 0, 255).astype(np.uint8)
    if sign:
        write(scene, sign, 16, 18, 20, (235, 230, 220), (120, 20, 20))
    clip = np.repeat(scene[None], frames, axis=0)
    for t, frame in enumerate(clip):
        x = 40 + speed * t
        cv2.rectangle(frame, (x, 100), (x + 130, 165), (40, 60, 120), -1)
        cv2.rectangle(frame, (x + 15, 78), (x + 115, 104), (60, 70, 90), -1)
        for wheel in (x + 22, x + 108):
            cv2.circle(frame, (wheel, 166), 13, (20, 20, 20), -1)
        if plate:
            write(frame, plate, x + 32, 130, 13, (245, 245, 245), (15, 15, 15))
    return clip


def write(
    frame: np.ndarray, text: str, x: int, y: int, height: int, paper: tuple[int, ...], ink: tuple[int, ...]
) -> None:
    """Letters of `height` px on a board whose corner is x, y; drawn large and scaled down, as a camera would."""
    (width, tall), _ = cv2.getTextSize(text, cv2.FONT_HERSHEY_DUPLEX, 3, 7)
    board = np.full((tall + 50, width + 50, 3), paper, np.uint8)
    cv2.putText(board, text, (25, tall + 25), cv2.FONT_HERSHEY_DUPLEX, 3, ink, 7, cv2.LINE_AA)
    scale = height / tall
    board = cv2.resize(board, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)
    part = frame[y : y + board.shape[0], x : x + board.shape[1]]
    part[:] = board[: part.shape[0], : part.shape[1]]
