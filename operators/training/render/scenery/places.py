"""Places where people are: a street or park, a room, a plain backdrop. People stand about the origin on z = 0."""

from dataclasses import dataclass, field

import numpy as np
from numpy.random import Generator

from operators.actor.looks.colours import Color, hsv, linear
from operators.training.render.scenery.light import SceneLight, daylight, lamplight
from operators.training.render.scenery.solids import Material, box, car, gray, some_colour, tree

_WINDOW: Color = (0.05, 0.07, 0.1)
Circle = tuple[float, float, float]  # x, y, radius in metres


@dataclass
class Place:
    """`triangles` float64 [N,17] as in solids.py; `front` is the y of the house front or wall behind the people;
    nobody walks through `obstacles`."""

    name: str
    triangles: np.ndarray
    light: SceneLight
    front: float
    obstacles: list[Circle] = field(default_factory=list)

    @property
    def is_park(self) -> bool:
        """Whether people may also be behind the front."""
        return self.name.startswith("park")

    def add(self, solid: np.ndarray) -> None:
        """Put one more thing into it."""
        self.triangles = np.concatenate([self.triangles, solid])


def street(rng: Generator) -> Place:
    """A pavement along X around y = 0, a road at negative y, houses or a park behind."""
    lightness = rng.uniform(0.3, 0.6)
    stone = linear((lightness, lightness * 0.98, lightness * 0.95))
    slab = float(rng.choice([0.3, 0.5, 0.8, 1.2]))
    joints = linear(gray(lightness * 0.8))
    asphalt = linear((0.27, 0.27, 0.28)), gray(0.3)
    parts = [
        box((0, 0, -0.05), (200, 7, 0.1), Material.PAVING, slab, (stone, joints)),
        box((0, -30, -0.12), (200, 54, 0.1), Material.ROAD, -33.5, asphalt),
    ]
    front = float(rng.uniform(3.3, 5))
    obstacles: list[Circle] = []
    is_park = bool(rng.random() < 0.25)
    if is_park:
        parts += _park(rng, front, obstacles)
    else:
        parts.append(box((0, front + 10, -0.04), (200, 20, 0.1), Material.PAVING, 0.5, (stone, stone)))
        parts += _houses(rng, front, beyond=1)
    if rng.random() < 0.6:
        parts += _houses(rng, -20.0, beyond=-1)
    parts += _parked_cars(rng, front, obstacles)
    parts += _kerb(rng, obstacles)
    weather, light = daylight(rng)
    name = f"{'park' if is_park else 'street'}, {weather}"
    return Place(name, np.concatenate(parts), light, front, obstacles)


def _park(rng: Generator, front: float, obstacles: list[Circle]) -> list[np.ndarray]:
    """Grass and trees behind a railing."""
    lawn = hsv(0.25, 0.5, 0.30), hsv(0.2, 0.5, 0.45)
    parts = [box((0, front + 30, -0.06), (200, 60, 0.1), Material.GRASS, 1, lawn)]
    for _ in range(16):
        x, y = rng.uniform(-30, 30), front + rng.uniform(1, 20)
        parts.append(tree((x, y, 0), rng.uniform(2, 3.5), rng.uniform(1, 2.2, 3), rng))
        obstacles.append((x, y, 0.7))
    iron = gray(0.1), gray(0.1)
    for i in range(30):
        parts.append(box((-30 + 2 * i, front + 0.3, 0.5), (0.06, 0.06, 1.0), Material.GLOSS, 1, iron))
    parts.append(box((0, front + 0.3, 0.95), (60, 0.05, 0.06), Material.GLOSS, 1, iron))
    return parts


def _houses(rng: Generator, front: float, beyond: int) -> list[np.ndarray]:
    """A row along the street; `beyond` is 1 behind the pavement, -1 across the road."""
    parts: list[np.ndarray] = []
    x = -60.0
    while x < 60:
        width, height = rng.uniform(5, 13), rng.uniform(5, 14)
        wall = Material(
            rng.choice([Material.FACADE, Material.FACADE, Material.FACADE, Material.BRICK, Material.PLASTER])
        )
        colours = some_colour(rng, 0.35, 0.35, 0.85), some_colour(rng, 0.2, 0.3, 0.9)
        centre = (x + width / 2, front + beyond * (4 + rng.uniform(-0.2, 0.3)), height / 2)
        parts.append(box(centre, (width, 8, height), wall, rng.uniform(1.6, 2.8), colours))
        face = front - beyond * 0.03
        if wall != Material.FACADE:  # which has windows of its own
            parts += [
                box((x + 1.2 + i * 2.5, face, 1.7), (1.1, 0.2, 1.3), Material.GLOSS, 1, (_WINDOW, _WINDOW))
                for i in range(int(width / 2.5))
            ]
        if rng.random() < 0.6:
            colours = some_colour(rng, 0.6, 0.15, 0.5), some_colour(rng, 0.5, 0.1, 0.4)
            door = (x + width * rng.uniform(0.2, 0.8), face, 1.05)
            parts.append(box(door, (1.0, 0.15, 2.1), Material.PLASTER, 1, colours))
        if rng.random() < 0.35:
            awning, colours = (x + width / 2, front - beyond * 0.5, 2.6), (some_colour(rng, 0.8), gray(0.8))
            parts.append(box(awning, (width * 0.8, 1.1, 0.12), Material.POSTER, 2.0, colours))
        x += width + (rng.uniform(0, 2) if rng.random() < 0.2 else 0)
    return parts


def _parked_cars(rng: Generator, front: float, obstacles: list[Circle]) -> list[np.ndarray]:
    """One to four, at the kerb or, where there is room, before the houses."""
    parts = []
    for _ in range(rng.integers(1, 5)):
        near_houses = rng.random() < 0.25 and front > 4.4
        x, y = rng.uniform(-25, 25), front - 1.1 if near_houses else -6.5
        parts.append(car((x, y, -0.05), float(rng.choice([0, np.pi])), some_colour(rng, 0.9, 0.1, 0.9)))
        obstacles += [(x + along, y, 1.3) for along in (-1.4, 0, 1.4)]
    return parts


def _kerb(rng: Generator, obstacles: list[Circle]) -> list[np.ndarray]:
    """Lamp posts, trees, bins and gaps along the back of the pavement."""
    parts = []
    for i in range(-5, 6):
        x, kind = i * 8 + rng.uniform(-1, 1), rng.random()
        if kind < 0.45:
            post = gray(0.06), gray(0)
            parts.append(box((x, 2.8, 2.2), (0.11, 0.11, 4.4), Material.GLOSS, 1, post))
        elif kind < 0.65:
            parts.append(tree((x, 2.8, 0), 2.4, (1.1, 1.1, 1.2), rng))
        elif kind < 0.8:
            bin_ = some_colour(rng, 0.6, 0.1, 0.5), gray(0.1)
            parts.append(box((x, 2.8, 0.5), (0.5, 0.5, 1.0), Material.PLASTER, 1, bin_))
        else:
            continue
        obstacles.append((x, 2.8, 0.45))
    return parts


def room(rng: Generator) -> Place:
    """A floor, three walls, and things at the back wall: pictures, furniture, perhaps a door and a window."""
    width, depth, height = rng.uniform(6.5, 11), rng.uniform(3, 6), rng.uniform(2.6, 3.4)
    floor = Material(rng.choice([Material.PLANKS, Material.TILES, Material.CARPET, Material.PAVING]))
    colours = some_colour(rng, 0.5, 0.3, 0.7), some_colour(rng, 0.5, 0.25, 0.7)
    if floor == Material.PLANKS:
        colours = hsv(0.08, 0.5, rng.uniform(0.3, 0.65)), hsv(0.07, 0.55, rng.uniform(0.25, 0.5))
    tile = float(rng.choice([0.4, 0.6]))
    parts = [box((0, 0, -0.05), (width * 2, 30, 0.1), floor, tile, colours)]
    red, green, blue = some_colour(rng, 0.3, 0.5, 0.92)
    paint = (red, green, blue), (red * 0.85, green * 0.85, blue * 0.85)
    plaster = [Material.PLASTER] * 3
    wall = Material(rng.choice([*plaster, Material.BRICK, Material.CLOUDY]))
    back = depth / 2 + 1.0
    parts.append(box((0, back + 0.1, height / 2), (width * 2, 0.2, height), wall, 2.0, paint))
    for side in (-1, 1):
        parts.append(box((side * width / 2, 0, height / 2), (0.2, 30, height), wall, 2.0, paint))
    skirting = gray(0.7), gray(0.6)
    parts.append(box((0, back - 0.02, 0.06), (width, 0.05, 0.12), Material.PLASTER, 1, skirting))
    parts += _furnish(rng, width, back)
    return Place("room", np.concatenate(parts), lamplight(rng), back - 0.9)


def _furnish(rng: Generator, width: float, back: float) -> list[np.ndarray]:
    """Pictures on the wall and cupboards before it, one to four each; half the rooms have a door, half a window."""
    parts = []
    for _ in range(rng.integers(1, 5)):
        at = (rng.uniform(-width / 2, width / 2), back - 0.02, rng.uniform(1.2, 2.1))
        size = (rng.uniform(0.4, 1.4), 0.06, rng.uniform(0.3, 1.0))
        material = Material(rng.choice([Material.POSTER, Material.CLOUDY, Material.GLOSS]))
        colours = some_colour(rng, 0.9), some_colour(rng, 0.9)
        parts.append(box(at, size, material, rng.uniform(2, 9), colours))
    for _ in range(rng.integers(1, 5)):
        tall = rng.uniform(0.4, 2.0)
        at = (rng.uniform(-width / 2, width / 2), back - 0.42, tall / 2)
        size = (rng.uniform(0.5, 1.8), rng.uniform(0.4, 0.8), tall)
        material = Material(rng.choice([Material.PLASTER, Material.PLANKS, Material.CLOUDY]))
        colours = some_colour(rng, 0.7, 0.15, 0.8), some_colour(rng, 0.7, 0.15, 0.8)
        parts.append(box(at, size, material, 4.0, colours))
    if rng.random() < 0.5:
        at, wood = (rng.uniform(-width / 2, width / 2), back - 0.02, 1.05), hsv(0.08, 0.4, 0.6)
        parts.append(box(at, (0.95, 0.1, 2.1), Material.PLANKS, 1, (wood, hsv(0.08, 0.4, 0.5))))
    if rng.random() < 0.5:
        at, bright = (rng.uniform(-width / 3, width / 3), back - 0.02, 1.7), (0.9, 0.95, 1.0)
        parts.append(box(at, (1.4, 0.08, 1.2), Material.GLOSS, 1, (bright, gray(0))))
    return parts


def plain(rng: Generator) -> Place:
    """A floor and one wall of strong random materials."""
    ground = some_colour(rng, 0.8, 0.1, 0.9), some_colour(rng, 0.8, 0.1, 0.9)
    m = Material
    wall = m(rng.choice([m.PLASTER, m.CLOUDY, m.POSTER, m.GRASS, m.CARPET, m.BRICK, m.FACADE]))
    floor = m(rng.choice([m.PAVING, m.GRASS, m.PLASTER, m.PLANKS, m.CARPET, m.CLOUDY]))
    paint = some_colour(rng, 0.6, 0.1, 0.9), some_colour(rng, 0.6, 0.1, 0.9)
    y = float(rng.uniform(1.5, 4))
    parts = [
        box((0, 0, -0.05), (60, 60, 0.1), floor, rng.uniform(0.4, 1.5), ground),
        box((0, y, 3), (60, 0.2, 8), wall, rng.uniform(0.6, 3), paint),
    ]
    light = room(rng).light if rng.random() < 0.5 else daylight(rng)[1]
    return Place("plain", np.concatenate(parts), light, y - 0.5)
