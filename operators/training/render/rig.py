"""Joint angles to the pose matrices of the body model's bones.

The template faces -Y, Z is up, X is its left. A bone's matrix turns it from the template's pose, in these axes.
"""

import numpy as np

from operators.training.render.motion import SIDES, Movement
from operators.training.render.template import MeshTemplate

_X, _Y, _Z = np.eye(3)
# How bending and turning are shared out over the bones of spine, neck and head.
_SPINE = {"spine05": 0.15, "spine04": 0.2, "spine03": 0.25, "spine02": 0.25, "spine01": 0.15}
_NECK = {"neck01": 0.3, "neck02": 0.2, "head": 0.5}
_LEGS_APART = 4.5  # degrees by which the template's legs stand out
_ARM = ("upperarm01", "lowerarm01", "wrist")  # their heads: shoulder, elbow, wrist
_FINGERS = [f"finger{finger}-{part}" for finger in (2, 3, 4, 5) for part in (1, 2, 3)]


def pose_matrices(motion: Movement, template: MeshTemplate) -> np.ndarray:
    """float64 [T,104,4,4], one matrix for every bone and frame."""
    rotations = {
        "root": turn(_Z, motion.angles["pelvis_turn"]) @ turn(_Y, motion.angles["pelvis_drop"]),
        **_trunk(motion.angles),
    }
    for side, sign in zip(SIDES, (1, -1), strict=True):
        angles = {
            name.removesuffix(f"_{side}"): curve
            for name, curve in motion.angles.items()
            if name.endswith(f"_{side}")
        }
        limbs = {
            **_leg(angles, sign),
            **_arm(angles, sign, *(template.joint(f"{bone}.{side.upper()}") for bone in _ARM)),
            **{bone: turn(_Y, np.full(motion.frames, sign * 14.0)) for bone in _FINGERS},  # half open
        }
        rotations |= {f"{bone}.{side.upper()}": matrix for bone, matrix in limbs.items()}
    matrices = np.tile(np.eye(4), (motion.frames, len(template.joint_names), 1, 1))
    for bone, matrix in rotations.items():
        matrices[:, template.joint_names.index(bone), :3, :3] = matrix
    return matrices


def turn(axis: np.ndarray, degrees: np.ndarray) -> np.ndarray:
    """Rotations float64 [T,3,3] about `axis` by `degrees` [T] (Rodrigues' formula)."""
    exact = np.asarray(axis, float)
    x, y, z = exact / np.linalg.norm(exact)
    cross = np.array([[0, -z, y], [z, 0, -x], [-y, x, 0]])
    angle = (degrees * (np.pi / 180))[:, None, None]
    return np.eye(3) + np.sin(angle) * cross + (1 - np.cos(angle)) * (cross @ cross)


def _trunk(angles: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    """Spine, neck and head; the lowest part of the spine turns half against the pelvis."""
    bones = {}
    for bone, share in _SPINE.items():
        against = angles["pelvis_turn"] * 0.5 if bone == "spine05" else 0
        bones[bone] = (
            turn(_Z, angles["twist"] * share - against)
            @ turn(_Y, angles["side"] * share)
            @ turn(_X, angles["spine"] * share * 1.2)
        )
    for bone, share in _NECK.items():
        bones[bone] = (
            turn(_Z, angles["turn"] * share)
            @ turn(_Y, angles["tilt"] * share)
            @ turn(_X, angles["nod"] * share)
        )
    return bones


def _leg(angles: dict[str, np.ndarray], sign: int) -> dict[str, np.ndarray]:
    """Hip, knee and ankle of one side; `sign` is 1 on the left. The foot stays nearly level if the leg goes out."""
    inwards = _LEGS_APART - angles["leg_out"]
    return {
        "upperleg01": turn(_X, -angles["hip"]) @ turn(_Y, sign * inwards),
        "lowerleg01": turn(_X, angles["knee"]),
        "foot": turn(_X, -angles["ankle"]) @ turn(_Y, -sign * inwards * 0.7),
    }


def _arm(
    angles: dict[str, np.ndarray], sign: int, shoulder: np.ndarray, elbow: np.ndarray, wrist: np.ndarray
) -> dict[str, np.ndarray]:
    """Collar bone, shoulder, elbow and wrist of one side, of whose joints the template's places [3] are given.

    Angles count from a hanging, straight arm; the template's is neither.
    """
    upper = (elbow - shoulder) / np.linalg.norm(elbow - shoulder)
    fore = (wrist - elbow) / np.linalg.norm(wrist - elbow)
    hinge = np.cross(upper, fore)
    bent = np.arcsin(np.linalg.norm(hinge)) / (np.pi / 180)
    out = np.arctan2(abs(upper[0]), -upper[2]) / (np.pi / 180)
    raised = (np.maximum(angles["arm_out"], 0) - 60) * 0.25 + np.maximum(angles["shoulder"] - 90, 0) * 0.15
    return {
        "clavicle": turn(_Y, -sign * np.clip(raised, 0, 25)),
        "upperarm01": turn(_X, -angles["shoulder"])
        @ turn(_Y, sign * (out - angles["arm_out"]))
        @ turn(upper, sign * angles["arm_in"]),
        "lowerarm01": turn(hinge, angles["elbow"] - bent),
        "wrist": turn(fore, np.full(len(angles["elbow"]), sign * -10.0)),
    }
