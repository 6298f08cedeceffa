"""A posed, dressed body as a picture: colour, coverage and depth, inside one box of the frame."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch.nn import functional

from operators.actor.drawing.edges import frayed
from operators.actor.drawing.garments import Figure
from operators.actor.drawing.parts import Part
from operators.actor.drawing.raster import Fragments, rasterise
from operators.actor.drawing.shade import Surface, shade, tone
from operators.actor.drawing.smooth import smooth
from operators.actor.motion.solve import Camera
from schemas.actor import Light

# px of height up to which all samples are shaded; a head's; there are 2x2 a pixel; a head has them
_FINE, _LARGE, _PLAIN, _HUGE = 200, 400, 560, 1400
_APART = 0.03  # m between samples of a pixel that show different things
_NEAREST = 0.05  # m
_SHADOW = 160  # px of the body's shadow map
_PENUMBRA = 0.12  # m behind what casts a shadow by which it has paled: the sun is seldom all the light
_TAPS = (-1, 0, 1, 2)  # px of the shadow map over which a shadow's edge is soft, the outer two in part
_BIAS, _SHEER = 0.008, 0.03  # m by which a surface does not shade itself, and a sheet of cloth or hair


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
    bent: Sequence[float],
) -> Drawing:
    """The figure with its bones at rotations [23,3,3] and heads [23,3] from its root [3] (metres, camera space), its
    ten fingers bent so far.

    box is x0 y0 x1 y1 in px and may reach beyond the frame. The same arguments give the same bits on the same machine.
    """
    width, height = box[2] - box[0], box[3] - box[1]
    turned, bones = torch.from_numpy(rotations).float(), torch.from_numpy(heads).float()
    vertices, normals = figure.posed(turned, bones, bent)
    vertices = vertices + torch.from_numpy(root).float()
    places, depth = _projected(vertices, camera, box)
    tall = float(places[:, 1].max() - places[:, 1].min())
    fine = camera.focal / max(float(root[1]), _NEAREST)
    posed = _Posed(figure, vertices, normals, places, depth, _shadow(figure, vertices, light), light, fine)
    drawing = Drawing(np.zeros((height, width, 4), np.float32), np.full((height, width), np.inf, np.float32))
    _put(drawing, posed, _extent(places, width, height), 2 if tall <= _PLAIN else 1, tall)
    if tall > _PLAIN:
        smooth(drawing.rgba, drawing.depth)
    if _PLAIN < tall <= _HUGE:  # what one sample a pixel would show coarsely
        head = places[figure.attributes[:, 5] > 0.5]
        _put(drawing, posed, _extent(head, width, height), 2, tall)
    return drawing


@dataclass(frozen=True)
class _Posed:
    """A figure in its pose: vertices and normals [V,3], their places [V,2] px and depth [V]; what lights it."""

    figure: Figure
    vertices: torch.Tensor
    normals: torch.Tensor
    places: torch.Tensor
    depth: torch.Tensor
    shadow: "_Shadow"
    light: Light
    fine: float


def _put(
    drawing: Drawing, posed: _Posed, extent: tuple[int, int, int, int], samples: int, tall: float
) -> None:
    """Draws what lies in the extent x0 y0 x1 y1 px, with samples x samples a pixel."""
    figure, (x0, y0, x1, y1) = posed.figure, extent
    size = (y1 - y0, x1 - x0)
    grid = (size[0] * samples, size[1] * samples)
    shifted = (posed.places - torch.tensor([x0, y0])) * samples
    fragments = rasterise(shifted, posed.depth, figure.triangles, grid, figure.closed)
    if not (posed.depth > _NEAREST).all():
        fragments = fragments.where(fragments.depth > _NEAREST)
    seen, deep = _cut(figure, fragments).nearest(grid[0] * grid[1])
    alike, first = _alike(figure, seen, size, samples, tall > _FINE, tall > _LARGE)
    rest = torch.ones(len(seen.pixel), dtype=torch.bool)
    rest[alike] = False
    colours = torch.ones(len(seen.pixel), 4)
    colours[rest, :3] = tone(_colour(posed, seen.where(rest)))
    colours[alike] = colours[first]
    drawing.rgba[y0:y1, x0:x1] = _averaged(seen.pixel, colours, size, samples).view(*size, 4).numpy()
    drawing.depth[y0:y1, x0:x1] = deep.view(size[0], samples, size[1], samples).amin((1, 3)).numpy()


def _projected(
    vertices: torch.Tensor, camera: Camera, box: tuple[int, int, int, int]
) -> tuple[torch.Tensor, torch.Tensor]:
    """Where vertices [V,3] lie in the box, [V,2] px, and their depths [V] in metres."""
    depth = vertices[:, 1].clamp(min=_NEAREST)
    across = camera.centre[0] + camera.focal * vertices[:, 0] / depth - box[0]
    down = camera.centre[1] - camera.focal * vertices[:, 2] / depth - box[1]
    return torch.stack([across, down], 1), depth


def _averaged(
    pixel: torch.Tensor, colours: torch.Tensor, size: tuple[int, int], samples: int
) -> torch.Tensor:
    """Samples' colours [N,4] in a grid `samples` times as fine -> RGBA [h*w,4], colour not multiplied by coverage."""
    across = size[1] * samples
    row, column = pixel // across // samples, pixel % across // samples
    picture = torch.zeros(size[0] * size[1], 4).index_add_(0, row * size[1] + column, colours)
    cover = picture[:, 3:]
    return torch.cat([picture[:, :3] / cover.clamp(min=1e-6), cover / samples**2], 1)


def _extent(places: torch.Tensor, width: int, height: int) -> tuple[int, int, int, int]:
    """x0 y0 x1 y1 px of the picture that vertices at `places` may cover, at least one pixel."""
    low, high = torch.floor(places.amin(0)).tolist(), torch.ceil(places.amax(0)).tolist()
    x0, y0 = (int(min(max(at, 0), most - 1)) for at, most in zip(low, (width, height), strict=True))
    x1, y1 = (int(min(max(at, 1), most)) for at, most in zip(high, (width, height), strict=True))
    return x0, y0, max(x1, x0 + 1), max(y1, y0 + 1)


def _alike(
    figure: Figure, seen: Fragments, size: tuple[int, int], samples: int, coarse: bool, large: bool
) -> tuple[torch.Tensor, torch.Tensor]:
    """Fragments that look like another one of the same pixel, and which that is: they need no shading of their own.

    `coarse`: where all of a pixel shows the same part at about the same depth. Heads are drawn finely unless `large`.
    """
    if not coarse or samples == 1:
        nothing = torch.zeros(0, dtype=torch.long)
        return nothing, nothing
    height, width = size
    number = torch.full((height * width * samples**2,), -1)
    number[seen.pixel] = torch.arange(len(seen.pixel))
    cells = number.view(height, samples, width, samples).permute(0, 2, 1, 3).reshape(-1, samples**2)
    cells = cells[(cells >= 0).all(1)]
    parts, deep = figure.part[seen.triangle][cells], seen.depth[cells]
    plain = (parts == parts[:, :1]).all(1) & (deep.amax(1) - deep.amin(1) < _APART)
    if not large:
        plain &= ~figure.fine[seen.triangle[cells[:, 0]]]
    cells = cells[plain]
    return cells[:, 1:].reshape(-1), cells[:, :1].expand(-1, samples**2 - 1).reshape(-1)


def _cut(figure: Figure, fragments: Fragments) -> Fragments:
    """Without what lies beyond the edges of garments and hair."""
    cut = (~figure.whole[fragments.triangle]).nonzero()[:, 0]
    edged = fragments.where(cut)
    edge = edged.of(figure.edge[:, None], figure.triangles)[:, 0]
    part = figure.part[edged.triangle]
    here = ((part == Part.SCALP) | (part == Part.STRANDS)).nonzero()[:, 0]
    edge[here] += frayed(figure.looks, edged.where(here).of(figure.attributes, figure.triangles))
    keep = torch.ones(len(fragments.pixel), dtype=torch.bool)
    keep[cut] = edge <= 0
    return fragments.where(keep)


def _colour(posed: _Posed, seen: Fragments) -> torch.Tensor:
    figure = posed.figure
    values = torch.cat([figure.attributes, figure.open[:, None], posed.normals, posed.vertices], 1)
    values = seen.of(values, figure.triangles)
    across, points = functional.normalize(values[:, 9:12], dim=-1), values[:, 12:]
    part = figure.part[seen.triangle]
    sunlit = posed.shadow.sunlit(points, across)
    surface = Surface(part, values[:, :8], across, points, sunlit, values[:, 8], figure.closed[seen.triangle])
    return shade(figure.looks, surface, posed.light, posed.fine)


@dataclass(frozen=True)
class _Shadow:
    """A small map of how deep the sun's light reaches: axes [3,3] across, up and along it, the map's middle [3]
    there, its px a metre, and depths [_SHADOW²] m."""

    axes: torch.Tensor
    middle: torch.Tensor
    scale: float
    deep: torch.Tensor

    def sunlit(self, points: torch.Tensor, across: torch.Tensor) -> torch.Tensor:
        """[F]: how much of the sun reaches each point [F,3] with normal `across` [F,3] past the body itself."""
        at = (points + across * _BIAS) @ self.axes
        where = (at - self.middle)[:, :2] * self.scale + _SHADOW / 2 - 0.5
        corner = torch.floor(where)
        (x, y), (right, low) = corner.long().unbind(1), (where - corner).unbind(1)
        lit = torch.zeros(len(points))
        for row, down in zip(_TAPS, (1 - low, 1.0, 1.0, low), strict=True):
            for column, along in zip(_TAPS, (1 - right, 1.0, 1.0, right), strict=True):
                cell = (y + row).clamp(0, _SHADOW - 1) * _SHADOW + (x + column).clamp(0, _SHADOW - 1)
                behind = at[:, 2] - self.deep[cell] - _BIAS  # m
                dark = (behind > 0) * torch.exp(-behind.clamp(min=0) / _PENUMBRA)
                lit += (1 - dark) * down * along
        return lit / (len(_TAPS) - 1) ** 2


def _shadow(figure: Figure, vertices: torch.Tensor, light: Light) -> _Shadow:
    """Of the posed figure, as the sun sees it."""
    sun = torch.tensor(light.direction, dtype=torch.float32)
    right = functional.normalize(torch.linalg.cross(sun, torch.tensor([0.0, 0, 1])), dim=0)
    axes = torch.stack([right, torch.linalg.cross(right, sun), -sun], 1)
    from_sun = vertices @ axes
    middle = from_sun.mean(0)
    scale = _SHADOW / (float((from_sun - middle)[:, :2].abs().max()) * 2.05)
    places = (from_sun - middle)[:, :2] * scale + _SHADOW / 2
    solid = (figure.part != Part.EYES) & (figure.part != Part.SCALP)
    triangles, closed = figure.triangles[solid], figure.closed[solid]
    sheer = torch.zeros(len(vertices)).index_fill_(0, triangles[~closed].flatten(), _SHEER)
    # Where light leaves a closed surface it cannot shade the side that it falls on.
    triangles = torch.where(closed[:, None], triangles[:, [0, 2, 1]], triangles)
    fragments = rasterise(places, from_sun[:, 2] + sheer, triangles, (_SHADOW, _SHADOW), closed)
    return _Shadow(axes, middle, scale, fragments.nearest(_SHADOW**2)[1])
