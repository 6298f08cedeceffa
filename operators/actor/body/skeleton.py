"""The actor's skeleton: 23 bones, 28 joint angles with limits, forward kinematics and its slopes.

Axes at rest: X to the person's left, Y to the back (the face looks to -Y), Z up; metres and radians. A pose is the yaw
of the whole and a row of ANGLES. All bones' world rotations are the identity in the reference pose, arms hanging out.
"""

from dataclasses import dataclass

import numpy as np

_SPINE = {"spine05": 0.15, "spine04": 0.2, "spine03": 0.25, "spine02": 0.25, "spine01": 0.15}
_NECK = {"neck01": 0.3, "neck02": 0.2, "head": 0.5}
_LIMBS = ("clavicle", "upperarm01", "lowerarm01", "wrist", "upperleg01", "lowerleg01", "foot")
BONES = ("root", *_SPINE, *_NECK, *(f"{name}.{side}" for side in "LR" for name in _LIMBS))
# What each bone hangs from; limbs in the order of _LIMBS.
_TRUNK = ("root", *_SPINE, *_NECK)
_PARENT = dict(zip(_TRUNK[1:], _TRUNK, strict=False)) | {
    f"{child}.{side}": parent if parent in _TRUNK else f"{parent}.{side}"
    for side in "LR"
    for child, parent in zip(
        _LIMBS,
        ("spine01", "clavicle", "upperarm01", "lowerarm01", "root", "upperleg01", "lowerleg01"),
        strict=True,
    )
}
PARENTS = tuple(BONES.index(_PARENT[name]) if name in _PARENT else -1 for name in BONES)


# name: usual angle, how far people stray from it, lowest, highest; degrees
_TRUNK_ANGLES = {
    "pitch": (0, 12, -60, 60),
    "roll": (0, 6, -50, 50),
    "spine": (5, 14, -25, 85),
    "side": (0, 8, -35, 35),
    "twist": (0, 10, -40, 40),
    "nod": (0, 14, -45, 45),
    "tilt": (0, 8, -35, 35),
    "turn": (0, 25, -75, 75),
}
_LIMB_ANGLES = {
    "hip": (8, 25, -30, 125),
    "habd": (4, 9, -20, 55),
    "htw": (0, 10, -35, 35),
    "knee": (12, 30, 0, 150),
    "ank": (0, 10, -35, 30),
    "sflex": (8, 40, -60, 175),
    "sabd": (10, 30, -25, 150),
    "stw": (10, 30, -90, 90),
    "elb": (25, 45, 0, 150),
    "clav": (0, 5, -8, 28),
    "pron": (0, 30, -90, 90),  # the forearm's twist
    "wflex": (0, 20, -65, 65),
    "wdev": (0, 8, -20, 20),
}
_ANGLES = _TRUNK_ANGLES | {name + side: row for side in "LR" for name, row in _LIMB_ANGLES.items()}
ANGLES = tuple(_ANGLES)
USUAL, SPREAD, LOWEST, HIGHEST = np.radians(np.array(list(_ANGLES.values()), float)).T
_YAW = "yaw"
_HIP_SPREAD, _FOREARM_TURN, _WRIST_TURN = np.radians(
    [4.5, -25.0, -15.0]
)  # of the reference pose: palms to the thighs


@dataclass(frozen=True)
class _Turn:
    """One rotation within a bone: about `axis`, by gain * angle + offset; without an angle it is fixed."""

    bone: int
    angle: str
    gain: float
    axis: np.ndarray
    offset: float = 0.0


@dataclass(frozen=True)
class Pose:
    """A body posed over T frames, its root at the origin.

    rotations [T,23,3,3] and heads [T,23,3] of the bones; joints [T,23,3]: COCO's 17, then the knuckles of index finger,
    little finger and thumb of the left and of the right hand; slopes [T,23,3,1+34] of them by yaw and ANGLES, if they
    were asked for.
    """

    rotations: np.ndarray
    heads: np.ndarray
    joints: np.ndarray
    slopes: np.ndarray | None = None


@dataclass(frozen=True)
class Skeleton:
    """Bones of one body and its 23 joints (see Pose), each a weighted mean of points that ride on bones.

    heads [23,3] in the reference pose; shares [23,23] of the bones in each joint, arms [23,23,3] their first moments
    about the bones' heads. All float64.
    """

    heads: np.ndarray
    shares: np.ndarray
    arms: np.ndarray

    @classmethod
    def of_mesh(
        cls, heads: np.ndarray, vertices: np.ndarray, skinning: np.ndarray, regressor: np.ndarray
    ) -> "Skeleton":
        """From the vertices [K,3] that joints are regressed from (regressor [23,K]) and their skinning [K,23]."""
        heads, points = heads.astype(np.float64), vertices.astype(np.float64)
        shares = regressor @ skinning.astype(np.float64)
        # One product of matrices: np.einsum of all three takes fifteen times as long.
        riding = skinning[:, :, None].astype(np.float64) * points[:, None]
        moments = regressor @ riding.reshape(len(points), -1)
        return cls(heads, shares, moments.reshape(*shares.shape, 3) - shares[..., None] * heads)

    def pose(self, yaw: np.ndarray, angles: np.ndarray, slopes: bool = False) -> Pose:
        """Forward kinematics of T frames: yaw [T], angles [T,34] in radians."""
        frames = len(yaw)
        values = dict(zip(ANGLES, angles.T, strict=True)) | {_YAW: yaw}
        rotations = np.zeros((frames, len(BONES), 3, 3))
        heads = np.zeros((frames, len(BONES), 3))
        turns = self._turns()
        axes = []
        for bone, parent in enumerate(PARENTS):
            rotation = np.broadcast_to(np.eye(3), (frames, 3, 3)) if parent < 0 else rotations[:, parent]
            if parent >= 0:
                heads[:, bone] = heads[:, parent] + rotation @ (self.heads[bone] - self.heads[parent])
            for turn in turns[bone]:
                if turn.angle:
                    axes.append((turn, rotation @ turn.axis))
                by = turn.offset + (turn.gain * values[turn.angle] if turn.angle else np.zeros(frames))
                rotation = rotation @ rotation_about(turn.axis, by)
            rotations[:, bone] = rotation
        # Products of matrices here and below: np.einsum takes ten times as long.
        turned = (rotations @ self.arms.transpose(1, 2, 0)).transpose(0, 3, 1, 2)
        parts = self.shares[:, :, None] * heads[:, None] + turned
        found = self._slopes(parts, heads, axes) if slopes else None
        return Pose(rotations, heads, parts.sum(2), found)

    def _slopes(
        self, parts: np.ndarray, heads: np.ndarray, axes: list[tuple[_Turn, np.ndarray]]
    ) -> np.ndarray:
        """A turn moves all that hangs from its bone: axis x (the joint's part that does, about the bone's head)."""
        below = _HANGS_FROM @ parts
        below -= (self.shares @ _HANGS_FROM.T)[None, :, :, None] * heads[:, None]
        bones = [turn.bone for turn, _ in axes]
        moved = np.cross(np.stack([axis for _, axis in axes], 1)[:, None], below[:, :, bones])
        gains = np.zeros((len(axes), 1 + len(ANGLES)))
        for row, (turn, _) in zip(gains, axes, strict=True):
            row[0 if turn.angle == _YAW else 1 + ANGLES.index(turn.angle)] = turn.gain
        return np.einsum("tkei,ed->tkid", moved, gains, optimize=True)

    def _turns(self) -> list[list[_Turn]]:
        """The rotations of each bone, outermost first."""
        x, y, z = np.eye(3)
        rows: dict[str, list[tuple]] = {"root": [("pitch", 1, x), ("roll", 1, y), (_YAW, 1, z)]}
        for name, share in _SPINE.items():
            rows[name] = [("twist", share, z), ("side", share, y), ("spine", share, x)]
        for name, share in _NECK.items():
            rows[name] = [("turn", share, z), ("tilt", share, y), ("nod", share, x)]
        for side, sign in (("L", 1.0), ("R", -1.0)):
            shoulder, elbow, wrist = (
                self.heads[BONES.index(f"{name}.{side}")] for name in ("upperarm01", "lowerarm01", "wrist")
            )
            upper, fore = _unit(elbow - shoulder), _unit(wrist - elbow)
            bend = np.cross(upper, fore)
            index, pinky = (self._knuckle(side, which) for which in (0, 1))
            palm = _unit(pinky - index)
            bent, raised = np.arcsin(np.linalg.norm(bend)), np.arctan2(abs(upper[0]), -upper[2])
            limbs: list[list[tuple]] = [
                [("clav", -sign, y)],
                [("sflex", -1, x), ("sabd", -sign, y, sign * raised), ("stw", sign, upper)],
                [("elb", 1, _unit(bend), -bent), ("pron", 0.5 * sign, fore, -sign * _FOREARM_TURN)],
                [
                    ("pron", 0.5 * sign, fore, -sign * _WRIST_TURN),
                    ("wflex", sign, palm),
                    ("wdev", 1, _unit(np.cross(palm, (index + pinky) / 2))),
                ],
                [("hip", -1, x), ("habd", -sign, y, sign * _HIP_SPREAD), ("htw", sign, z)],
                [("knee", 1, x)],
                [("ank", -1, x)],
            ]
            for name, limb in zip(_LIMBS, limbs, strict=True):
                rows[f"{name}.{side}"] = [(angle and angle + side, *rest) for angle, *rest in limb]
        return [[_Turn(bone, *row) for row in rows[name]] for bone, name in enumerate(BONES)]

    def _knuckle(self, side: str, which: int) -> np.ndarray:
        """From the wrist to the knuckle of index finger (0) or little finger (1), in the reference pose."""
        row = 17 + 3 * "LR".index(side) + which
        points = self.arms[row] + self.shares[row][:, None] * self.heads
        return np.asarray(points.sum(0) - self.heads[BONES.index(f"wrist.{side}")])


def rotation_about(axis: np.ndarray, angle: np.ndarray) -> np.ndarray:
    """[T,3,3] about a unit axis by `angle` [T] (Rodrigues' formula)."""
    x, y, z = axis
    cross = np.array([[0, -z, y], [z, 0, -x], [-y, x, 0]])
    return (
        np.eye(3)
        + np.sin(angle)[:, None, None] * cross
        + (1 - np.cos(angle))[:, None, None] * (cross @ cross)
    )


def _unit(vector: np.ndarray) -> np.ndarray:
    return vector / np.linalg.norm(vector)


def _hanging() -> np.ndarray:
    """[23,23]: 1 where the second bone hangs from the first, or is it."""
    hangs = np.zeros((len(BONES), len(BONES)))
    for bone in range(len(BONES)):
        above = bone
        while above >= 0:
            hangs[above, bone] = 1
            above = PARENTS[above]
    return hangs


_HANGS_FROM = _hanging()
