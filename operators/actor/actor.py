"""A track's joints and a seed -> an actor: parameters that are carried, and the picture that they make.

By signature nothing of a person's pixels, outline or colours can enter.
"""

from dataclasses import replace
from functools import lru_cache
from typing import TYPE_CHECKING

import numpy as np

from operators.actor.body.body import Body, make_body
from operators.actor.body.proportions import proportioned
from operators.actor.body.skeleton import Pose
from operators.actor.looks.persona import follow
from operators.actor.motion.fingers import bent_fingers
from operators.actor.motion.fit import fit
from operators.actor.motion.proportions import proportions_of
from operators.actor.motion.solve import Camera
from schemas.actor import Actor, Light, Proportions
from schemas.policy import Body as Whose

if TYPE_CHECKING:  # drawn by torch, which takes seconds to import, and only who draws needs it
    from operators.actor.drawing.draw import Drawing
    from operators.actor.drawing.garments import Figure

_COCO = 17
# Knuckles of index finger, little finger and thumb of the left and of the right hand among PoseDetections' points.
_KNUCKLES = [17 + 5, 17 + 17, 17 + 3, 38 + 5, 38 + 17, 38 + 3]
_OWN = Proportions()
_REACH = 0.12  # of the body's height: what skin, clothes and hair reach beyond the bones


def actor(
    joints: np.ndarray,
    boxes: np.ndarray,
    size: tuple[int, int],
    fps: float,
    seed: int,
    persona: str = "",
    lifted: np.ndarray | None = None,
    body: Whose = "actor",
    shared: tuple[int, int] = (0, 0),
) -> Actor | None:
    """The actor for one track, or None where the joints show nobody: such a track gets a fill and no actor.

    joints float32 [N,K,3] as in schemas/cues.PoseDetections, x, y in px and score; of a hand three knuckles count,
    and where all of it is seen its fingers; boxes [N,4] x0 y0 x1 y1 px; size (height, width) of the frame; lifted
    [N,17,3], a 3D lifter's joints in metres, as a hint. The actor's limbs are as long as their own, or with `body`
    "source" as those of who was there, as far as the joints tell. `shared` are how many of the first and of the last
    frames the clips before and after have, too, in which their actor moves alike. The same arguments give the same
    actor. Raises ValueError for what is not finite, UserError for a persona that nobody can look like.
    """
    points, taken = _points(joints), _OWN
    if body == "source":
        taken = proportions_of(_body(persona, seed), points, boxes, size, fps, lifted)
    motion = fit(_body(persona, seed, taken), points, boxes, size, fps, lifted, shared)
    if motion is None:
        return None
    return Actor(replace(motion, fingers=bent_fingers(joints)), size, seed, persona, taken)


def _points(joints: np.ndarray) -> np.ndarray:
    """[N,23,3]: the body's joints and the hands' knuckles, whose score is 0 where `joints` has no hands."""
    points = np.zeros((len(joints), _COCO + len(_KNUCKLES), 3), joints.dtype)
    points[:, :_COCO] = joints[:, :_COCO]
    if joints.shape[1] > max(_KNUCKLES):
        points[:, _COCO:] = joints[:, _KNUCKLES]
    return points


def draw(
    actor: Actor, t: int, light: Light | None = None, box: tuple[int, int, int, int] | None = None
) -> "tuple[tuple[int, int, int, int], Drawing]":
    """Frame `t` of the track, and the box x0 y0 x1 y1 px within the frame that it fills (or that was asked for)."""
    from operators.actor.drawing.draw import draw as draw_figure

    pose, root = posed(actor, t)
    camera = _camera(actor)
    box = box or reach(actor, t)
    figure = _figure(actor.persona, actor.seed, actor.proportions)
    bent = actor.motion.fingers[t].tolist()
    return box, draw_figure(
        figure, pose.rotations[0], pose.heads[0], root, camera, box, light or Light(), bent
    )


def posed(actor: Actor, t: int) -> tuple[Pose, np.ndarray]:
    """The body's pose in frame `t`, and where its root is, [3] metres in camera space."""
    row, place = actor.motion.pose[t].astype(float), actor.motion.place[t].astype(float)
    pose = _body_of(actor).skeleton.pose(row[None, 0], row[None, 1:])
    depth = np.exp(place[2])
    return pose, np.array([place[0] * depth, depth, place[1] * depth])


def keypoints(actor: Actor) -> np.ndarray:
    """float32 [N,17,2] px: the actor's own COCO joints, exact labels of what is drawn."""
    pose = _body_of(actor).skeleton.pose(
        actor.motion.pose[:, 0].astype(float), actor.motion.pose[:, 1:].astype(float)
    )
    place = actor.motion.place.astype(float)
    depth = np.exp(place[:, 2])
    root = np.stack([place[:, 0] * depth, depth, place[:, 1] * depth], 1)
    return _camera(actor).project(pose.joints[:, :_COCO] + root[:, None]).astype(np.float32)


def reach(actor: Actor, t: int) -> tuple[int, int, int, int]:
    """x0 y0 x1 y1 px: the part of the frame that the actor may cover; empty (x1 <= x0) where they are out of it."""
    pose, root = posed(actor, t)
    camera = _camera(actor)
    points = camera.project(np.concatenate([pose.heads[0], pose.joints[0]]) + root)
    margin = _REACH * camera.focal * _body_of(actor).height / max(root[1], 0.05)
    low, high = np.floor(points.min(0) - margin), np.ceil(points.max(0) + margin)
    limits = np.array([actor.size[1], actor.size[0]])
    (x0, y0), (x1, y1) = np.clip(low, 0, limits).astype(int), np.clip(high, 0, limits).astype(int)
    return int(x0), int(y0), int(x1), int(y1)


def _camera(actor: Actor) -> Camera:
    return Camera(actor.motion.focal, (actor.size[1] / 2, actor.size[0] / 2))


def _body_of(actor: Actor) -> Body:
    return _body(actor.persona, actor.seed, actor.proportions)


@lru_cache(maxsize=64)
def _body(persona: str, seed: int, proportions: Proportions = _OWN) -> Body:
    own = make_body(follow(persona, seed).identity.shape)
    return own if proportions == _OWN else proportioned(own, proportions)


@lru_cache(maxsize=32)
def _figure(persona: str, seed: int, proportions: Proportions) -> "Figure":
    from operators.actor.drawing.garments import dress

    return dress(_body(persona, seed, proportions), follow(persona, seed))
