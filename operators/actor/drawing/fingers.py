"""Fingers of a figure, which bend at three joints each."""

from dataclasses import dataclass

import numpy as np
import torch
from torch.nn import functional

from operators.actor.body.body import template

# Of a finger's length from its root, and of all that it bends: each joint bends over some of its length.
_JOINTS = ((0.0, 0.16, 0.36), (0.40, 0.56, 0.42), (0.68, 0.82, 0.22))
_STEPS = 32


@dataclass(frozen=True)
class Finger:
    """One finger of a figure in the reference pose: which vertices are its own, int64 [M]; from where, [3], it runs
    along `axis` [3] for `length` metres, and bends towards `palm` [3]; `most` radians when it lies in the palm."""

    vertices: torch.Tensor
    root: torch.Tensor
    axis: torch.Tensor
    palm: torch.Tensor
    length: float
    most: float

    def bend(self, vertices: torch.Tensor, normals: torch.Tensor, share: float) -> None:
        """Bend it in vertices and normals [V,3], by that share of what it can."""
        away = vertices[self.vertices] - self.root
        along = away @ self.axis
        steps = torch.linspace(0, 1, _STEPS + 1)
        turned = self.most * share * _turned(steps)
        middle = (turned[1:] + turned[:-1]) / 2
        run = torch.cumsum(torch.stack([middle.cos(), middle.sin()], 1), 0) * self.length / _STEPS
        spine = torch.cat([torch.zeros(1, 2), run])
        at = (along / self.length).clamp(0, 1)
        low = (at * _STEPS).floor().clamp(max=_STEPS - 1).long()
        rest = (at * _STEPS - low)[:, None]
        centre = spine[low] * (1 - rest) + spine[low + 1] * rest
        by = self.most * share * _turned(at)
        beyond = along - at * self.length  # of what lies before the root, or behind the tip
        moved = self._mixed(beyond, away @ self.palm, by) + centre
        across = torch.linalg.cross(self.axis, self.palm)
        vertices[self.vertices] = self.root + self._placed(moved, away @ across, across)
        nodded = normals[self.vertices]
        mixed = self._mixed(nodded @ self.axis, nodded @ self.palm, by)
        normals[self.vertices] = self._placed(mixed, nodded @ across, across)

    @staticmethod
    def _mixed(along: torch.Tensor, towards: torch.Tensor, by: torch.Tensor) -> torch.Tensor:
        """[M,2]: along the finger and towards the palm, turned by [M] radians from the one to the other."""
        return torch.stack([along * by.cos() - towards * by.sin(), along * by.sin() + towards * by.cos()], 1)

    def _placed(self, flat: torch.Tensor, aside: torch.Tensor, across: torch.Tensor) -> torch.Tensor:
        return flat[:, :1] * self.axis + flat[:, 1:] * self.palm + aside[:, None] * across


def _turned(at: torch.Tensor) -> torch.Tensor:
    """Which share of its bend a finger has taken, at that share of its length."""
    total = torch.zeros_like(at)
    for begin, end, share in _JOINTS:
        x = ((at - begin) / (end - begin)).clamp(0, 1)
        total += share * x * x * (3 - 2 * x)
    return total


def finger_of(
    bare: torch.Tensor, of: tuple[np.ndarray, np.ndarray, np.ndarray, float], pick: torch.Tensor
) -> Finger:
    """A finger of the template's vertices `bare` [V,3], for a figure whose vertices are those of the numbers `pick`."""
    own, root, tip, most = of
    begin, end = (bare[torch.from_numpy(part)].mean(0) for part in (root, tip))
    axis = functional.normalize(end - begin, dim=0)
    closes = torch.from_numpy(template().curl)[torch.from_numpy(tip)].mean(0)
    palm = functional.normalize(closes - (closes @ axis) * axis, dim=0)
    held = torch.from_numpy(np.flatnonzero(np.isin(pick.numpy(), own)))
    return Finger(held, begin, axis, palm, float((end - begin) @ axis), most)
