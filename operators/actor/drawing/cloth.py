"""Cloth: its colours in patterns, its seams, and its folds."""

import torch
from torch.nn import functional

from operators.actor.drawing.edges import bottom_distance, jacket_distance, top_distance
from operators.actor.drawing.noise import blend, noise, octaves, ramp, rgb
from operators.actor.looks.colours import Color
from operators.actor.looks.looks import Looks, Pattern

_STEP = 0.3  # of noise's unit: over which a fold's slope is taken
_FLAT, _DEEP = 30.0, 130.0  # px a metre below which folds are not to be seen, from which they are whole
_CREASED = 160.0  # px a metre from which the small ones between them show


def top(looks: Looks, attributes: torch.Tensor) -> torch.Tensor:
    outfit = looks.outfit
    cloth = _cloth(looks, attributes, outfit.top_pattern, outfit.top_colours)
    return cloth * _seam(top_distance(outfit, attributes), 0.75)


def jacket(looks: Looks, attributes: torch.Tensor) -> torch.Tensor:
    outfit = looks.outfit
    red, green, blue = outfit.jacket_colour
    both = outfit.jacket_colour, (red * 0.5, green * 0.5, blue * 0.5)
    return _cloth(looks, attributes, outfit.jacket_pattern, both) * _seam(
        jacket_distance(outfit, attributes), 0.6
    )


def trousers(looks: Looks, attributes: torch.Tensor) -> torch.Tensor:
    outfit = looks.outfit
    cloth = _cloth(looks, attributes, outfit.bottom_pattern, outfit.bottom_colours)
    cloth = cloth * _seam(bottom_distance(outfit, attributes), 0.78)
    belt = attributes[:, 2] > outfit.waist - 0.035
    return blend(cloth, rgb(outfit.bottom_colours[1]) * 0.5, 0.6 * belt)


def skirt(looks: Looks, attributes: torch.Tensor) -> torch.Tensor:
    flat = attributes.clone()
    flat[:, 3:5] = 0
    return _cloth(looks, flat, looks.outfit.bottom_pattern, looks.outfit.bottom_colours)


def shoes(looks: Looks, attributes: torch.Tensor) -> torch.Tensor:
    uppers, soles = looks.outfit.shoe_colours
    return torch.where((attributes[:, 2] < -0.842)[:, None], rgb(soles), rgb(uppers))


def fold(
    looks: Looks, attributes: torch.Tensor, normals: torch.Tensor, depth: torch.Tensor, fine: float
) -> torch.Tensor:
    """Normals of creased cloth, more so at knees, elbows and waist; `fine` px a metre."""
    rest, along, arm = attributes[:, :3], attributes[:, 3], attributes[:, 4] > 0.5
    knee = torch.exp(-(((rest[:, 2] + 0.405) * 9) ** 2)) * ~arm
    elbow = torch.exp(-(((along - 1) * 3) ** 2)) * arm
    waist = 0.6 * torch.exp(-(((rest[:, 2] - 0.06) * 9) ** 2)) * ~arm
    where = rest * torch.tensor([13.0, 13, 6]) + looks.identity.texture * 5
    where[:, 0] += 2.5 * rest[:, 2]  # folds run aslant
    level = _crease(where)
    slope = torch.stack([_crease(where + step) - level for step in torch.eye(3) * _STEP], 1)
    amount = depth * (0.55 + 0.9 * (knee + elbow + waist)) * float(ramp(_FLAT, _DEEP, torch.tensor(fine)))
    if fine > _CREASED:
        small = where * 2.7 + 3
        level = _crease(small)
        slope = slope + 0.45 * torch.stack(
            [_crease(small + step) - level for step in torch.eye(3) * _STEP], 1
        )
    return functional.normalize(normals - amount[:, None] * slope, dim=-1)


def _crease(where: torch.Tensor) -> torch.Tensor:
    """Noise with its middle heights pulled up into soft ridges."""
    away = 2 * noise(where) - 1
    return 1 - torch.sqrt(away * away + 0.02)


def _cloth(
    looks: Looks, attributes: torch.Tensor, pattern: Pattern, colours: tuple[Color, Color]
) -> torch.Tensor:
    """[F,3]: two colours in a pattern that runs down the body and along the arms."""
    rest, along, arm = attributes[:, :3], attributes[:, 3], attributes[:, 4] > 0.5
    down = torch.where(arm, along * 0.28, rest[:, 2])
    around = torch.where(arm, rest[:, 1] + 0.05, torch.atan2(rest[:, 0], -rest[:, 1] - 0.02) * 0.12)
    share = _share(pattern, looks.identity.texture, rest, arm, down, around) * pattern.contrast
    colour = blend(rgb(colours[0]), rgb(colours[1]), share).expand(len(rest), 3)
    if pattern.printed:
        x, z = rest[:, 0] / 0.075, (rest[:, 2] - 0.29) / 0.075
        chest = ~arm & (rest[:, 1] < -0.03) & (torch.hypot(x, z) < 0.95)
        blots = noise(torch.stack([x * 2.5, z * 2.5, torch.full_like(x, looks.identity.texture * 9)], 1))
        colour = blend(colour, rgb(colours[1]), (chest & (blots > 0.45)).float())
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
