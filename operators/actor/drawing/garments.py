"""Clothes and hair as thin shells over the body, cut by the signed distances of operators/actor/drawing/edges.py."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch.nn import functional

from operators.actor.body.body import Body, template
from operators.actor.body.skeleton import BONES
from operators.actor.drawing.edges import (
    FRAY,
    bareness,
    bottom_distance,
    hairline,
    jacket_distance,
    shoe_distance,
    top_distance,
)
from operators.actor.drawing.fingers import Finger, finger_of
from operators.actor.drawing.hair import hanging
from operators.actor.drawing.knot import knot
from operators.actor.drawing.noise import noise, ramp
from operators.actor.drawing.occlusion import openness, outward
from operators.actor.drawing.parts import Part, surfaces, worn
from operators.actor.drawing.trousers import fall
from operators.actor.looks.looks import CAP, LONG, SHOULDER, TIED, Identity, Looks

_TOGETHER = 0.4  # of the fingers' spread
_HIPS, _NECK = (-0.11, -0.04), 0.5  # z from which on cloth is taut around the trunk, and up to where
_HEM = (-0.19, -0.14)  # the same of what hangs down to a hem: tops and jackets, which legs do not divide
_WAYS, _SLICE, _SPAN = (
    24,
    0.02,
    0.04,
)  # directions of a hull; m of its thickness; m that cloth lies off at most
_SHOULDER, _PAD = 0.09, 0.026  # m around a shoulder's joint, and how much of it is taken off there at most
_STRAND = 0.25  # m from crown to tip, about
_LINED = 0.06  # m from its edge that the inside of a garment can be seen


@dataclass(frozen=True)
class Figure:
    """A dressed body, ready to be posed: V vertices over all parts, F triangles.

    vertices, normals [V,3] in the reference pose; offset [V] metres along the normal; skinning [V,23];
    attributes [V,8]; edge [V] above 0 where cloth or hair has been cut away; open [V] as of occlusion.py;
    triangles [F,3] and the part of each [F]; closed [F]: back faces are never seen; fine [F]: of the head;
    whole [F]: not cut.
    """

    looks: Looks
    vertices: torch.Tensor
    normals: torch.Tensor
    offset: torch.Tensor
    skinning: torch.Tensor
    attributes: torch.Tensor
    edge: torch.Tensor
    open: torch.Tensor
    triangles: torch.Tensor
    part: torch.Tensor
    closed: torch.Tensor
    fine: torch.Tensor
    whole: torch.Tensor
    bones: torch.Tensor  # [23,3], the bones' heads
    fingers: list[Finger]  # ten, see fingers.py

    def posed(
        self, rotations: torch.Tensor, heads: torch.Tensor, bent: Sequence[float]
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """Vertices and normals [V,3] with the bones turned by [23,3,3] and at [23,3], the ten fingers so far bent."""
        vertices, normals = self.vertices.clone(), self.normals.clone()
        for finger, share in zip(self.fingers, bent, strict=True):
            finger.bend(vertices, normals, share)
        shift = heads - (rotations @ self.bones[..., None])[..., 0]
        moved = self.skinning @ torch.cat([rotations.reshape(-1, 9), shift], 1)
        turn = moved[:, :9].view(-1, 3, 3)
        normals = functional.normalize((turn @ normals[..., None])[..., 0], dim=-1)
        return (turn @ vertices[..., None])[..., 0] + moved[:, 9:] + normals * self.offset[:, None], normals


def dress(body: Body, looks: Looks) -> Figure:
    """The body in its clothes, its hands open."""
    shared = template()
    scale = body.height / 1.7  # shells of children's clothes are thinner
    bare = torch.from_numpy(body.vertices + shared.together * np.float32(_TOGETHER * scale))
    shell, attributes = torch.from_numpy(shared.faces["tights"]), torch.from_numpy(shared.attributes)
    faces = torch.from_numpy(np.concatenate(list(shared.faces.values())))
    bare = _sloped(bare, outward(bare, faces), body, scale)
    taut, hung = (_draped(bare, shell, attributes, scale, low) for low in (_HIPS, _HEM))
    hanging_normals = outward(hung, faces)
    cloth = _Cloth(taut, attributes, torch.from_numpy(shared.skinning), openness(), outward(taut, faces))
    cut = _surfaces(looks, cloth.attributes)
    if looks.identity.hair_style in (SHOULDER, LONG, TIED):
        cloth, cut[Part.STRANDS] = _with_hair(cloth, body, looks)
    vertices, normals = [], []
    chosen, offsets, edges, triangles, parts, count = [], [], [], [], [], 0
    for part, surface in cut.items():
        edge = beyond(part, looks, cloth.attributes)
        surface = surface[edge.numpy()[surface].min(1) <= FRAY]  # noqa: PLW2901
        used, inverse = np.unique(surface, return_inverse=True)
        chosen.append(torch.from_numpy(used))
        hangs = part in (Part.TOP, Part.JACKET)
        vertices.append((hung if hangs else cloth.vertices)[chosen[-1]])
        normals.append((hanging_normals if hangs else cloth.normals)[chosen[-1]])
        offset = _thickness(part, looks, cloth.attributes[chosen[-1]]) * scale
        if part == Part.TROUSERS:
            offset += fall(taut, attributes, shell, looks.outfit.bottom_loose)[chosen[-1]]
        offsets.append(offset)
        edges.append(edge[chosen[-1]])
        triangles.append(torch.from_numpy(inverse.reshape(surface.shape) + count))
        parts.append(torch.full((len(surface),), int(part)))
        count += len(used)
    pick, part, edge = torch.cat(chosen), torch.cat(parts), torch.cat(edges).float()
    faces = torch.cat(triangles)
    opened = (part == Part.SKIRT) | (part == Part.JACKET) | (part == Part.STRANDS)
    hem = (part == Part.TOP) | (part == Part.TROUSERS)
    opened |= hem & (edge > -_LINED)[faces].any(1)
    return Figure(
        looks,
        torch.cat(vertices),
        torch.cat(normals),
        torch.cat(offsets).float(),
        cloth.skinning[pick],
        cloth.attributes[pick],
        edge,
        _veiled(cloth.open[pick], faces, part),
        faces,
        part,
        ~opened,
        (cloth.attributes[pick][:, 5] > 0.3)[faces].any(1),
        (edge < -FRAY)[faces].all(1),
        torch.from_numpy(body.skeleton.heads).float(),
        [finger_of(bare, one, pick) for one in shared.fingers],
    )


def _sloped(points: torch.Tensor, normals: torch.Tensor, body: Body, scale: float) -> torch.Tensor:
    """[V,3]: lower and narrower at the shoulders. The body is made with its arms held out; as they hang, what is then
    the top of the shoulder turns outwards and would stand off like a pad."""
    moved = points.clone()
    for side, sign in (("L", 1.0), ("R", -1.0)):
        joint = torch.from_numpy(body.skeleton.heads[BONES.index(f"upperarm01.{side}")]).float()
        near = torch.exp(-(((points - joint).norm(dim=1) / (_SHOULDER * scale)) ** 2))
        outer = (0.8 * sign * normals[:, 0] + 0.6 * normals[:, 2]).clamp(0, 1)
        moved -= (_PAD * scale * near * outer)[:, None] * torch.tensor([0.8 * sign, 0.0, 0.6])
    return moved


def _draped(
    points: torch.Tensor,
    shell: torch.Tensor,
    attributes: torch.Tensor,
    scale: float,
    low: tuple[float, float],
) -> torch.Tensor:
    """[V,3]: the shell for clothes pulled taut around the trunk from `low` on, whose hollows cloth spans; nothing moves
    inwards."""
    z, used = attributes[:, 2], shell.unique()
    trunk = used[(attributes[used, 4] < 0.1) & (z[used] > low[0] - 0.02) & (z[used] < _NECK)]
    middle = points[trunk, :2].mean(0)
    away, level = points[trunk, :2] - middle, z[trunk]
    around = torch.arange(_WAYS) * (2 * torch.pi / _WAYS)
    ways = torch.stack([torch.cos(around), torch.sin(around)])
    reach = _reach(away @ ways, level)
    direction = functional.normalize(away, dim=1)
    towards = (direction @ ways).clamp(min=0.05)
    out = (reach / towards).amin(1) - away.norm(dim=1)
    share = ramp(low[0], low[1], level) * (1 - ramp(_NECK - 0.12, _NECK, level))
    moved = points.clone()
    moved[trunk, :2] += direction * (out.clamp(0, _SPAN * scale) * share)[:, None]
    return moved


def _reach(far: torch.Tensor, level: torch.Tensor) -> torch.Tensor:
    """[N,ways]: how far the convex hull of the slice around each of N points reaches; far [N,ways], level [N] metres.

    By height, a slice is a run of points: to look at every pair of them takes six times as long.
    """
    order = level.argsort()
    far, level = far[order], level[order]
    near = torch.exp(-(((level[:, None] - level) / _SLICE) ** 2)) > 0.4
    first, count = near.byte().argmax(1).tolist(), near.sum(1).tolist()
    runs = [far[start : start + many].amax(0) for start, many in zip(first, count, strict=True)]
    return torch.empty_like(far).index_copy_(0, order, torch.stack(runs).clamp(min=-1.0))


def _veiled(open_: torch.Tensor, faces: torch.Tensor, part: torch.Tensor) -> torch.Tensor:
    """Cloth spans the hollows of the body under it."""
    bare = (part == Part.SKIN) | (part == Part.EYES) | (part == Part.SCALP) | (part == Part.STRANDS)
    under = torch.zeros(len(open_), dtype=torch.bool).index_fill_(0, faces[~bare].flatten(), True)
    return torch.where(under, 0.55 + 0.45 * open_, open_)


@dataclass(frozen=True)
class _Cloth:
    """Vertices of all surfaces together, as Figure's."""

    vertices: torch.Tensor
    attributes: torch.Tensor
    skinning: torch.Tensor
    open: torch.Tensor
    normals: torch.Tensor


def _with_hair(cloth: _Cloth, body: Body, looks: Looks) -> tuple[_Cloth, np.ndarray]:
    """The same with hair that hangs, and the triangles [F,3] of that."""
    sheet = knot(looks.identity) if looks.identity.hair_style == TIED else hanging(looks)
    points = torch.from_numpy(sheet.over(body.vertices)).float()
    own = (
        points,
        torch.from_numpy(sheet.attributes),
        torch.from_numpy(sheet.skinning()).float(),
        torch.from_numpy(0.55 + 0.45 * np.clip((sheet.rest[:, 2] - 0.45) / 0.2, 0, 1)).float(),
        outward(points, torch.from_numpy(sheet.triangles)),
    )
    held = (cloth.vertices, cloth.attributes, cloth.skinning, cloth.open, cloth.normals)
    both = _Cloth(*(torch.cat(pair) for pair in zip(held, own, strict=True)))
    return both, sheet.triangles + len(cloth.vertices)


def _surfaces(looks: Looks, attributes: torch.Tensor) -> dict[Part, np.ndarray]:
    """Triangles [F,3] of each part that these looks have, but for hair that hangs."""
    faces = template().faces
    cut, shell = surfaces(faces, attributes.numpy()), faces["tights"]
    low, arm = attributes[:, 2].numpy()[shell].mean(1), attributes[:, 4].numpy()[shell].mean(1)
    cut[Part.TOP] = cut[Part.JACKET] = shell[(low > -0.17) | (arm > 0.3)]
    return {part: cut[part] for part in worn(looks) if part != Part.STRANDS}


def _thickness(part: Part, looks: Looks, attributes: torch.Tensor) -> torch.Tensor:
    """[V] metres of a shell over the skin, with folds."""
    outfit, identity = looks.outfit, looks.identity
    rest, along, arm = attributes[:, :3], attributes[:, 3], attributes[:, 4]
    z = rest[:, 2]
    fold = noise(rest * torch.tensor([9.0, 9, 5]) + identity.texture * 17) - 0.5
    crease = noise(rest * torch.tensor([22.0, 22, 11]) + identity.texture * 31) - 0.5
    if part == Part.TOP:
        trunk = 0.6 + 0.9 * ramp(0.05, 0.35, 0.40 - z)
        hangs = 0.008 + 0.010 * ramp(0.0, 0.3, 0.30 - z)
        body = hangs + outfit.loose * trunk * (1 + 0.7 * fold) + 0.003 * crease
        down = ramp(-0.1, 0.8, along)
        sleeve = 0.007 + outfit.loose * (0.25 + 0.6 * down) + 0.5 * outfit.loose * fold * down
        near = ramp(0.0, 0.07, -top_distance(outfit, attributes)) * ramp(0.37, 0.44, z)
        lying = 0.004 + (body - 0.004) * torch.maximum(near, 1 - ramp(0.37, 0.44, z))  # at the neck
        return torch.where(arm > 0.5, sleeve, lying)
    if part == Part.JACKET:
        wide = 0.35 + 0.65 * torch.where(arm > 0.5, ramp(-0.1, 0.7, along), ramp(0.05, 0.3, 0.5 - z))
        return 0.016 + outfit.loose + 0.014 * wide * (1 + 0.8 * fold) + 0.004 * crease
    if part == Part.TROUSERS:
        low = ramp(0.05, 0.6, -z)
        width = outfit.bottom_loose * (0.25 + 0.75 * low) * (1 + 0.6 * fold)
        under = ramp(-0.02, 0.02, z - outfit.hem)  # tucked in, or the top would let it through
        return 0.005 + (0.004 + width) * (1 - under) + 0.004 * crease * low
    if part == Part.SHOES:
        tucked = ramp(-0.815, -0.80, z) if outfit.shoe < -0.75 and not outfit.skirt else torch.zeros_like(z)
        return 0.011 - 0.008 * tucked + 0.006 * ramp(0.83, 0.86, -z)
    if part == Part.SKIRT:
        return 0.012 + 0.01 * fold
    if part == Part.SCALP:
        return _hair_thickness(identity, attributes, fold, crease)
    return torch.zeros(len(attributes))


def _hair_thickness(
    identity: Identity, attributes: torch.Tensor, fold: torch.Tensor, crease: torch.Tensor
) -> torch.Tensor:
    """[V] metres of hair on the skull; `fold` and `crease` [V] are noise about 0, coarse and fine."""
    z = attributes[:, 2]
    if identity.hair_style in (SHOULDER, LONG):
        thick = min(identity.hair_thickness, 0.006) * (0.35 + 0.65 * ramp(0.60, 0.74, z))
    elif identity.curly:  # stands off all around
        thick = max(identity.hair_thickness, 0.02) * (0.5 + 0.5 * ramp(0.60, 0.70, z)) * (1 + 0.8 * crease)
    elif identity.hair_style == TIED:  # drawn to the back
        thick = identity.hair_thickness * (0.6 + 0.4 * ramp(0.60, 0.74, z)) * (1 + 0.3 * crease)
    else:  # shorter at the sides
        sides = min(identity.hair_thickness, 0.007 + 0.01 * identity.texture)
        tousled = 1 + (0.7 * crease + 0.5 * fold) * (identity.hair_thickness > 0.015)
        thick = (sides + (min(identity.hair_thickness, 0.034) - sides) * ramp(0.69, 0.755, z)) * tousled
    return thick * ramp(-0.004, 0.035, -bareness(attributes)) + 0.002


def beyond(part: Part, looks: Looks, attributes: torch.Tensor) -> torch.Tensor:
    """[V]: above 0 where a part's shell has been cut away, about in metres."""
    outfit = looks.outfit
    z = attributes[:, 2]
    top, bottom = top_distance(outfit, attributes), bottom_distance(outfit, attributes)
    jacket, shoe = jacket_distance(outfit, attributes), shoe_distance(outfit, attributes)
    if part == Part.SKIN:
        under = torch.maximum(torch.maximum(-_LINED - top, -0.02 - shoe), -_LINED - jacket)
        return under if outfit.skirt else torch.maximum(under, -0.025 - bottom)
    if part == Part.TOP:
        return torch.maximum(top, -0.05 - jacket)
    if part == Part.JACKET:
        return jacket
    if part == Part.TROUSERS:
        return torch.maximum(bottom, -0.05 - top)
    if part == Part.SHOES:
        return shoe
    if part == Part.SKIRT:
        return torch.maximum(outfit.bottom - z, z - outfit.waist)
    if part == Part.SCALP:
        away = hairline(attributes[:, 1]) - z if looks.identity.hair_style == CAP else bareness(attributes)
        return torch.where(attributes[:, 5] >= 0.5, away, 1.0)
    if part == Part.STRANDS and looks.identity.hair_style in (SHOULDER, LONG):
        return (attributes[:, 3] - 1) * _STRAND
    return torch.full_like(z, -1.0)
