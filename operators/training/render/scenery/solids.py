"""What places are built of. A solid is rows float64 [N,17], three a triangle, in metres, Z up: position 3, normal 3,
local position 3 (where the material's pattern is looked up), two colours in linear light 3 + 3, material, its scale."""

from collections.abc import Sequence
from enum import IntEnum

import numpy as np
from numpy.random import Generator

from operators.actor.looks.colours import Color, hsv

Point = Sequence[float] | np.ndarray


class Material(IntEnum):
    """Numbers that place.frag.glsl knows."""

    ROAD = 0
    PAVING = 1
    GRASS = 2
    BRICK = 3
    FACADE = 4
    PLASTER = 5
    PLANKS = 6
    TILES = 7
    CARPET = 8
    GLOSS = 9
    LEAVES = 10
    POSTER = 11
    CLOUDY = 12


_GROUND = (Material.ROAD, Material.PAVING, Material.GRASS)  # their patterns run on from one box to the next
BLACK: Color = (0.015, 0.015, 0.015)
GLASS: Color = (0.02, 0.025, 0.03)
_HEADLIGHT: Color = (0.8, 0.8, 0.7)
CAR_HEIGHT = 1.42
_QUAD = ((0, 0), (1, 0), (1, 1), (0, 0), (1, 1), (0, 1))  # corners of two triangles
# Each side of a cube from -1 to 1: its normal, and the two directions that span it.
_SIDES = np.array(
    [
        ((0, 0, 1), (1, 0, 0), (0, 1, 0)),
        ((0, 0, -1), (1, 0, 0), (0, -1, 0)),
        ((1, 0, 0), (0, 1, 0), (0, 0, 1)),
        ((-1, 0, 0), (0, -1, 0), (0, 0, 1)),
        ((0, 1, 0), (-1, 0, 0), (0, 0, 1)),
        ((0, -1, 0), (1, 0, 0), (0, 0, 1)),
    ],
    float,
)
_CORNERS = np.array(_QUAD, float) * 2 - 1
_CUBE = (
    _SIDES[:, None, 0] + _CORNERS[:, :1] * _SIDES[:, None, 1] + _CORNERS[:, 1:] * _SIDES[:, None, 2]
).reshape(36, 3)
_CUBE_NORMALS = np.repeat(_SIDES[:, 0], 6, 0)


def box(
    centre: Point,
    size: Point,
    material: Material,
    scale: float,
    colours: tuple[Color, Color],
    yaw: float = 0.0,
) -> np.ndarray:
    """A cuboid `size` metres wide, deep and tall, turned by `yaw` radians. Its colours are mixed by the material."""
    half, rotation = np.asarray(size, float) / 2, turn(yaw)
    local = _CUBE * half
    shift = np.array([0, 0, half[2]])
    if material in _GROUND:
        shift = shift + np.asarray(centre, float)
    position, normal = local @ rotation.T + centre, _CUBE_NORMALS @ rotation.T
    return _rows(position, normal, local + shift, colours, material, scale)


def blob(
    centre: Point, radii: Point, colours: tuple[Color, Color], rng: Generator, steps: int = 10
) -> np.ndarray:
    """A bumpy ball of leaves."""
    down, around = np.linspace(0, np.pi, steps), np.linspace(0, 2 * np.pi, 2 * steps)
    rings = np.outer(np.sin(down), np.cos(around)), np.outer(np.sin(down), np.sin(around))
    ball = np.stack([*rings, np.outer(np.cos(down), np.ones(2 * steps))], -1)
    bumps = 1 + 0.18 * rng.normal(size=(steps, 2 * steps, 1)) * np.sin(down)[:, None, None]
    position = ball * np.asarray(radii) * bumps
    position[:, -1] = position[:, 0]  # close the seam

    def triangles(grid: np.ndarray) -> np.ndarray:
        corners = [grid[i : steps - 1 + i, j : 2 * steps - 1 + j] for i, j in _QUAD]
        return np.stack(corners, 2).reshape(-1, 3)

    local = triangles(position)
    return _rows(local + centre, triangles(ball), local, colours, Material.LEAVES, 1.0)


def car(centre: Point, yaw: float, paint: Color) -> np.ndarray:
    """A saloon, 4.2 m long along X before it is turned."""
    gloss = Material.GLOSS
    parts = [
        box((0, 0, 0.62), (4.2, 1.75, 0.62), gloss, 1, (paint, paint)),
        box((-0.2, 0, 1.12), (2.3, 1.5, 0.5), gloss, 1, (GLASS, BLACK)),
        box((-0.2, 0, 1.39), (2.0, 1.45, 0.06), gloss, 1, (paint, paint)),
        box((2.08, 0, 0.7), (0.06, 1.3, 0.12), gloss, 1, (_HEADLIGHT, BLACK)),
    ]
    for x in (-1.3, 1.3):
        for y in (-0.8, 0.8):
            parts.append(box((x, y, 0.32), (0.62, 0.2, 0.62), Material.PLASTER, 1, (BLACK, BLACK)))
    rows, rotation = np.concatenate(parts), turn(yaw)
    rows[:, :3] = rows[:, :3] @ rotation.T + np.asarray(centre)
    rows[:, 3:6] = rows[:, 3:6] @ rotation.T
    return rows


def tree(foot: Point, trunk: float, crown: Point, rng: Generator) -> np.ndarray:
    """A trunk that many metres tall under a crown of those radii."""
    x, y, ground = foot
    wood = hsv(0.08, 0.5, 0.25), hsv(0.08, 0.5, 0.15)
    leaves = hsv(rng.uniform(0.2, 0.33), 0.6, 0.35), hsv(rng.uniform(0.15, 0.3), 0.6, 0.18)
    return np.concatenate(
        [
            box((x, y, ground + trunk / 2), (0.25, 0.25, trunk), Material.CLOUDY, 9.0, wood),
            blob((x, y, ground + trunk + 0.8), crown, leaves, rng),
        ]
    )


def some_colour(
    rng: Generator, saturation: float = 0.4, darkest: float = 0.2, lightest: float = 0.8
) -> Color:
    """Any hue, up to that saturation, between two lightnesses."""
    return hsv(rng.random(), rng.uniform(0, saturation), rng.uniform(darkest, lightest))


def gray(value: float) -> Color:
    """In linear light."""
    return (value, value, value)


def turn(yaw: float) -> np.ndarray:
    """Rotation float64 [3,3] about Z, in radians."""
    c, s = np.cos(yaw), np.sin(yaw)
    return np.array([[c, -s, 0], [s, c, 0], [0, 0, 1]])


def _rows(
    position: np.ndarray,
    normal: np.ndarray,
    local: np.ndarray,
    colours: tuple[Color, Color],
    material: Material,
    scale: float,
) -> np.ndarray:
    rows = np.empty((len(position), 17))
    rows[:, 0:3], rows[:, 3:6], rows[:, 6:9] = position, normal, local
    rows[:, 9:12], rows[:, 12:15], rows[:, 15], rows[:, 16] = *colours, material, scale
    return rows
