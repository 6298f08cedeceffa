"""Hair that hangs: a sheet from the crown over skull, shoulders and back, made around the template in its rest pose.

Strands run down side by side. Each first follows the skull (a dome around its middle), then falls, and below the neck
lies on the clothes of the back.
"""

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from scipy.ndimage import gaussian_filter, gaussian_filter1d, maximum_filter
from scipy.spatial import cKDTree

from operators.actor.body.body import Template, template
from operators.actor.drawing.edges import FRAY
from operators.actor.looks.looks import Looks
from operators.actor.smoothstep import smoothstep

_STRANDS, _LEVELS = 128, 34
MIDDLE = np.array([0.0, -0.035, 0.655])  # of the skull
_FALL = 0.12  # m of fall that count as much as the dome's quarter circle
_BENDS = 3.0, 2.0  # levels and strands over which hair that moves with other bones bends
_NEIGHBOURS = 12  # of the body's vertices that a strand's point moves with
_CELL, _LOW, _WIDE = 0.02, 0.05, 0.3  # m: of the map of the back, where it begins, how far it goes
_BANGS = 0.66  # radians to either side of the face over which a fringe hangs
_OPEN = 0.92  # radians to either side of the face that stay free,
_BEHIND = 1.95  # and below the ears, as hair falls behind the shoulders: before them it hangs in straps
_PARTED = 0.3  # radians between neighbouring strands: so far apart, they part
_FRONT, _NAPE = 1.57, 0.56  # radians from the face; z below which hair may lie on the body


@dataclass(frozen=True)
class Sheet:
    """K points: `rest` float32 [K,3] on the template, attributes [K,8] as Template's, triangles int64 [F,3].

    near int64 [K,N] and share float32 [K,N,1]: which vertices of the body each point moves with, and how much.
    strands: how many run side by side, level by level; 0 where none do.
    """

    rest: np.ndarray
    attributes: np.ndarray
    triangles: np.ndarray
    near: np.ndarray
    share: np.ndarray
    strands: int = 0

    def over(self, vertices: np.ndarray) -> np.ndarray:
        """[K,3]: where the points are around a body of other shape, vertices [V,3] of it."""
        moved = vertices[self.near] - template().attributes[self.near, :3]
        return np.asarray(self.rest + (moved * self.share).sum(1))

    def skinning(self) -> np.ndarray:
        """[K,23]: hair moves with the skin below it, and bends where that changes from head to shoulders."""
        own = (template().skinning[self.near] * self.share).sum(1)
        if not self.strands:
            return np.asarray(own)
        lengthwise = own.reshape(-1, self.strands, own.shape[1])
        smooth = gaussian_filter(lengthwise, (*_BENDS, 0), mode=("nearest", "wrap", "nearest"))
        return np.asarray(smooth.reshape(own.shape))


def hanging(looks: Looks) -> Sheet:
    """The hair of somebody whose hair hangs."""
    shared, identity = template(), looks.identity
    rng = np.random.default_rng([23, int(identity.texture * 1e9)])
    angles = np.linspace(-np.pi, np.pi, _STRANDS, endpoint=False)
    part = rng.uniform(-0.25, 0.25)
    from_face = np.abs(angles - part)
    ends = _ends(identity.fringe, identity.hair_cut, from_face, rng)
    steps = np.linspace(0, 1, _LEVELS)[:, None] * (ends + FRAY / _FALL)  # as far as single hairs may reach
    opened = (
        _OPEN * smoothstep(0.3, 0.95, steps)
        if identity.fringe > 0.75
        else _OPEN * smoothstep(0.8, 1.15, steps)
    )
    short = (ends < 1) & (identity.fringe <= 0.75)
    turned = np.where(short, angles, part + np.sign(angles - part) * np.maximum(from_face, opened))
    behind = _BEHIND * smoothstep(0.9, 1.7, steps)
    turned = np.where(short, turned, np.sign(turned) * np.maximum(np.abs(turned), behind))
    points = _fall(turned, steps, rng, 0.012 + 0.006 * rng.random())
    _rest_on_body(points, turned[-1], 0.036 + looks.outfit.loose + 0.016 * looks.outfit.jacket)
    attributes = np.zeros((points.shape[0], _STRANDS, 8), np.float32)
    out = 0.1 * np.stack([np.sin(angles), -np.cos(angles)], 1)
    attributes[..., :2] = out + MIDDLE[:2]
    attributes[..., 2] = points[..., 2]
    attributes[..., 3] = steps / ends  # 0 at the crown, 1 where it is cut
    attributes[..., 5] = 1
    rest = points.reshape(-1, 3).astype(np.float32)
    distances, near = _tree().query(rest, _NEIGHBOURS)
    share = 1 / (distances + 0.02) ** 2
    near = body_vertices(shared)[near]
    share = (share / share.sum(1, keepdims=True))[..., None].astype(np.float32)
    woven = _woven()
    seam = np.abs(turned.reshape(-1)[woven[:, [0, 1, 2]]])
    crossed = (np.ptp(turned.reshape(-1)[woven], axis=1) > _PARTED) & (seam.max(1) < np.pi / 2)
    if identity.fringe <= 0.75:
        crossed &= False
    return Sheet(rest, attributes.reshape(-1, 8), woven[~crossed], near, share, _STRANDS)


def _ends(fringe: float, cut: float, from_face: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """[S]: how far each strand runs: 1 is the dome's rim, then _FALL metres for each more."""
    ragged = gaussian_filter1d(rng.normal(size=_STRANDS), 0.8, mode="wrap")
    long = 1 + (MIDDLE[2] - cut + 0.007 * ragged) / _FALL
    if fringe > 0.75:
        return np.asarray(long)
    bangs = 1 - np.arcsin((fringe + 0.003 * ragged - MIDDLE[2]) / 0.125) / (np.pi / 2)
    return np.asarray(bangs + (long - bangs) * smoothstep(_BANGS, _BANGS + 0.14, from_face))


def _fall(turned: np.ndarray, steps: np.ndarray, rng: np.random.Generator, lift: float) -> np.ndarray:
    """[L,S,3]: strands at angles `turned` around the skull, `lift` metres above it, then straight down."""
    elevation = (1 - np.minimum(steps, 1)) * np.pi / 2
    down = np.maximum(steps - 1, 0) * _FALL
    clumps = gaussian_filter1d(rng.normal(size=_STRANDS), 1.2, mode="wrap")
    waves = rng.uniform(0, 0.005) * np.sin(down * rng.uniform(45, 75) + 2 * clumps) * smoothstep(0, 0.1, down)
    radius = _skull(turned, elevation) + lift
    ears = 0.012 * np.exp(-(((np.abs(turned) - 1.5) / 0.45) ** 2)) * smoothstep(0.6, 1.1, steps)
    level = radius * np.cos(elevation) + ears + (0.004 * clumps * smoothstep(0.5, 2, steps) + waves)
    level = level - 0.012 * smoothstep(0.04, 0.14, down)
    return np.stack(
        [
            level * np.sin(turned) + MIDDLE[0],
            -level * np.cos(turned) + MIDDLE[1],
            radius * np.sin(elevation) + MIDDLE[2] - down,
        ],
        2,
    )


def _rest_on_body(points: np.ndarray, angles: np.ndarray, clear: float) -> None:
    """Moves points [L,S,3] out of the trunk, `clear` metres behind its back; `angles` [S] are those of the tips.

    Nothing before the shoulders reaches down to the chest.
    """
    back, front = _back(), np.abs(angles) < _FRONT
    x = np.clip(((points[..., 0] + _WIDE) / _CELL).astype(int), 0, back.shape[1] - 1)
    z = np.clip(((points[..., 2] - _LOW) / _CELL).astype(int), 0, back.shape[0] - 1)
    low = points[..., 2] < _NAPE
    least = np.where(low, back[z, x] + clear, -1.0)
    out = np.where(front, -1.0, 1.0) * points[..., 1]
    for level in range(len(points) - 2, -1, -1):  # hair slopes over the shoulder, it does not step
        least[level] = np.maximum(
            least[level], least[level + 1] - 1.5 * (points[level, :, 2] - points[level + 1, :, 2])
        )
    share = smoothstep(0.05, 0.5, np.abs(np.abs(angles) - _FRONT))  # between the two they end in the shoulder
    push = np.where(points[..., 2] < _NAPE + 0.05, np.maximum(least - out, 0), 0) * share
    out = out + np.maximum(push, gaussian_filter(push, (1.5, 1.5), mode=("nearest", "wrap")))
    points[..., 1] = np.where(front, -1.0, 1.0) * out


def _skull(angles: np.ndarray, elevation: np.ndarray) -> np.ndarray:
    """Distance from the skull's middle to its surface in each direction."""
    radii = _dome()
    rows, columns = radii.shape
    row = elevation / (np.pi / 2) * (rows - 1)
    column = (angles + np.pi) / (2 * np.pi) * columns
    r, c = np.minimum(row.astype(int), rows - 2), np.floor(column).astype(int)
    up, right = row - r, column - c
    first, second = c % columns, (c + 1) % columns
    lower = radii[r, first] * (1 - right) + radii[r, second] * right
    upper = radii[r + 1, first] * (1 - right) + radii[r + 1, second] * right
    return np.asarray(lower * (1 - up) + upper * up)


@lru_cache(maxsize=1)
def _dome() -> np.ndarray:
    """float [12,48]: the skull's radius by elevation, 0 to a quarter circle, and by angle from the back around."""
    shared = template()
    head = shared.attributes[body_vertices(shared)]
    away = head[head[:, 5] > 0.5, :3] - MIDDLE
    radius = np.linalg.norm(away, axis=1)
    elevation, angle = np.arcsin(away[:, 2] / radius), np.arctan2(away[:, 0], -away[:, 1])
    rows, columns = 12, 48
    radii = np.zeros((rows, columns))
    for row in range(rows):
        for column in range(columns):
            off = np.abs((angle - column * 2 * np.pi / columns + 2 * np.pi) % (2 * np.pi) - np.pi)
            e = row / (rows - 1) * np.pi / 2
            apart = np.hypot(elevation - e, off * np.cos(np.maximum(elevation, e)))
            nearby = np.argsort(apart)[:5]
            radii[row, column] = radius[nearby].mean()
    return gaussian_filter(radii, (0.6, 0.8), mode=("nearest", "wrap"))


@lru_cache(maxsize=1)
def _back() -> np.ndarray:
    """y of the back over a grid of z and x."""
    shared = template()
    rows = shared.attributes[body_vertices(shared)]
    rest = rows[rows[:, 3] < 0.6, :3]
    count = int(2 * _WIDE / _CELL)
    x, z = ((rest[:, 0] + _WIDE) / _CELL).astype(int), ((rest[:, 2] - _LOW) / _CELL).astype(int)
    inside = (x >= 0) & (x < count) & (z >= 0) & (rest[:, 2] < _NAPE)
    shape = (int((_NAPE - _LOW) / _CELL) + 2, count)
    reach = np.full(shape, -1.0)
    np.maximum.at(reach, (z[inside], x[inside]), rest[inside, 1])
    reach = maximum_filter(reach, 3)
    return np.asarray(np.where(reach > -0.5, gaussian_filter(np.maximum(reach, -0.05), 0.7), -1.0))


@lru_cache(maxsize=1)
def _woven() -> np.ndarray:
    """int64 [F,3]: triangles between neighbouring strands and levels."""
    row, column = np.meshgrid(np.arange(_LEVELS - 1), np.arange(_STRANDS), indexing="ij")
    a, b = row * _STRANDS + column, row * _STRANDS + (column + 1) % _STRANDS
    c, d = a + _STRANDS, b + _STRANDS
    return np.concatenate([np.stack([a, c, b], -1).reshape(-1, 3), np.stack([b, c, d], -1).reshape(-1, 3)])


def body_vertices(shared: Template) -> np.ndarray:
    """The skin's vertices, but for the ears, which hair does not cling to."""
    skin = np.unique(shared.faces["body"])
    place = shared.attributes[skin]
    return skin[(np.abs(place[:, 0]) < 0.0745) | (place[:, 5] < 0.5) | (place[:, 2] > 0.67)]


@lru_cache(maxsize=1)
def _tree() -> cKDTree:
    shared = template()
    return cKDTree(shared.attributes[body_vertices(shared), :3])
