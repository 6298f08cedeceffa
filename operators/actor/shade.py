"""What a point of a dressed body looks like: its own colour by part, folds of cloth, and the light on it."""

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch.nn import functional

from operators.actor.colours import Color
from operators.actor.edges import bottom_distance, hairline, jacket_distance, top_distance
from operators.actor.looks import CAP, SHAVED, Looks, Pattern
from operators.actor.noise import blend, noise, octaves, ramp
from operators.actor.parts import Part
from schemas.actor import Light


@dataclass(frozen=True)
class _Gloss:
    """strength and sharpness of highlights, how far light wraps around, how deep folds are."""

    strength: float
    sharpness: float
    wrap: float
    folds: float = 0.0


_GLOSS = {
    Part.SKIN: _Gloss(0.05, 18, 0.25),
    Part.EYES: _Gloss(0.5, 60, 0.15),
    Part.TOP: _Gloss(0.02, 8, 0.15, 1),
    Part.TROUSERS: _Gloss(0.02, 8, 0.1, 1),
    Part.SHOES: _Gloss(0.12, 25, 0.15),
    Part.SKIRT: _Gloss(0.02, 10, 0.1, 1.2),
    Part.SCALP: _Gloss(0.18, 14, 0.15),
    Part.JACKET: _Gloss(0.04, 10, 0.1, 1),
    Part.STRANDS: _Gloss(0.18, 14, 0.15),
}
_UNDER_SKIN = torch.tensor([0.10, 0.03, 0.02])  # light that comes back out of skin, mostly red


def shade(
    looks: Looks,
    part: torch.Tensor,
    attributes: torch.Tensor,
    normals: torch.Tensor,
    points: torch.Tensor,
    sunlit: torch.Tensor,
    light: Light,
) -> torch.Tensor:
    """Colours [F,3] in linear light, of F points with their part [F], attributes [F,8], outward normals [F,3].

    points [F,3] lie in camera space (Y away, Z up); sunlit [F] is 0 in the body's own shadow, 1 out of it.
    """
    facing = (normals * points).sum(1) < 0
    normals = torch.where(facing[:, None], normals, -normals)
    colour, gloss = torch.zeros(len(part), 3), torch.zeros(len(part), 4)
    for number in part.unique().tolist():
        here = (part == number).nonzero()[:, 0]
        own = _COLOURS[Part(number)](looks, attributes[here])
        inner = torch.where(facing[here], 1.0, 0.5)  # the inside of a jacket, a skirt, a curtain of hair
        colour[here] = own * inner[:, None]
        kind = _GLOSS[Part(number)]
        gloss[here] = torch.tensor([kind.strength, kind.sharpness, kind.wrap, kind.folds])
    strength, sharpness, wrap, folds = gloss.unbind(1)
    cloth = (folds > 0).nonzero()[:, 0]
    if len(cloth):
        normals[cloth] = _fold(looks, attributes[cloth], normals[cloth], folds[cloth])
    return _lit(colour, normals, points, sunlit, light, (strength, sharpness, wrap), part == Part.SKIN)


def tone(colour: torch.Tensor) -> torch.Tensor:
    """Linear light to what a camera writes, 0 to 1."""
    colour = colour.clamp(min=0)
    return (colour * (1 + colour * 0.12) / (1 + colour * 0.55)).clamp(0, 1) ** (1 / 2.2)


def _lit(
    colour: torch.Tensor,
    normals: torch.Tensor,
    points: torch.Tensor,
    sunlit: torch.Tensor,
    light: Light,
    gloss: tuple[torch.Tensor, torch.Tensor, torch.Tensor],
    skin: torch.Tensor,
) -> torch.Tensor:
    strength, sharpness, wrap = gloss
    sun, sun_colour, sky, ground = (
        torch.tensor(values, dtype=torch.float32)
        for values in (light.direction, light.sun, light.sky, light.ground)
    )
    towards = (normals * sun).sum(1)
    direct = ((towards + wrap) / (1 + wrap)).clamp(min=0) * sunlit
    view = functional.normalize(-points, dim=-1)
    half = functional.normalize(view + sun, dim=-1)
    seen = (normals * view).sum(1).clamp(min=0)
    ambient = blend(ground[None], sky[None], 0.5 + 0.5 * normals[:, 2])
    ambient = ambient * (0.75 + 0.25 * seen)[:, None] * (0.8 + 0.2 * sunlit)[:, None]
    highlight = direct * strength * (normals * half).sum(1).clamp(min=1e-4) ** sharpness
    rim = (1 - seen) ** 4 * strength * 0.6
    lit = colour * (direct[:, None] * sun_colour + ambient)
    lit = lit + highlight[:, None] * sun_colour + rim[:, None] * sky
    through = (towards + 0.35).clamp(min=0) * 0.35 * skin * (0.3 + 0.7 * sunlit)
    return lit + colour * _UNDER_SKIN * sun_colour * through[:, None]


def _fold(looks: Looks, attributes: torch.Tensor, normals: torch.Tensor, depth: torch.Tensor) -> torch.Tensor:
    """Normals of creased cloth, more so at knees, elbows and waist."""
    rest, along, arm = attributes[:, :3], attributes[:, 3], attributes[:, 4] > 0.5
    knee = torch.exp(-(((rest[:, 2] + 0.405) * 9) ** 2)) * ~arm
    elbow = torch.exp(-(((along - 1) * 3) ** 2)) * arm
    waist = 0.7 * torch.exp(-(((rest[:, 2] - 0.06) * 8) ** 2))
    where = rest * torch.tensor([16.0, 16, 9]) + looks.identity.texture * 5
    level = octaves(where)
    slope = torch.stack([octaves(where + step) - level for step in torch.eye(3) * 0.25], 1)
    amount = depth * (0.45 + 1.1 * (knee + elbow + waist)) * 2.0
    return functional.normalize(normals - amount[:, None] * slope, dim=-1)


def _skin(looks: Looks, attributes: torch.Tensor) -> torch.Tensor:
    identity = looks.identity
    x, y, z = attributes[:, 0].abs(), attributes[:, 1], attributes[:, 2]
    head, lips, lids = attributes[:, 5], attributes[:, 6], attributes[:, 7]
    skin, hair = _rgb(identity.skin), _rgb(identity.hair)
    mottle = octaves(attributes[:, :3] * 30 + identity.texture)
    colour = blend(skin * (0.90 + 0.2 * mottle)[:, None], _rgb(identity.lips), 0.75 * lips)
    face = ramp(0.4, 0.6, head)
    cheek = 0.35 * face * (1 - ramp(0.02, 0.05, torch.hypot(x - 0.045, (z - 0.615) * 1.1))) * (y < -0.06)
    colour = blend(colour, skin * torch.tensor([[1.08, 0.82, 0.78]]), cheek)
    brow_z = 0.6705 + 0.02 * (x - 0.03) - 2.6 * (x - 0.036) ** 2
    brow = 1 - ramp(0.0022, 0.0052, (z - brow_z).abs() * (1 + 8 * x))
    brow = brow * ramp(0.010, 0.016, x) * (1 - ramp(0.05, 0.06, x)) * (y < -0.07)
    colour = blend(blend(colour, hair * 0.7, 0.85 * brow), skin * 0.45, 0.6 * lids)
    beard = (1 - ramp(0.585, 0.605, z - 0.25 * (x - 0.035).clamp(min=0))) * (z < 0.64) * (y < -0.035)
    moustache = ((z - 0.597).abs() < 0.006) & (x < 0.025) & (y < -0.12)
    beard = torch.maximum(beard * face * (1 - lips), moustache.float())
    colour = blend(colour, hair * 0.8, beard * identity.beard * (0.7 + 0.3 * mottle))
    above = (head > 0.5) & (z > hairline(y) - 0.004 * mottle)
    if identity.hair_style == SHAVED:
        colour = blend(colour, hair * 0.6, 0.35 * (above & (x < 0.071)))
    elif identity.hair_style < CAP:
        colour = blend(colour, hair * 0.8, 0.9 * (above & ~((x > 0.071) & (z < 0.665))))
    clothed = (top_distance(looks.outfit, attributes) < 0) | (bottom_distance(looks.outfit, attributes) < 0)
    return torch.where(clothed[:, None], colour * 0.6, colour)


def _eyes(looks: Looks, attributes: torch.Tensor) -> torch.Tensor:
    middle = torch.hypot(attributes[:, 0].abs() - 0.030, attributes[:, 2] - 0.649)
    iris = (1 - ramp(0.0055, 0.0068, middle)) * (attributes[:, 1] < -0.08)
    colour = blend(_rgb((0.62, 0.59, 0.56)), _rgb(looks.identity.iris), iris)
    return blend(colour, _rgb((0.02, 0.02, 0.02)), 1 - ramp(0.0022, 0.003, middle))


def _top(looks: Looks, attributes: torch.Tensor) -> torch.Tensor:
    outfit = looks.outfit
    cloth = _cloth(looks, attributes, outfit.top_pattern, outfit.top_colours)
    return cloth * _seam(top_distance(outfit, attributes), 0.75)


def _jacket(looks: Looks, attributes: torch.Tensor) -> torch.Tensor:
    outfit = looks.outfit
    red, green, blue = outfit.jacket_colour
    both = outfit.jacket_colour, (red * 0.5, green * 0.5, blue * 0.5)
    return _cloth(looks, attributes, outfit.jacket_pattern, both) * _seam(
        jacket_distance(outfit, attributes), 0.6
    )


def _trousers(looks: Looks, attributes: torch.Tensor) -> torch.Tensor:
    outfit = looks.outfit
    cloth = _cloth(looks, attributes, outfit.bottom_pattern, outfit.bottom_colours)
    cloth = cloth * _seam(bottom_distance(outfit, attributes), 0.78)
    belt = attributes[:, 2] > outfit.waist - 0.035
    return blend(cloth, _rgb(outfit.bottom_colours[1]) * 0.5, 0.6 * belt)


def _skirt(looks: Looks, attributes: torch.Tensor) -> torch.Tensor:
    flat = attributes.clone()
    flat[:, 3:5] = 0
    return _cloth(looks, flat, looks.outfit.bottom_pattern, looks.outfit.bottom_colours)


def _shoes(looks: Looks, attributes: torch.Tensor) -> torch.Tensor:
    uppers, soles = looks.outfit.shoe_colours
    return torch.where((attributes[:, 2] < -0.842)[:, None], _rgb(soles), _rgb(uppers))


def _hair(looks: Looks, attributes: torch.Tensor) -> torch.Tensor:
    identity, rest = looks.identity, attributes[:, :3]
    if identity.hair_style == CAP:
        knit = 0.85 + 0.15 * torch.sin(rest[:, 2] * 900)
        return _rgb(looks.outfit.top_colours[1]) * knit[:, None]
    if identity.curly:
        strands = octaves(rest * 85)
    else:
        around = torch.atan2(rest[:, 0], rest[:, 1] + 0.03) * 46
        column = torch.stack([around, rest[:, 2] * 6, torch.full_like(around, identity.texture)], 1)
        strands = 0.6 * noise(column) + 0.4 * noise(rest * torch.tensor([130.0, 130, 35]))
    return _rgb(identity.hair) * (0.45 + 0.95 * strands)[:, None]


_COLOURS: dict[Part, Callable[[Looks, torch.Tensor], torch.Tensor]] = {
    Part.SKIN: _skin,
    Part.EYES: _eyes,
    Part.TOP: _top,
    Part.TROUSERS: _trousers,
    Part.SHOES: _shoes,
    Part.SKIRT: _skirt,
    Part.SCALP: _hair,
    Part.JACKET: _jacket,
    Part.STRANDS: _hair,
}


def _cloth(
    looks: Looks, attributes: torch.Tensor, pattern: Pattern, colours: tuple[Color, Color]
) -> torch.Tensor:
    """[F,3]: two colours in a pattern that runs down the body and along the arms."""
    rest, along, arm = attributes[:, :3], attributes[:, 3], attributes[:, 4] > 0.5
    down = torch.where(arm, along * 0.28, rest[:, 2])
    around = torch.where(arm, rest[:, 1] + 0.05, torch.atan2(rest[:, 0], -rest[:, 1] - 0.02) * 0.12)
    share = _share(pattern, looks.identity.texture, rest, arm, down, around) * pattern.contrast
    colour = blend(_rgb(colours[0]), _rgb(colours[1]), share).expand(len(rest), 3)
    if pattern.printed:
        x, z = rest[:, 0] / 0.075, (rest[:, 2] - 0.29) / 0.075
        chest = ~arm & (rest[:, 1] < -0.03) & (torch.hypot(x, z) < 0.95)
        blots = noise(torch.stack([x * 2.5, z * 2.5, torch.full_like(x, looks.identity.texture * 9)], 1))
        colour = blend(colour, _rgb(colours[1]), (chest & (blots > 0.45)).float())
    return colour


def _share(
    pattern: Pattern,
    seed: float,
    rest: torch.Tensor,
    arm: torch.Tensor,
    down: torch.Tensor,
    around: torch.Tensor,
) -> torch.Tensor:
    """[F]: how much of the second colour, by looks.PATTERNS."""
    repeats = pattern.repeats
    match pattern.kind:
        case 1:
            return ramp(0.45, 0.55, (_fraction(down * repeats) - 0.5).abs() * 2)
        case 2:
            return ramp(0.45, 0.55, (_fraction(around * repeats * 1.5) - 0.5).abs() * 2)
        case 3:
            rows, columns = ((_fraction(way * repeats) - 0.5).abs() * 2 for way in (down, around))
            return 0.5 * ramp(0.4, 0.6, rows) + 0.5 * ramp(0.4, 0.6, columns)
        case 4:
            dots = torch.hypot(*(_fraction(way * repeats * 1.3) - 0.5 for way in (down, around)))
            return 1 - ramp(0.2, 0.28, dots)
        case 5:
            return ramp(0.47, 0.53, octaves(rest * repeats * 0.6 + seed * 9))
        case 6:
            return ramp(0.30, 0.31, rest[:, 2])
        case 7:
            return arm.float()
        case 8:
            return noise(rest * 60) * 0.8
    return torch.zeros_like(down)


def _seam(distance: torch.Tensor, darkest: float) -> torch.Tensor:
    """[F,1]: cloth is darker at its edge."""
    return (1 - (1 - darkest) * ramp(-0.012, 0, distance))[:, None]


def _fraction(values: torch.Tensor) -> torch.Tensor:
    return values - torch.floor(values)


def _rgb(colour: Color) -> torch.Tensor:
    return torch.tensor([colour], dtype=torch.float32)
