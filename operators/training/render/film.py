"""Actors before cameras: frames, and the labels that come with them."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from operators.training.render.acting import Performer
from operators.training.render.body import BodyModel
from operators.training.render.camera import SceneCamera, project
from operators.training.render.figures import PosedFigure
from operators.training.render.renderer import Renderer
from operators.training.render.scenery.places import Place
from operators.training.render.template import MeshTemplate

_INSIDE = 0.16  # metres: a joint is inside the body, and the surface before it may be that much nearer
_NEAR, _SEEN_FROM = 0.1, 0.2  # metres before the camera from which on a joint counts, and a whole body


@dataclass(frozen=True)
class Rendering:
    """What a shard holds of one scene. frames uint8 [T,H,W,3]; masks uint8 [T,H,W], i+1 is facts["people"][i];
    keypoints float32 [T,P,17,3], visibility 0 outside, 1 hidden, 2 visible; depth float32 [T,H,W] metres, 0 sky."""

    frames: np.ndarray
    masks: np.ndarray
    keypoints: np.ndarray
    depth: np.ndarray
    facts: dict[str, Any]


@dataclass(frozen=True)
class Take:
    """A rendering's arrays before the camera's own look, and of each actor what can be seen of them."""

    frames: np.ndarray
    masks: np.ndarray
    keypoints: np.ndarray
    depth: np.ndarray
    seen: list[dict[str, Any]]


class Studio:
    """The body model and the renderer: made once in a process. Raises UserError if what they need is missing."""

    def __init__(self) -> None:
        template = MeshTemplate.load()
        self.body, self.renderer = BodyModel(template), Renderer(template)

    def film(
        self,
        actors: Sequence[Performer],
        cameras: Sequence[SceneCamera],
        place: Place,
        width: int,
        height: int,
    ) -> Take:
        """One camera a frame."""
        self.renderer.set_scenery(place.triangles)
        shape = len(cameras), height, width
        frames, masks = np.empty((*shape, 3), np.uint8), np.empty(shape, np.uint8)
        depth = np.empty(shape, np.float32)
        keypoints = np.zeros((len(cameras), len(actors), 17, 3), np.float32)
        heights = np.full((len(actors), len(cameras)), np.nan)
        for t, camera in enumerate(cameras):
            figures = [
                PosedFigure(actor.vertices[t], actor.normals[t], actor.person.looks, number)
                for number, actor in enumerate(actors, 1)
            ]
            picture = self.renderer.draw(figures, camera, place.light, width, height)
            frames[t], masks[t], depth[t] = picture.rgb, picture.people, picture.depth
            for i, actor in enumerate(actors):
                keypoints[t, i] = label(camera, actor.keypoints[t], picture.depth)
                heights[i, t] = _height(camera, actor.skin[t], width, height)
        seen = [_seen(masks == number, heights[number - 1]) for number in range(1, len(actors) + 1)]
        return Take(frames, masks, keypoints, depth, seen)


def label(camera: SceneCamera, joints: np.ndarray, depth: np.ndarray) -> np.ndarray:
    """Joints [17,3] in the world to x, y in pixels and visibility, float32 [17,3]; depth float32 [H,W] in metres."""
    height, width = depth.shape
    x, y, away = project(camera.matrix, joints, width, height).T
    before = away > _NEAR
    x, y, away = (np.where(before, axis, 0) for axis in (x, y, away))
    inside = before & (x >= 0) & (x < width) & (y >= 0) & (y < height)
    surface = depth[np.clip(y.astype(int), 0, height - 1), np.clip(x.astype(int), 0, width - 1)]
    clear = (away < surface + _INSIDE) | (surface <= 0)
    visibility = np.where(inside, np.where(clear, 2, 1), 0)
    limited = np.clip(x, -width, 2 * width), np.clip(y, -height, 2 * height)
    return np.stack([*limited, visibility], 1).astype(np.float32)


def _height(camera: SceneCamera, skin: np.ndarray, width: int, height: int) -> float:
    """Pixels from the top to the bottom of a body, hidden or not; NaN if part of it is behind the camera."""
    points = project(camera.matrix, skin[::8], width, height)
    return float(np.ptp(points[:, 1])) if (points[:, 2] > _SEEN_FROM).all() else np.nan


def _seen(mask: np.ndarray, heights: np.ndarray) -> dict[str, Any]:
    """mask bool [T,H,W], heights float64 [T] -> least and greatest height where anything shows, and for how long."""
    shows = mask.any((1, 2))
    known = heights[shows & ~np.isnan(heights)]
    span = [round(float(known.min()), 1), round(float(known.max()), 1)] if len(known) else None
    return {"height_px": span, "frames_visible": int(shows.sum())}
