"""Actors in their places: drawn into the background of a clip, or into a generated scene."""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from operators.actor.background.plate import plate
from operators.actor.compose import See, cast, compose
from schemas.actor import Plate, Role


def act_before_plate(
    background: np.ndarray,
    mask: np.ndarray,
    body: np.ndarray,
    roles: Sequence[Role],
    shots: Sequence[tuple[int, int]],
    see: See | None = None,
) -> np.ndarray:
    """uint8 [T,H,W,3]: StructHuman. `background` is gray inside `mask` bool [T,H,W]; what it hides comes from other
    frames of the same shot that see it, and the actors stand before that. `body` bool [T,H,W] tells what stood in front
    of somebody. `see` is told who shows where, as by compose."""
    made = []
    for first, stop in shots:
        shot = slice(first, stop)
        here = [replace(role, first=role.first - first) for role in roles if first <= role.first < stop]
        behind = plate(background[shot], mask[shot])
        made.append(_act(behind, background[shot], mask[shot], here, body[shot], _later(see, first)))
    return np.concatenate(made)


def act_in_scene(
    scene: np.ndarray, mask: np.ndarray, roles: Sequence[Role], see: See | None = None
) -> np.ndarray:
    """uint8 [T,H,W,3]: StructAll. The actors in the generated `scene`, where people were."""
    return _act(Plate(scene, np.zeros_like(mask), still=False), scene, mask, roles, None, see)


def _later(see: See | None, first: int) -> See | None:
    """The same for frames that are counted from `first` on."""
    return see and (
        lambda t, one, shown, drawn: see(first + t, replace(one, first=first + one.first), shown, drawn)
    )


def _act(
    behind: Plate,
    around: np.ndarray,
    mask: np.ndarray,
    roles: Sequence[Role],
    body: np.ndarray | None,
    see: See | None,
) -> np.ndarray:
    everybody = [cast(role.actor, role.first, around, mask) for role in roles]
    return compose(behind, mask, everybody, body, see)
