"""Where garments and hair end, as signed distances in the template's rest pose: below zero there is cloth.

Points are given as attributes [F,8]: operators/actor/body/body.Template. The shaders of the renderer have the same:
operators/training/render/shaders/garments.glsl.
"""

import torch

from operators.actor.drawing.noise import blend, noise, ramp
from operators.actor.looks.looks import CAP, Looks, Outfit

FRAY = 0.006  # m


def top_distance(outfit: Outfit, attributes: torch.Tensor) -> torch.Tensor:
    """[F] to the edge of the top: its hem, sleeves and neck."""
    x, y, z, along, arm = attributes[:, :5].unbind(1)
    arm = arm > 0.5
    hem = torch.where(arm, -1.0, outfit.hem - z)
    armhole = x.abs() - 0.155 - outfit.sleeve * 0.3 if outfit.sleeve < 0.12 else torch.full_like(z, -1)
    sleeve = torch.where(arm, (along - outfit.sleeve) * 0.28, armhole)
    neck = z - (outfit.neck + 0.38 * (y + 0.02))
    if outfit.v_neck > 0:
        v = (z - (outfit.neck - 0.04 - outfit.v_neck)) * 0.42 - x.abs()
        neck = torch.where(y < 0, torch.maximum(neck, v), neck)
    return torch.maximum(torch.maximum(hem, sleeve), neck)


def jacket_distance(outfit: Outfit, attributes: torch.Tensor) -> torch.Tensor:
    """[F] to the edge of an open jacket."""
    if not outfit.jacket:
        return torch.ones(len(attributes))
    x, y, z, along, arm = attributes[:, :5].unbind(1)
    arm = arm > 0.5
    hem = torch.where(arm, -1.0, outfit.jacket_hem - z)
    sleeve = torch.where(arm, (along - outfit.jacket_sleeve) * 0.28, -1.0)
    neck = z - (0.515 + 0.30 * (y + 0.02))
    front = torch.where(y < 0, outfit.jacket_opening * (1 + 0.8 * ramp(0.15, 0.5, z)) - x.abs(), -1.0)
    return torch.maximum(torch.maximum(hem, sleeve), torch.maximum(neck, front))


def bottom_distance(outfit: Outfit, attributes: torch.Tensor) -> torch.Tensor:
    """[F] to the edge of the trousers."""
    y, z = attributes[:, 1], attributes[:, 2]
    distance = torch.maximum(z - outfit.waist - 0.02 * torch.sin(y * 9), outfit.bottom - z)
    return torch.where(attributes[:, 4] > 0.5, 1.0, distance)


def shoe_distance(outfit: Outfit, attributes: torch.Tensor) -> torch.Tensor:
    """[F] to the edge of the shoes."""
    return attributes[:, 2] - outfit.shoe - 0.12 * (attributes[:, 1] + 0.01).clamp(min=0)


def hairline(y: torch.Tensor) -> torch.Tensor:
    """[F]: the height at which hair begins, from the forehead (y -0.14) to the nape (0.05)."""
    z = torch.full_like(y, 0.735)
    for level, low, high in (
        (0.712, -0.135, -0.10),
        (0.672, -0.102, -0.072),
        (0.635, -0.068, -0.045),
        (0.60, -0.045, -0.01),
        (0.565, -0.01, 0.05),
    ):
        z = blend(z, torch.tensor(level), ramp(low, high, y))
    return z


def hidden(outfit: Outfit, attributes: torch.Tensor) -> torch.Tensor:
    """bool [F]: so far inside a garment that no fold or rounding shows it."""
    under = (top_distance(outfit, attributes) < -0.035) | (shoe_distance(outfit, attributes) < -0.03)
    return under if outfit.skirt else under | (bottom_distance(outfit, attributes) < -0.045)


def frayed(looks: Looks, attributes: torch.Tensor) -> torch.Tensor:
    """[F]: how far, within FRAY, single hairs of the scalp fall short of the hairline or reach beyond it."""
    if looks.identity.hair_style == CAP:
        return torch.zeros(len(attributes))
    around = torch.atan2(attributes[:, 0], -attributes[:, 1] - 0.03)
    hairs = torch.stack(
        [around * 110, attributes[:, 2] * 60, torch.full_like(around, looks.identity.texture)], 1
    )
    return FRAY * (2 * noise(hairs) - 1)


def bareness(attributes: torch.Tensor) -> torch.Tensor:
    """[F] to where hair grows, below 0 where it does: from the hairline up, but around the ears."""
    x, y, z = attributes[:, 0].abs(), attributes[:, 1], attributes[:, 2]
    ear = 0.03 * (1 - torch.hypot((y + 0.024) / 0.026, (z - 0.630) / 0.036))
    return torch.maximum(hairline(y) - z, torch.where(x > 0.055, ear, -1.0))
