"""What skin, eyes and hair look like before light falls on them."""

import torch
from torch.nn import functional

from operators.actor.drawing.edges import bareness, bottom_distance, top_distance
from operators.actor.drawing.noise import blend, noise, octaves, ramp, rgb
from operators.actor.looks.looks import CAP, LONG, SHAVED, SHOULDER, Looks

_MOUTH = 0.5808  # z at which the lips meet
_EYE = (0.0298, 0.6487)  # x and z of an eye's middle


def skin(looks: Looks, attributes: torch.Tensor) -> torch.Tensor:
    """[F,3]: tone, the face's features, stubble and what shows of the scalp."""
    identity = looks.identity
    x, y, z, lips = attributes[:, 0].abs(), attributes[:, 1], attributes[:, 2], attributes[:, 6]
    tone, hair = rgb(identity.skin), rgb(identity.hair)
    mottle = octaves(attributes[:, :3] * 34 + identity.texture)
    colour = tone * (0.95 + 0.1 * mottle)[:, None]
    face = ramp(0.4, 0.6, attributes[:, 5])
    colour = blend(colour, tone * torch.tensor([[1.04, 0.84, 0.80]]), 0.5 * face * _blush(x, y, z))
    colour = blend(colour, tone * torch.tensor([[0.70, 0.58, 0.56]]), 0.4 * face * _hollows(x, y, z))
    colour = _mouth(looks, colour, attributes)
    colour = _brows(looks, colour, attributes)
    lids = attributes[:, 7]
    lash = lids * ramp(_EYE[1] - 0.001, _EYE[1] + 0.003, z)
    colour = blend(blend(colour, tone * 0.62, 0.5 * lids), tone * 0.16, 0.7 * lash)
    beard = (1 - ramp(0.578, 0.606, z - 0.25 * (x - 0.035).clamp(min=0))) * (z < 0.64) * ramp(0.03, 0.05, -y)
    moustache = (1 - ramp(0.004, 0.008, (z - 0.5965).abs())) * (1 - ramp(0.02, 0.03, x)) * (y < -0.12)
    beard = torch.maximum(beard * face, moustache) * (1 - lips)
    hairs = noise(attributes[:, :3] * torch.tensor([420.0, 420, 260]))
    colour = blend(colour, hair * 0.7, (beard * identity.beard * (0.55 + 0.6 * hairs)).clamp(max=0.92))
    colour = _scalp(looks, colour, attributes, mottle)
    clothed = (top_distance(looks.outfit, attributes) < 0) | (bottom_distance(looks.outfit, attributes) < 0)
    return torch.where(clothed[:, None], colour * 0.6, colour)


def _blush(x: torch.Tensor, y: torch.Tensor, z: torch.Tensor) -> torch.Tensor:
    cheek = 1 - ramp(0.012, 0.042, torch.hypot(x - 0.042, (z - 0.613) * 1.1))
    nose = 1 - ramp(0.006, 0.020, torch.hypot(x, z - 0.612))
    ear = ramp(0.072, 0.082, x) * (z < 0.66)
    return torch.where(y < -0.06, torch.maximum(cheek, 0.7 * nose), ear)


def _hollows(x: torch.Tensor, y: torch.Tensor, z: torch.Tensor) -> torch.Tensor:
    """[F]: where a face lies in its own shade: around the eyes, beside the nose, under the lower lip."""
    socket = 1 - ramp(0.008, 0.024, torch.hypot((x - _EYE[0]) * 0.8, z - _EYE[1] - 0.004))
    wing = 1 - ramp(0.002, 0.007, torch.hypot(x - 0.0185, (z - 0.607) * 0.7))
    chin = (1 - ramp(0.003, 0.009, (z - 0.563).abs())) * (1 - ramp(0.010, 0.020, x))
    return torch.maximum(torch.maximum(socket, 0.8 * wing), 0.7 * chin) * (y < -0.07)


def _mouth(looks: Looks, colour: torch.Tensor, attributes: torch.Tensor) -> torch.Tensor:
    """Lips a little redder than the skin, darker where they meet; nostrils."""
    x, y, z, lips = attributes[:, 0].abs(), attributes[:, 1], attributes[:, 2], attributes[:, 6]
    identity = looks.identity
    tone = rgb(identity.skin)
    natural = tone * torch.tensor([[0.80, 0.56, 0.55]])
    red = blend(natural, rgb(identity.lips), 0.35 if identity.feminine else 0.12)
    upper = ramp(_MOUTH - 0.001, _MOUTH + 0.002, z)
    colour = blend(colour, red * (1 - 0.18 * upper)[:, None], 0.8 * lips)
    meet = (
        (1 - ramp(0.0004, 0.0022, (z - _MOUTH - 2.0 * x * x).abs()))
        * (1 - ramp(0.019, 0.024, x))
        * (y < -0.115)
    )
    nostril = (1 - ramp(0.0025, 0.005, torch.hypot(x - 0.0075, (z - 0.6055) * 1.3))) * (y < -0.12)
    return blend(colour, tone * 0.18, torch.maximum(0.75 * meet, 0.55 * nostril))


def _brows(looks: Looks, colour: torch.Tensor, attributes: torch.Tensor) -> torch.Tensor:
    """Arches that thin out towards the temples, of single hairs."""
    x, y, z = attributes[:, 0].abs(), attributes[:, 1], attributes[:, 2]
    middle = 0.6700 + 0.03 * (x - 0.03) - 3.2 * (x - 0.036) ** 2
    thick = 0.0046 * (1 - 0.55 * ramp(0.032, 0.056, x)) * (0.85 + 0.5 * looks.identity.texture)
    brow = 1 - ramp(0.35, 1.15, (z - middle).abs() / thick)
    brow = brow * ramp(0.010, 0.020, x) * (1 - ramp(0.048, 0.060, x)) * (y < -0.07)
    hairs = noise(torch.stack([x * 900 + z * 500, z * 260, y * 0], 1))
    tone = rgb(looks.identity.skin)
    dark = torch.minimum(blend(rgb(looks.identity.hair) * 0.8, tone * 0.3, 0.35), tone * 0.6)
    return blend(colour, dark, brow * (0.6 + 0.3 * hairs))


def _scalp(
    looks: Looks, colour: torch.Tensor, attributes: torch.Tensor, mottle: torch.Tensor
) -> torch.Tensor:
    identity = looks.identity
    if identity.hair_style == CAP:
        return colour
    grown = ramp(-0.003, 0.008, -bareness(attributes) - 0.004 * mottle) * (attributes[:, 5] > 0.5)
    if identity.hair_style == SHAVED:
        return blend(colour, rgb(identity.hair) * 0.6, 0.35 * grown)
    return blend(colour, rgb(identity.hair) * 0.6, 0.92 * grown)


def eyes(looks: Looks, attributes: torch.Tensor) -> torch.Tensor:
    """[F,3]: white, iris with a darker rim, pupil; the upper lid's shadow."""
    across, up = attributes[:, 0].abs() - _EYE[0], attributes[:, 2] - _EYE[1]
    middle = torch.hypot(across, up)
    iris = (1 - ramp(0.0056, 0.0066, middle)) * (attributes[:, 1] < -0.08)
    rim = rgb(looks.identity.iris) * (1 - 0.55 * ramp(0.0035, 0.006, middle))[:, None]
    colour = blend(rgb((0.50, 0.46, 0.43)), rim, iris)
    colour = blend(colour, rgb((0.01, 0.01, 0.01)), 1 - ramp(0.0020, 0.0028, middle))
    shadow = 0.5 * ramp(0.0015, 0.006, up) + 0.25 * ramp(0.008, 0.014, across.abs())
    return colour * (1 - shadow)[:, None]


def scalp(looks: Looks, attributes: torch.Tensor) -> torch.Tensor:
    """[F,3]: hair on the skull, which thins out to the skin at its line; or the knit of a cap."""
    identity, rest = looks.identity, attributes[:, :3]
    if identity.hair_style == CAP:
        knit = 0.85 + 0.15 * torch.sin(rest[:, 2] * 900)
        return rgb(looks.outfit.top_colours[1]) * knit[:, None]
    single = noise(rest * torch.tensor([420.0, 420, 150]) + identity.texture)
    grown = ramp(-0.004, 0.009, -bareness(attributes) + 0.009 * (single - 0.5))
    return blend(rgb(identity.skin) * 0.7, hair(looks, attributes), 0.45 + 0.55 * grown)


def strands(looks: Looks, attributes: torch.Tensor, normals: torch.Tensor) -> torch.Tensor:
    """Normals of hair that lies in locks, or in curls."""
    identity, rest = looks.identity, attributes[:, :3]
    if identity.curly:
        bumps = [noise(rest * 150 + shift) for shift in (0.0, 11.0, 23.0)]
        return functional.normalize(normals + 1.3 * (torch.stack(bumps, 1) - 0.5), dim=-1)
    around = torch.atan2(rest[:, 0], -rest[:, 1] - 0.03)
    locks = noise(torch.stack([around * 11, rest[:, 2] * 7, torch.full_like(around, identity.texture)], 1))
    hairs = noise(torch.stack([around * 48, rest[:, 2] * 10, torch.full_like(around, 5.5)], 1))
    across = functional.normalize(
        torch.linalg.cross(normals, torch.tensor([[0.0, 0, 1]]).expand_as(normals)), dim=-1
    )
    return functional.normalize(normals + (0.7 * locks + 0.7 * hairs - 0.7)[:, None] * across, dim=-1)


def hair(looks: Looks, attributes: torch.Tensor) -> torch.Tensor:
    """[F,3]: strands, darker at the roots and within."""
    identity, rest = looks.identity, attributes[:, :3]
    if identity.curly:
        lie = octaves(rest * 130)
    else:
        around = torch.atan2(rest[:, 0], -rest[:, 1] - 0.03)
        locks = torch.stack([around * 16, rest[:, 2] * 5, torch.full_like(around, identity.texture)], 1)
        hairs = torch.stack([around * 75, rest[:, 2] * 9, torch.full_like(around, 9.5)], 1)
        single = torch.stack([around * 260, rest[:, 2] * 16, torch.full_like(around, 3.5)], 1)
        lie = 0.35 * noise(locks) + 0.35 * noise(hairs) + 0.30 * noise(single)
    level = 0.5 + 1.0 * lie
    if identity.hair_style in (SHOULDER, LONG):
        level = level * (0.8 + 0.2 * ramp(0.0, 0.5, attributes[:, 3].clamp(min=0)))
    return rgb(identity.hair) * level[:, None]
