"""The parts that somebody is drawn of: which of them looks have, and of which triangles each is cut."""

from collections.abc import Mapping
from enum import IntEnum

import numpy as np
import torch

from operators.actor.drawing.edges import hidden
from operators.actor.looks.looks import LONG, SHAVED, SHOULDER, TIED, Looks, Outfit


class Part(IntEnum):
    """What a triangle belongs to."""

    SKIN = 0
    EYES = 1
    TOP = 2
    TROUSERS = 3
    SHOES = 4
    SKIRT = 5
    SCALP = 6
    JACKET = 7
    STRANDS = 8


def worn(looks: Looks) -> list[Part]:
    """What somebody is drawn of, in order."""
    outfit, style = looks.outfit, looks.identity.hair_style
    return [
        *[Part.SKIN, Part.EYES, Part.TOP],
        *([Part.JACKET] if outfit.jacket else []),
        Part.SKIRT if outfit.skirt else Part.TROUSERS,
        Part.SHOES,
        *([Part.SCALP] if style != SHAVED else []),
        *([Part.STRANDS] if style in (SHOULDER, LONG, TIED) else []),
    ]


def surfaces(faces: Mapping[str, np.ndarray], attributes: np.ndarray) -> dict[Part, np.ndarray]:
    """Triangles [N,3] of every part before clothes are cut; of the skin, all.

    faces by surface and attributes [V,8]: operators/actor/body/body.Template.
    """
    rest, arm, head = attributes[:, :3], attributes[:, 4], attributes[:, 5]
    shell, body = faces["tights"], faces["body"]
    low, armed = rest[shell].mean(1)[:, 2], arm[shell].mean(1)
    upper = shell[(low > -0.12) | (armed > 0.3)]
    return {
        Part.SKIN: body,
        Part.EYES: faces["eyes"],
        Part.TOP: upper,
        Part.TROUSERS: shell[(low < 0.2) & (armed < 0.6)],
        Part.SHOES: shell[(low < -0.5) & (armed < 0.3)],
        Part.SKIRT: faces["skirt"],
        Part.SCALP: body[(head[body].min(1) > 0.3) & (rest[body].mean(1)[:, 2] > 0.55)],
        Part.JACKET: upper,
        Part.STRANDS: faces["hair"],
    }


def bare_skin(body: np.ndarray, outfit: Outfit, attributes: torch.Tensor) -> np.ndarray:
    """Those of the body's triangles [N,3] with a corner that may be seen: what clothes hide cannot shine through."""
    covered = hidden(outfit, attributes).numpy()
    return body[~covered[body].all(1)]
