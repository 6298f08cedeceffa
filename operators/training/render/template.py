"""The template body: triangles, and what every vertex is part of (`build_template.py` made the file)."""

from dataclasses import dataclass, fields
from functools import cached_property
from pathlib import Path

import numpy as np

FILE = Path(__file__).with_name("template.npz")
SKIN_VERTICES = (
    13380  # the first ones are the naked body's; then come eyes, lashes, shells for hair and clothes
)


@dataclass(frozen=True)
class MeshTemplate:
    """The body model's mesh in its own pose: metres, facing -Y, Z up, X its left; z is 0 at the hips.

    Triangles int32 [N,3] of body, eyes, tights (the shell for all clothes but skirts), skirt, hair and lashes. By
    vertex: rest float32 [V,3]; arm_along float32 [V], 0 at the shoulder, 1 at the elbow, 2 at the wrist; how much it
    belongs to an arm, the head, the lips and the eyelids, float32 [V] from 0 to 1. joints float32 [104,3].
    """

    body: np.ndarray
    eyes: np.ndarray
    tights: np.ndarray
    skirt: np.ndarray
    hair: np.ndarray
    lashes: np.ndarray
    rest: np.ndarray
    arm_along: np.ndarray
    arm_weight: np.ndarray
    head_weight: np.ndarray
    lips: np.ndarray
    eyelids: np.ndarray
    joints: np.ndarray
    joint_names: list[str]

    @classmethod
    def load(cls) -> "MeshTemplate":
        """As it lies beside this file."""
        with np.load(FILE) as stored:
            arrays = {field.name: stored[field.name] for field in fields(cls)}
        return cls(**{**arrays, "joint_names": arrays["joint_names"].tolist()})

    def joint(self, name: str) -> np.ndarray:
        """Place of the joint at a bone's head, float32 [3]."""
        return self.joints[self.joint_names.index(name)]

    @cached_property
    def faces(self) -> dict[str, np.ndarray]:
        """Triangles by surface, as `surfaces` of operators/actor/drawing/parts.py takes them."""
        return {name: getattr(self, name) for name in ("body", "eyes", "tights", "skirt", "hair")}

    @cached_property
    def attributes(self) -> np.ndarray:
        """What garments are cut by, float32 [V,8]: the columns are those of operators/actor/body/body.Template."""
        names = ("rest", "arm_along", "arm_weight", "head_weight", "lips", "eyelids")
        return np.column_stack([getattr(self, name) for name in names])

    @cached_property
    def surface(self) -> np.ndarray:
        """All triangles, int32 [N,3], for normals."""
        return np.concatenate([self.body, self.eyes, self.tights, self.skirt, self.hair, self.lashes])

    @cached_property
    def feet(self) -> tuple[np.ndarray, np.ndarray]:
        """Vertices of the left and of the right foot."""
        skin = self.rest[:SKIN_VERTICES]
        low = skin[:, 2] < -0.80
        left = skin[:, 0] > 0
        return np.nonzero(low & left)[0], np.nonzero(low & ~left)[0]
