"""Things between the camera and a person: the reason why masks have holes and joints are hidden."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.random import Generator

from operators.actor.looks.colours import hsv
from operators.training.render.scenery.solids import CAR_HEIGHT, Material, blob, box, car, some_colour

KINDS = ("pole", "box", "hedge", "car")
POLE_HEIGHT = 3.2


@dataclass(frozen=True)
class Occluder:
    """One of KINDS, `height` metres tall, standing at (x, y)."""

    kind: str
    height: float
    x: float
    y: float

    def record(self) -> dict[str, Any]:
        """As it stands in a clip's JSON."""
        place = [round(self.x, 2), round(self.y, 2)]
        return {"kind": self.kind, "height_m": round(self.height, 2), "position_m": place}

    def build(self, rng: Generator) -> np.ndarray:
        """Its triangles (solids.py), with random materials, colours and widths."""
        colours = some_colour(rng, 0.7, 0.05, 0.85), some_colour(rng, 0.7, 0.05, 0.85)
        yaw = float(rng.normal() * 0.3)
        centre = (self.x, self.y, self.height / 2)
        if self.kind == "pole":
            width = float(rng.uniform(0.07, 0.22))
            material = Material(rng.choice([Material.GLOSS, Material.PLASTER, Material.CLOUDY]))
            return box(centre, (width, width, self.height), material, 9.0, colours, yaw)
        if self.kind == "box":
            width, m = float(rng.uniform(0.3, 0.9)), Material
            material = m(rng.choice([m.PLASTER, m.PLANKS, m.CLOUDY, m.BRICK, m.POSTER]))
            return box(centre, (width, width * 0.8, self.height), material, 3.0, colours, yaw)
        if self.kind == "hedge":
            return self._hedge(rng)
        rows = car((0, 0, 0), float(rng.choice([0.0, np.pi])), colours[0])
        # seen from the side, and squeezed to the height that is wanted
        rows[:, :3] *= [self.height / CAR_HEIGHT, 0.35, self.height / CAR_HEIGHT]
        rows[:, :3] += [self.x, self.y, 0]
        return rows

    def _hedge(self, rng: Generator) -> np.ndarray:
        green, radii = (hsv(0.3, 0.6, 0.3), hsv(0.24, 0.6, 0.18)), (0.4, 0.3, self.height * 0.55)
        places = [(self.x + 0.45 * i, self.y, self.height * 0.5) for i in range(-3, 4)]
        return np.concatenate([blob(place, radii, green, rng, steps=8) for place in places])
