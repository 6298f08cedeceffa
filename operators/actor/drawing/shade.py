"""What a point of a dressed body looks like: its own colour by part, and the light on it."""

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch.nn import functional

from operators.actor.drawing import cloth, complexion
from operators.actor.drawing.noise import blend, ramp
from operators.actor.drawing.parts import Part
from operators.actor.looks.looks import CAP, Looks
from schemas.actor import Light


@dataclass(frozen=True)
class _Gloss:
    """strength and sharpness of highlights, how far light wraps around, how deep folds are."""

    strength: float
    sharpness: float
    wrap: float
    folds: float = 0.0


@dataclass(frozen=True)
class Surface:
    """F points: part [F], attributes [F,8], outward normals [F,3], where they are in camera space [F,3] (Y away, Z up).

    sunlit [F] is 0 in the body's own shadow, 1 out of it; open [F] how much of the sky a point sees;
    closed [F]: of a surface whose back is never seen.
    """

    part: torch.Tensor
    attributes: torch.Tensor
    normals: torch.Tensor
    points: torch.Tensor
    sunlit: torch.Tensor
    open: torch.Tensor
    closed: torch.Tensor


_GLOSS = {
    Part.SKIN: _Gloss(0.10, 14, 0.25),
    Part.EYES: _Gloss(0.6, 80, 0.15),
    Part.TOP: _Gloss(0.015, 8, 0.2, 1),
    Part.TROUSERS: _Gloss(0.015, 8, 0.15, 1),
    Part.SHOES: _Gloss(0.10, 25, 0.15),
    Part.SKIRT: _Gloss(0.015, 10, 0.15, 1.2),
    Part.SCALP: _Gloss(0.0, 14, 0.25),
    Part.JACKET: _Gloss(0.03, 10, 0.15, 1),
    Part.STRANDS: _Gloss(0.0, 14, 0.25),
}
_COLOURS: dict[Part, Callable[[Looks, torch.Tensor], torch.Tensor]] = {
    Part.SKIN: complexion.skin,
    Part.EYES: complexion.eyes,
    Part.TOP: cloth.top,
    Part.TROUSERS: cloth.trousers,
    Part.SHOES: cloth.shoes,
    Part.SKIRT: cloth.skirt,
    Part.SCALP: complexion.scalp,
    Part.JACKET: cloth.jacket,
    Part.STRANDS: complexion.hair,
}
_UNDER_SKIN = torch.tensor([0.10, 0.03, 0.02])  # light that comes back out of skin, mostly red
_GRAZING = 0.15
_LOCKS = 60.0  # px a metre from which locks of hair are to be seen
_INSIDE = 0.4  # of the light: the inside of a jacket, a skirt, a curtain of hair


def shade(looks: Looks, seen: Surface, light: Light, fine: float) -> torch.Tensor:
    """Colours [F,3] in linear light; `fine` px a metre tells what is too small to be seen."""
    # At an outline normals in between may look away from a surface that does not.
    facing = seen.closed | ((seen.normals * seen.points).sum(1) < _GRAZING * seen.points.norm(dim=1))
    normals = torch.where(facing[:, None], seen.normals, -seen.normals)
    colour, gloss = torch.zeros(len(seen.part), 3), torch.zeros(len(seen.part), 4)
    for number in seen.part.unique().tolist():
        here = (seen.part == number).nonzero()[:, 0]
        own = _COLOURS[Part(number)](looks, seen.attributes[here])
        colour[here] = own * torch.where(facing[here], 1.0, _INSIDE)[:, None]
        kind = _GLOSS[Part(number)]
        gloss[here] = torch.tensor([kind.strength, kind.sharpness, kind.wrap, kind.folds])
    strength, sharpness, wrap, folds = gloss.unbind(1)
    creased = (folds > 0).nonzero()[:, 0]
    if len(creased):
        normals[creased] = cloth.fold(looks, seen.attributes[creased], normals[creased], folds[creased], fine)
    haired = ((seen.part == Part.SCALP) | (seen.part == Part.STRANDS)) & (looks.identity.hair_style != CAP)
    locks = haired.nonzero()[:, 0]
    if len(locks) and fine > _LOCKS:
        normals[locks] = complexion.strands(looks, seen.attributes[locks], normals[locks])
    lit = _lit(colour, normals, seen, light, (strength, sharpness, wrap))
    here = (haired & facing).nonzero()[:, 0]
    if len(here):
        lit[here] += _sheen(looks, colour[here], normals[here], seen, here, light)
    return lit


def tone(colour: torch.Tensor) -> torch.Tensor:
    """Linear light to what a camera writes, 0 to 1."""
    colour = colour.clamp(min=0)
    return (colour * (1 + colour * 0.12) / (1 + colour * 0.55)).clamp(0, 1) ** (1 / 2.2)


def _lit(
    colour: torch.Tensor,
    normals: torch.Tensor,
    seen: Surface,
    light: Light,
    gloss: tuple[torch.Tensor, torch.Tensor, torch.Tensor],
) -> torch.Tensor:
    strength, sharpness, wrap = gloss
    sun, sun_colour, sky, ground = (
        torch.tensor(values, dtype=torch.float32)
        for values in (light.direction, light.sun, light.sky, light.ground)
    )
    towards = (normals * sun).sum(1)
    direct = ((towards + wrap) / (1 + wrap)).clamp(min=0) * seen.sunlit * (0.55 + 0.45 * seen.open)
    view = functional.normalize(-seen.points, dim=-1)
    half = functional.normalize(view + sun, dim=-1)
    faced = (normals * view).sum(1).clamp(min=0)
    ambient = blend(ground[None], sky[None], 0.5 + 0.5 * normals[:, 2])
    ambient = ambient * ((0.8 + 0.2 * faced) * (0.8 + 0.2 * seen.sunlit) * (0.15 + 0.85 * seen.open))[:, None]
    highlight = direct * strength * (normals * half).sum(1).clamp(min=1e-4) ** sharpness
    rim = (1 - faced) ** 4 * strength * 0.3 * seen.open
    lit = colour * (direct[:, None] * sun_colour + ambient)
    lit = lit + highlight[:, None] * sun_colour + rim[:, None] * sky
    through = (towards + 0.35).clamp(min=0) * 0.35 * (seen.part == Part.SKIN) * (0.3 + 0.7 * seen.sunlit)
    return lit + colour * _UNDER_SKIN * sun_colour * through[:, None]


def _sheen(
    looks: Looks, colour: torch.Tensor, normals: torch.Tensor, seen: Surface, here: torch.Tensor, light: Light
) -> torch.Tensor:
    """The bands that light draws across strands (Kajiya and Kay 1989); hair is taken to lie downwards."""
    sun = torch.tensor(light.direction, dtype=torch.float32)
    down = torch.tensor([0.0, 0, -1]) + normals * normals[:, 2:]
    along = functional.normalize(down + 0.15 * normals, dim=-1)
    half = functional.normalize(functional.normalize(-seen.points[here], dim=-1) + sun, dim=-1)
    across = (along * half).sum(1)
    band = (1 - across * across).clamp(min=1e-4) ** 30
    lit = ramp(-0.2, 0.5, (normals * sun).sum(1)) * (0.3 + 0.7 * seen.sunlit[here]) * seen.open[here]
    strong = 0.25 if looks.identity.curly else 0.6
    sheen = (band * lit * strong)[:, None] * (colour * 1.6 + 0.012)
    return sheen * torch.tensor(light.sun, dtype=torch.float32)
