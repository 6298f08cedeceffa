"""Hair that is tied at the back of the head: a bun, or a tail that hangs from there."""

import numpy as np

from operators.actor.body.body import template
from operators.actor.drawing.hair import MIDDLE, Sheet, body_vertices
from operators.actor.looks.looks import Identity

_RINGS, _AROUND = 20, 20
_BACK = np.array([0.0, 0.071, 0.69])  # where it is tied
_BUN, _TAIL = 0.036, 0.024  # m: their radii
_BUNS = 0.45  # share of those who tie their hair that wear a bun
_NEIGHBOURS = 12


def knot(identity: Identity) -> Sheet:
    """What is tied, as it lies behind the template's head, with which it moves."""
    rng = np.random.default_rng([29, int(identity.texture * 1e9)])
    share = np.linspace(0, 1, _RINGS)
    if rng.random() < _BUNS:
        path = _BACK + np.outer(np.cos(np.pi * share), [0, -0.8 * _BUN, -0.25 * _BUN])
        radius = _BUN * rng.uniform(0.85, 1.15) * np.sin(np.pi * share)
    else:
        long = rng.uniform(0.12, 0.26)
        out = 0.045 * (1 - np.exp(-share * 9))
        path = _BACK + np.stack(
            [0 * share, out - 0.02 * share, 0.012 * np.sin(3 * share) - long * share**1.5], 1
        )
        radius = _TAIL * rng.uniform(0.8, 1.1) * np.minimum(1, 6 * share + 0.45) * (1 - share**3)
    rest = _tube(path, radius * (1 + 0.08 * np.sin(9 * share)))
    turn = np.linspace(0, 2 * np.pi, _AROUND, endpoint=False)
    attributes = np.zeros((_RINGS, _AROUND, 8), np.float32)
    attributes[..., 0], attributes[..., 1] = 0.1 * np.sin(turn) + MIDDLE[0], MIDDLE[1] - 0.1 * np.cos(turn)
    attributes[..., 2] = path[:, 2:]
    attributes[..., 3], attributes[..., 5] = share[:, None], 1
    shared = template()
    skin = body_vertices(shared)
    near = skin[np.argsort(np.linalg.norm(shared.attributes[skin, :3] - _BACK, axis=1))[:_NEIGHBOURS]]
    count = _RINGS * _AROUND
    return Sheet(
        rest.reshape(-1, 3).astype(np.float32),
        attributes.reshape(-1, 8),
        _woven(),
        np.tile(near, (count, 1)),
        np.full((count, _NEIGHBOURS, 1), 1 / _NEIGHBOURS, np.float32),
    )


def _tube(path: np.ndarray, radius: np.ndarray) -> np.ndarray:
    """[L,A,3]: rings around a path [L,3] that lies in the plane between left and right."""
    along = np.gradient(path, axis=0)
    along /= np.linalg.norm(along, axis=1, keepdims=True)
    side = np.array([1.0, 0, 0])
    up = np.cross(along, side)
    turn = np.linspace(0, 2 * np.pi, _AROUND, endpoint=False)[None, :, None]
    return np.asarray(
        path[:, None] + radius[:, None, None] * (np.cos(turn) * side + np.sin(turn) * up[:, None])
    )


def _woven() -> np.ndarray:
    """int64 [F,3]: triangles between neighbouring rings."""
    row, column = np.meshgrid(np.arange(_RINGS - 1), np.arange(_AROUND), indexing="ij")
    a, b = row * _AROUND + column, row * _AROUND + (column + 1) % _AROUND
    c, d = a + _AROUND, b + _AROUND
    return np.concatenate([np.stack([a, c, b], -1).reshape(-1, 3), np.stack([b, c, d], -1).reshape(-1, 3)])
