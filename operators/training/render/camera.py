"""Pinhole cameras: matrices that take metres in the world (Z up) to the picture, as OpenGL has them."""

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.random import Generator

Window = tuple[float, float, float, float]  # left, top, right, bottom; 0 to 1 over the picture, y down
_NEAR, _FAR = 0.1, 120.0  # metres; nothing outside is drawn


@dataclass(frozen=True)
class SceneCamera:
    """At `eye` float64 [3], looking at `target` float64 [3]. `fov` is the vertical angle in degrees, `aspect` width by
    height; with a `window`, that part of the picture fills the frame."""

    eye: np.ndarray
    target: np.ndarray
    fov: float
    aspect: float
    window: Window | None = None

    @cached_property
    def forward(self) -> np.ndarray:
        """Unit vector float64 [3] along the view axis."""
        return _unit(self.target - self.eye)

    @cached_property
    def matrix(self) -> np.ndarray:
        """float64 [4,4], from the world to clip space."""
        projection = perspective(self.fov, self.aspect)
        if self.window is not None:
            projection = _stretch(self.window) @ projection
        return projection @ view(self.eye, self.target)


def view(eye: np.ndarray, target: np.ndarray, up: tuple[float, float, float] = (0, 0, 1)) -> np.ndarray:
    """float64 [4,4], from the world to a camera that looks along its -Z."""
    forward = _unit(target - eye)
    right = _unit(np.cross(forward, up))
    matrix = np.eye(4)
    matrix[0, :3], matrix[1, :3], matrix[2, :3] = right, np.cross(right, forward), -forward
    matrix[:3, 3] = -matrix[:3, :3] @ eye
    return matrix


def ahead(yaw: float, pitch: float) -> np.ndarray:
    """Unit vector float64 [3] of a direction in radians; yaw 0 looks along +Y, pi/2 along +X."""
    return np.array([np.sin(yaw) * np.cos(pitch), np.cos(yaw) * np.cos(pitch), np.sin(pitch)])


def perspective(fov: float, aspect: float) -> np.ndarray:
    """float64 [4,4]; `fov` is the vertical angle in degrees."""
    scale, depth = 1 / np.tan(np.radians(fov) / 2), _NEAR - _FAR
    return np.array(
        [
            [scale / aspect, 0, 0, 0],
            [0, scale, 0, 0],
            [0, 0, (_FAR + _NEAR) / depth, 2 * _FAR * _NEAR / depth],
            [0, 0, -1, 0],
        ]
    )


def orthographic(half: float, near: float, far: float) -> np.ndarray:
    """float64 [4,4] of a square 2 `half` wide, for shadows."""
    scale, depth = 1 / half, far - near
    return np.array(
        [[scale, 0, 0, 0], [0, scale, 0, 0], [0, 0, -2 / depth, -(far + near) / depth], [0, 0, 0, 1]]
    )


def project(matrix: np.ndarray, points: np.ndarray, width: int = 1, height: int = 1) -> np.ndarray:
    """Points [...,3] to [...,3]: x and y in pixels, y down, and the distance along the view axis in metres."""
    x, y, _, w = np.moveaxis(np.concatenate([points, np.ones((*points.shape[:-1], 1))], -1) @ matrix.T, -1, 0)
    return np.stack([(x / w * 0.5 + 0.5) * width, (0.5 - 0.5 * y / w) * height, w], -1)


def sway(rng: Generator, frames: int, fps: float, amount: float) -> tuple[np.ndarray, np.ndarray]:
    """A hand-held camera: smooth offsets float64 [T,3] of eye and target in metres; `amount` 0 stands still."""
    seconds = np.arange(frames) / fps

    def wave(metres: float) -> np.ndarray:
        total = np.zeros(frames)
        for hertz in (0.3, 0.7, 1.3, 2.9):
            total += rng.normal() * np.sin(2 * np.pi * (hertz * seconds + rng.random()))
        return 0.4 * (metres * amount) * total

    eye = np.stack([wave(0.03), wave(0.03), wave(0.02)], 1)
    target = np.stack([wave(0.03), wave(0.02), wave(0.03)], 1)
    return eye, target


def _unit(vector: np.ndarray) -> np.ndarray:
    return vector / np.linalg.norm(vector)


def _stretch(window: Window) -> np.ndarray:
    """float64 [4,4] that spreads a window over the whole frame."""
    left, top, right, bottom = window
    wide, tall = 1 / (right - left), 1 / (bottom - top)
    x, y = (left + right) - 1, 1 - (top + bottom)
    return np.array([[wide, 0, 0, -x * wide], [0, tall, 0, -y * tall], [0, 0, 1, 0], [0, 0, 0, 1]])
