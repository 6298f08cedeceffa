"""Triangles to pixels in plain torch, without OpenGL: one pass for all triangles of about the same size."""

from dataclasses import dataclass

import torch

_SIDES = (1, 2, 3, 4, 6, 8, 12, 16, 24, 32, 64, 128, 256, 1024, 4096)  # px; triangles are sorted by them
_SLACK = 1e-5  # of a triangle: neighbours leave no gap where floats are rounded
_BATCH = 1 << 23  # pixels tested at once: memory


@dataclass(frozen=True)
class Fragments:
    """Triangles over pixels' centres: pixel [F] (row * width + column), triangle, share [F,3] of corners, depth."""

    pixel: torch.Tensor
    triangle: torch.Tensor
    share: torch.Tensor
    depth: torch.Tensor

    def where(self, keep: torch.Tensor) -> "Fragments":
        """Those of a boolean mask or of indices."""
        return Fragments(self.pixel[keep], self.triangle[keep], self.share[keep], self.depth[keep])

    def of(self, values: torch.Tensor, triangles: torch.Tensor) -> torch.Tensor:
        """[F,C]: values [V,C] of the vertices, blended over the triangles [T,3]."""
        return (values[triangles[self.triangle]] * self.share[..., None]).sum(1)

    def nearest(self, pixels: int) -> tuple["Fragments", torch.Tensor]:
        """The one in front at each pixel, and the depth [pixels], infinite where there is none."""
        depth = torch.full((pixels,), torch.inf).scatter_reduce(0, self.pixel, self.depth, "amin")
        first = (self.depth == depth[self.pixel]).nonzero()[:, 0]
        # Of two that are equally near, the same one on every run and machine.
        chosen = torch.full((pixels,), len(self.pixel)).scatter_reduce(0, self.pixel[first], first, "amin")
        return self.where(chosen[chosen < len(self.pixel)]), depth


def rasterise(
    places: torch.Tensor,
    depth: torch.Tensor,
    triangles: torch.Tensor,
    size: tuple[int, int],
    closed: torch.Tensor,
) -> Fragments:
    """All fragments of triangles [T,3] over vertices at places [V,2] px and depth [V] > 0; `size` is (height, width).

    Triangles of `closed` [T] surfaces that show their back are left out.
    """
    corners = places[triangles]
    least = torch.ceil(corners.min(1).values - 0.5).long().clamp(min=0)
    most = torch.minimum(
        torch.floor(corners.max(1).values - 0.5).long(), torch.tensor([size[1] - 1, size[0] - 1])
    )
    extent = most - least + 1
    first, second = corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0]
    area = first[:, 0] * second[:, 1] - first[:, 1] * second[:, 0]
    shown = ((extent > 0).all(1) & (area != 0) & ~(closed & (area > 0))).nonzero()[:, 0]
    side = extent[shown].max(1).values
    found, smaller = [], 0
    for limit in _SIDES:
        group = shown[(side > smaller) & (side <= limit)]
        smaller = limit
        for chunk in group.split(max(1, _BATCH // limit**2)) if len(group) else ():
            found.append(_covered(corners[chunk], area[chunk], least[chunk], limit, chunk, size))
    if not found:
        nothing = torch.zeros(0, dtype=torch.long)
        return Fragments(nothing, nothing, torch.zeros(0, 3), torch.zeros(0))
    pixel, triangle, share = (torch.cat(parts) for parts in zip(*found, strict=True))
    return Fragments(pixel, triangle, share, (depth[triangles[triangle]] * share).sum(1))


def _covered(
    corners: torch.Tensor,
    area: torch.Tensor,
    least: torch.Tensor,
    limit: int,
    numbers: torch.Tensor,
    size: tuple[int, int],
) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """Pixels' centres inside triangles that are at most `limit` pixels wide and high."""
    steps = torch.arange(limit) + 0.5
    a, b, c = (corners - least[:, None]).unbind(1)  # near 0, where floats are finest

    def plane(p: torch.Tensor, q: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """A corner's share is linear in x and y: what x gives [N,1,limit] and what y gives [N,limit,1]."""
        across, down = (p[:, 1] - q[:, 1]) / area, (q[:, 0] - p[:, 0]) / area
        level = (p[:, 0] * q[:, 1] - p[:, 1] * q[:, 0]) / area
        return (across[:, None] * steps)[:, None, :], (level[:, None] + down[:, None] * steps)[:, :, None]

    first, second = (sum(plane(p, q)) for p, q in ((b, c), (c, a)))
    inside = (first >= -_SLACK) & (second >= -_SLACK) & (first + second <= 1 + _SLACK)
    at = inside.nonzero()
    column, row = least[at[:, 0], 0] + at[:, 2], least[at[:, 0], 1] + at[:, 1]
    first, second = first[inside], second[inside]
    share = torch.stack([first, second, 1 - first - second], 1)
    framed = (column < size[1]) & (row < size[0])
    if not framed.all():
        column, row, at, share = column[framed], row[framed], at[framed], share[framed]
    return row * size[1] + column, numbers[at[:, 0]], share
