"""How open to the sky each point of the body is, from the template in its rest pose: once a process.

Soft shadows under a chin, beside a nose, in an armpit. The body is looked at from all around; a point is as open as
the directions that see it.
"""

from functools import lru_cache

import numpy as np
import torch
from torch.nn import functional

from operators.actor.body.body import template
from operators.actor.drawing.raster import rasterise

_VIEWS, _SIDE = 26, 176  # directions, px of each view
_HEAD = 0.42  # z from which the head's own, sharper views count
_OFF = 0.006  # m off the surface at which openness is taken


@lru_cache(maxsize=1)
def openness() -> torch.Tensor:
    """float32 [V] of the template's vertices: 0 shut in, 1 open."""
    shared = template()
    points = torch.from_numpy(shared.attributes[:, :3])
    faces = torch.from_numpy(np.concatenate(list(shared.faces.values())))
    normals = outward(points, faces)
    skin = torch.from_numpy(shared.faces["body"])
    head = points[:, 2] > _HEAD
    whole = _seen(points, normals, skin)
    near = _seen(points, normals, skin[head[skin].all(1)])
    return _even(torch.where(head, torch.minimum(near, whole + 0.1), whole), faces)


def outward(points: torch.Tensor, faces: torch.Tensor) -> torch.Tensor:
    """[V,3]: unit normals at the vertices of triangles."""
    corners = points[faces]
    across = torch.linalg.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0])
    normals = torch.zeros_like(points)
    for corner in range(3):
        normals.index_add_(0, faces[:, corner], across)
    return functional.normalize(normals, dim=-1)


def _seen(points: torch.Tensor, normals: torch.Tensor, faces: torch.Tensor) -> torch.Tensor:
    """[V]: share of the directions above each point, weighted by their cosine, that the triangles leave open."""
    solid = torch.ones(len(faces), dtype=torch.bool)
    low, high = points[faces].flatten(0, 1).min(0).values, points[faces].flatten(0, 1).max(0).values
    scale = _SIDE / (float((high - low).norm()) * 1.02)
    seen, total = torch.zeros(len(points)), torch.zeros(len(points))
    for number in range(_VIEWS):
        z = 1 - (2 * number + 1) / _VIEWS  # Fibonacci's sphere
        angle = number * 2.399963
        way = torch.tensor(
            [np.sqrt(1 - z * z) * np.cos(angle), np.sqrt(1 - z * z) * np.sin(angle), z]
        ).float()
        right = functional.normalize(torch.linalg.cross(way, torch.tensor([0.0, 0.1, 1])), dim=0)
        frame = torch.stack([right, torch.linalg.cross(right, way), -way], 1)
        flat = (points - (low + high) / 2) @ frame
        places = flat[:, :2] * scale + _SIDE / 2
        _, deep = rasterise(places, flat[:, 2] + 9, faces, (_SIDE, _SIDE), solid).nearest(_SIDE**2)
        at = (points + normals * _OFF - (low + high) / 2) @ frame
        cell = (at[:, :2] * scale + _SIDE / 2).long().clamp(0, _SIDE - 1)
        towards = (normals @ way).clamp(min=0)
        seen += towards * (at[:, 2] + 9 <= deep[cell[:, 1] * _SIDE + cell[:, 0]] + _OFF / 2)
        total += towards
    return seen / total.clamp(min=1e-3)


def _even(values: torch.Tensor, faces: torch.Tensor) -> torch.Tensor:
    """Averaged over neighbours: so few directions leave spots."""
    for _ in range(2):
        total, count = values.clone(), torch.ones_like(values)
        for corner in range(3):
            total.index_add_(0, faces[:, corner], values[faces[:, corner - 1]])
            count.index_add_(0, faces[:, corner], torch.ones(len(faces)))
        values = total / count
    return values
