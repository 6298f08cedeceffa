"""The light of a place."""

from dataclasses import dataclass

import numpy as np
from numpy.random import Generator

from operators.actor.looks.colours import Color, linear


@dataclass(frozen=True)
class SceneLight:
    """One sun (or lamp) and light from all around, in linear light.

    `sun` points towards it and has any length. `sky_colour` comes from above, `ground_colour` from below; the sky goes
    from `horizon` to `zenith`, with a share `cloud` of clouds, 0 to 1; what is `fog` metres away is two thirds horizon.
    """

    sun: np.ndarray
    sun_colour: Color
    sky_colour: Color
    ground_colour: Color
    zenith: Color
    horizon: Color
    cloud: float
    fog: float


@dataclass(frozen=True)
class _Weather:
    """Colours before chance changes their strength; those of the sky itself are as on a screen (sRGB)."""

    odds: float
    sun: Color
    around: Color
    zenith: Color
    horizon: Color


_WEATHER = {
    "sunny": _Weather(0.42, (1.75, 1.62, 1.42), (0.50, 0.60, 0.75), (0.28, 0.48, 0.80), (0.78, 0.84, 0.90)),
    "overcast": _Weather(0.28, (0.5, 0.5, 0.5), (0.85, 0.88, 0.92), (0.66, 0.70, 0.75), (0.80, 0.82, 0.84)),
    "golden": _Weather(0.16, (2.0, 1.25, 0.65), (0.45, 0.45, 0.55), (0.35, 0.45, 0.68), (0.95, 0.75, 0.52)),
    "dusk": _Weather(0.14, (0.35, 0.30, 0.36), (0.24, 0.27, 0.38), (0.12, 0.15, 0.28), (0.45, 0.38, 0.42)),
}


def daylight(rng: Generator) -> tuple[str, SceneLight]:
    """Outdoor light and its name: sunny, overcast, golden (an hour before sunset) or dusk."""
    name = str(rng.choice(list(_WEATHER), p=[weather.odds for weather in _WEATHER.values()]))
    weather = _WEATHER[name]
    clouds = {"sunny": rng.uniform(0, 0.6), "golden": rng.uniform(0, 0.5), "dusk": rng.uniform(0.2, 0.9)}
    heights = {"golden": rng.uniform(0.22, 0.45), "dusk": rng.uniform(0.3, 0.6)}
    cloud, height = clouds.get(name, 1.0), heights.get(name, rng.uniform(0.5, 1.4))
    sun = np.array([rng.uniform(-1, 1), -rng.uniform(0.25, 1), height])
    power = rng.uniform(0.75, 1.5) * (1 - 0.35 * cloud)
    around = np.array(weather.around)
    light = SceneLight(
        sun=sun,
        sun_colour=tuple(np.array(weather.sun) * power),
        sky_colour=tuple(around * rng.uniform(0.7, 1.15)),
        ground_colour=tuple(around * [0.5, 0.42, 0.34] * rng.uniform(0.7, 1.1)),
        zenith=linear(weather.zenith),
        horizon=linear(weather.horizon),
        cloud=float(cloud),
        fog=float(rng.uniform(60, 600)),
    )
    return name, light


def lamplight(rng: Generator) -> SceneLight:
    """A room's: one strong lamp, more or less warm."""
    power = rng.uniform(0.5, 1.15)
    warm = np.array([1.1, 1.0, rng.uniform(0.7, 1.05)])
    walls = linear((0.8, 0.8, 0.8))
    return SceneLight(
        sun=np.array([rng.uniform(-0.8, 0.8), -rng.uniform(0.2, 0.9), rng.uniform(1, 2)]),
        sun_colour=tuple(warm * power),
        sky_colour=tuple(np.array([0.55, 0.52, 0.48]) * rng.uniform(0.6, 1.2)),
        ground_colour=tuple(np.array([0.34, 0.31, 0.28]) * rng.uniform(0.6, 1.1)),
        zenith=walls,
        horizon=walls,
        cloud=0.0,
        fog=1e4,
    )
