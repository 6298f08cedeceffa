"""Clothes and hair as thin shells over the body, cut where edges.py says.

Points are given as attributes [F,8]: operators/actor/body.Template.
"""

from dataclasses import dataclass

import numpy as np
import torch
from torch.nn import functional

from operators.actor.body import Body, template
from operators.actor.edges import bottom_distance, hairline, jacket_distance, shoe_distance, top_distance
from operators.actor.looks import CAP, Looks
from operators.actor.noise import noise, ramp
from operators.actor.parts import Part, bare_skin, surfaces, worn


@dataclass(frozen=True)
class Figure:
    """A dressed body, ready to be posed: V vertices over all parts, F triangles.

    vertices, normals [V,3] in the reference pose; offset [V] metres along the normal; skinning [V,23];
    attributes [V,8]; triangles [F,3] and the part of each [F]; closed [F]: back faces are never seen.
    """

    looks: Looks
    vertices: torch.Tensor
    normals: torch.Tensor
    offset: torch.Tensor
    skinning: torch.Tensor
    attributes: torch.Tensor
    triangles: torch.Tensor
    part: torch.Tensor
    closed: torch.Tensor
    bones: torch.Tensor  # [23,3], the bones' heads

    def posed(self, rotations: torch.Tensor, heads: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """Vertices and normals [V,3] with the bones turned by [23,3,3] and at [23,3]."""
        shift = heads - (rotations @ self.bones[..., None])[..., 0]
        moved = self.skinning @ torch.cat([rotations.reshape(-1, 9), shift], 1)
        turn = moved[:, :9].view(-1, 3, 3)
        normals = functional.normalize((turn @ self.normals[..., None])[..., 0], dim=-1)
        return (turn @ self.vertices[..., None])[..., 0] + moved[:, 9:] + normals * self.offset[
            :, None
        ], normals


def dress(body: Body, looks: Looks, curl: float = 0.5) -> Figure:
    """The body in its clothes; `curl` 0 to 1 closes the hands."""
    shared = template()
    vertices = torch.from_numpy(body.vertices + shared.curl * (curl * body.height / 1.7))
    attributes = torch.from_numpy(shared.attributes)
    faces = torch.from_numpy(np.concatenate(list(shared.faces.values())))
    corners = vertices[faces]
    across = torch.linalg.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0])
    normals = torch.zeros_like(vertices)
    for corner in range(3):
        normals.index_add_(0, faces[:, corner], across)
    normals = functional.normalize(normals, dim=-1)
    scale = body.height / 1.7  # shells of children's clothes are thinner
    chosen, offsets, triangles, parts, count = [], [], [], [], 0
    for part, surface in _surfaces(looks, attributes).items():
        used, inverse = np.unique(surface, return_inverse=True)
        chosen.append(torch.from_numpy(used))
        offsets.append(_thickness(part, looks, attributes[chosen[-1]]) * scale)
        triangles.append(torch.from_numpy(inverse.reshape(surface.shape) + count))
        parts.append(torch.full((len(surface),), int(part)))
        count += len(used)
    pick, part = torch.cat(chosen), torch.cat(parts)
    opened = (part == Part.SKIRT) | (part == Part.JACKET) | (part == Part.STRANDS)
    return Figure(
        looks,
        vertices[pick],
        normals[pick],
        torch.cat(offsets).float(),
        torch.from_numpy(shared.skinning)[pick],
        attributes[pick],
        torch.cat(triangles),
        part,
        ~opened,
        torch.from_numpy(body.skeleton.heads).float(),
    )


def _surfaces(looks: Looks, attributes: torch.Tensor) -> dict[Part, np.ndarray]:
    """Triangles [F,3] of each part that these looks have."""
    faces = template().faces
    cut = surfaces(faces, attributes.numpy())
    cut[Part.SKIN] = bare_skin(faces["body"], looks.outfit, attributes)
    return {part: cut[part] for part in worn(looks)}


def _thickness(part: Part, looks: Looks, attributes: torch.Tensor) -> torch.Tensor:
    """[V] metres of a shell over the skin, with folds."""
    outfit, identity = looks.outfit, looks.identity
    rest, along, arm = attributes[:, :3], attributes[:, 3], attributes[:, 4]
    z = rest[:, 2]
    fold = noise(rest * torch.tensor([9.0, 9, 5]) + identity.texture * 17) - 0.5
    crease = noise(rest * torch.tensor([22.0, 22, 11]) + identity.texture * 31) - 0.5
    if part == Part.TOP:
        trunk = 0.6 + 0.9 * ramp(0.05, 0.35, 0.40 - z)
        body = 0.010 + outfit.loose * trunk * (1 + 0.7 * fold) + 0.004 * crease
        sleeve = 0.010 + outfit.loose * 0.75 + 0.5 * outfit.loose * fold * ramp(0, 1, along)
        return torch.where(arm > 0.5, sleeve, body)
    if part == Part.JACKET:
        return 0.020 + outfit.loose * 0.5 + 0.016 * (1 + 0.8 * fold) + 0.005 * crease
    if part == Part.TROUSERS:
        low = ramp(0.05, 0.6, -z)
        width = outfit.bottom_loose * (0.25 + 0.75 * low) * (1 + 0.6 * fold)
        return 0.006 + width + 0.004 * crease * low
    if part == Part.SHOES:
        return 0.011 + 0.006 * ramp(0.83, 0.86, -z)
    if part == Part.SKIRT:
        return 0.012 + 0.01 * fold
    if part == Part.SCALP:
        above, aside = z - hairline(rest[:, 1]), torch.maximum(z - 0.665, 0.085 - rest[:, 0].abs())
        thick = min(identity.hair_thickness, 0.022) * (0.35 + 0.65 * ramp(0.60, 0.74, z)) * (1 + 0.5 * crease)
        return thick * ramp(-0.005, 0.045, above) * ramp(-0.01, 0.02, aside) + 0.003
    if part == Part.STRANDS:
        return 0.006 + 0.006 * fold
    return torch.zeros(len(attributes))


def kept(part: Part, looks: Looks, attributes: torch.Tensor) -> torch.Tensor:
    """bool [F]: which points of a part's shell are there at all."""
    outfit, identity = looks.outfit, looks.identity
    x, y, z = attributes[:, 0].abs(), attributes[:, 1], attributes[:, 2]
    if part == Part.SKIN:
        under = (top_distance(outfit, attributes) < -0.025) | (shoe_distance(outfit, attributes) < -0.02)
        under |= jacket_distance(outfit, attributes) < -0.03
        return ~under if outfit.skirt else ~(under | (bottom_distance(outfit, attributes) < -0.025))
    if part == Part.TOP:
        return top_distance(outfit, attributes) <= 0
    if part == Part.JACKET:
        return jacket_distance(outfit, attributes) <= 0
    if part == Part.TROUSERS:
        return bottom_distance(outfit, attributes) <= 0
    if part == Part.SHOES:
        return shoe_distance(outfit, attributes) <= 0
    if part == Part.SKIRT:
        return (z >= outfit.bottom) & (z <= outfit.waist)
    if part == Part.SCALP:
        ragged = 0.010 * (_grain(attributes, 160, identity.texture) - 0.5) * (1 + 2 * identity.curly)
        bare = z < hairline(y) + ragged
        if identity.hair_style < CAP:
            bare |= (x > 0.071) & (z < 0.665)
        return (attributes[:, 5] >= 0.5) & ~bare
    if part == Part.STRANDS:
        ragged = 0.03 * (_grain(attributes, 90, identity.texture * 7) - 0.5)
        face = (y < -0.055) & (x < 0.072) & (z < identity.fringe + ragged * 0.4)
        return ~((z < identity.hair_cut + ragged) | face | ((y < -0.02) & (z < 0.475)))
    return torch.ones(len(attributes), dtype=torch.bool)


def _grain(attributes: torch.Tensor, scale: float, seed: float) -> torch.Tensor:
    plane = torch.stack([attributes[:, 0] * scale, attributes[:, 1] * scale], 1)
    return noise(torch.cat([plane, torch.full((len(plane), 1), seed)], 1))
