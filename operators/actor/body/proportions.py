"""A body with longer or shorter limbs, wider or narrower across: its bones stretched, and the flesh with them."""

from pathlib import Path

import numpy as np

from operators.actor.body.body import WEIGHTS, Body, body_of, template
from operators.actor.body.skeleton import BONES, PARENTS
from schemas.actor import Proportions

# Bones that are stretched along themselves, each with the bone where it ends; and those that are only across.
_ALONG = {
    "upper_leg": ("upperleg01", "lowerleg01"),
    "lower_leg": ("lowerleg01", "foot"),
    "upper_arm": ("upperarm01", "lowerarm01"),
    "lower_arm": ("lowerarm01", "wrist"),
}
_ACROSS = {"shoulders": ("spine02", "spine01", "clavicle.L", "clavicle.R"), "hips": ("root",)}


def proportioned(body: Body, by: Proportions, path: Path = WEIGHTS) -> Body:
    """The body with its lengths multiplied."""
    shared, old = template(path), body.skeleton.heads
    stretch = _stretches(old, by)
    new = old.copy()
    for bone, parent in enumerate(PARENTS):
        if parent >= 0:
            new[bone] = new[parent] + stretch[parent] @ (old[bone] - old[parent])
    shift = new - np.einsum("bij,bj->bi", stretch, old)
    skinning = shared.skinning.astype(np.float64)
    turn = (skinning @ stretch.reshape(-1, 9)).reshape(-1, 3, 3)
    vertices = np.einsum("vij,vj->vi", turn, body.vertices.astype(np.float64)) + skinning @ shift
    return body_of(vertices.astype(np.float32), new, shared)


def _stretches(heads: np.ndarray, by: Proportions) -> np.ndarray:
    """[23,3,3]: what becomes of what lies about each bone's head."""
    made = np.tile(np.eye(3), (len(BONES), 1, 1))
    for name, (bone, end) in _ALONG.items():
        for side in "LR":
            number = BONES.index(f"{bone}.{side}")
            along = heads[BONES.index(f"{end}.{side}")] - heads[number]
            along = along / np.linalg.norm(along)
            made[number] += (getattr(by, name) - 1) * np.outer(along, along)
    for name, bones in _ACROSS.items():
        for bone in bones:
            made[BONES.index(bone), 0, 0] = getattr(by, name)
    return made
