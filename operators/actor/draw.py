"""A posed, dressed body as a picture: colour, coverage and depth, inside one box of the frame."""

from dataclasses import dataclass

import numpy as np
import torch
from torch.nn import functional

from operators.actor.garments import Figure, kept
from operators.actor.parts import Part
from operators.actor.raster import Fragments, rasterise
from operators.actor.shade import shade, tone
from operators.actor.solve import Camera
from schemas.actor import Light

_FINE = 200  # px of height up to which a pixel is sampled 2x2
_NEAREST = 0.05  # m
_SHADOW = 160  # px of the body's shadow map
_TAPS = (-2.1, -0.7, 0.7, 2.1)  # px of the shadow map over which a shadow's edge is soft
_BIAS = 0.025  # m by which a surface does not shade itself


@dataclass(frozen=True)
class Drawing:
    """What was drawn.

    rgba float32 [h,w,4], 0 to 1, colour not multiplied by coverage; depth float32 [h,w] metres, inf where nobody is.
    """

    rgba: np.ndarray
    depth: np.ndarray


def draw(
    figure: Figure,
    rotations: np.ndarray,
    heads: np.ndarray,
    root: np.ndarray,
    camera: Camera,
    box: tuple[int, int, int, int],
    light: Light,
) -> Drawing:
    """The figure with its bones at rotations [23,3,3] and heads [23,3] from its root [3] (metres, camera space).

    box is x0 y0 x1 y1 in px and may reach beyond the frame. The same arguments give the same bits on the same machine.
    """
    width, height = box[2] - box[0], box[3] - box[1]
    vertices, normals = figure.posed(torch.from_numpy(rotations).float(), torch.from_numpy(heads).float())
    vertices = vertices + torch.from_numpy(root).float()
    depth = vertices[:, 1].clamp(min=_NEAREST)
    places = torch.stack(
        [
            camera.centre[0] + camera.focal * vertices[:, 0] / depth - box[0],
            camera.centre[1] - camera.focal * vertices[:, 2] / depth - box[1],
        ],
        1,
    )
    tall = float(places[:, 1].max() - places[:, 1].min())
    samples = 2 if tall <= _FINE else 1
    grid = (height * samples, width * samples)
    fragments = rasterise(places * samples, depth, figure.triangles, grid, figure.closed)
    fragments = fragments.where(fragments.depth > _NEAREST)
    seen, deep = _cut(figure, fragments).nearest(grid[0] * grid[1])
    colour = _colour(figure, seen, vertices, normals, light)
    picture = torch.zeros(grid[0] * grid[1], 4)
    picture[seen.pixel] = torch.cat([tone(colour), torch.ones(len(colour), 1)], 1)
    picture = picture.view(height, samples, width, samples, 4).sum((1, 3))
    cover = picture[..., 3:]
    rgba = torch.cat([picture[..., :3] / cover.clamp(min=1e-6), cover / samples**2], -1)
    deep = deep.view(height, samples, width, samples).amin((1, 3))
    return Drawing(rgba.numpy(), deep.numpy())


def _cut(figure: Figure, fragments: Fragments) -> Fragments:
    """Without what lies beyond the edges of garments and hair."""
    parts = figure.part[fragments.triangle]
    attributes = fragments.of(figure.attributes, figure.triangles)
    keep = torch.ones(len(parts), dtype=torch.bool)
    for part in parts.unique().tolist():
        here = (parts == part).nonzero()[:, 0]
        keep[here] = kept(Part(part), figure.looks, attributes[here])
    return fragments.where(keep)


def _colour(
    figure: Figure, seen: Fragments, vertices: torch.Tensor, normals: torch.Tensor, light: Light
) -> torch.Tensor:
    attributes = seen.of(figure.attributes, figure.triangles)
    across = functional.normalize(seen.of(normals, figure.triangles), dim=-1)
    points = seen.of(vertices, figure.triangles)
    sunlit = _sunlit(figure, vertices, points, across, light)
    return shade(figure.looks, figure.part[seen.triangle], attributes, across, points, sunlit, light)


def _sunlit(
    figure: Figure, vertices: torch.Tensor, points: torch.Tensor, across: torch.Tensor, light: Light
) -> torch.Tensor:
    """[F]: how much of the sun reaches each point past the body itself, from a small shadow map."""
    sun = torch.tensor(light.direction, dtype=torch.float32)
    right = functional.normalize(torch.linalg.cross(sun, torch.tensor([0.0, 0, 1])), dim=0)
    frame = torch.stack([right, torch.linalg.cross(right, sun), -sun], 1)
    from_sun, middle = vertices @ frame, (vertices @ frame).mean(0)
    extent = float((from_sun - middle)[:, :2].abs().max()) * 2.05
    scale = _SHADOW / extent
    places = (from_sun - middle)[:, :2] * scale + _SHADOW / 2
    solid = (figure.part != Part.EYES) & (figure.part != Part.SCALP)
    triangles = figure.triangles[solid]
    fragments = rasterise(places, from_sun[:, 2], triangles, (_SHADOW, _SHADOW), figure.closed[solid])
    _, deep = fragments.nearest(_SHADOW**2)
    at = (points + across * _BIAS) @ frame
    where = (at - middle)[:, :2] * scale + _SHADOW / 2
    lit = torch.zeros(len(points))
    for row in _TAPS:
        for column in _TAPS:
            cell = (where + torch.tensor([column, row])).long().clamp(0, _SHADOW - 1)
            lit += at[:, 2] <= deep[cell[:, 1] * _SHADOW + cell[:, 0]] + _BIAS
    return lit / len(_TAPS) ** 2
