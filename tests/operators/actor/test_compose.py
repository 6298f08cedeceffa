"""Actors over the plate: inside the mask alone, in order of depth, and behind what stood in front."""

import numpy as np
import pytest

from operators.actor.actor import actor, draw, posed
from operators.actor.background.plate import plate
from operators.actor.compose import Cast, back_to_front, cast, compose
from schemas.actor import Actor, Light
from tests.operators.actor.walks import FPS, SIZE, walk

_T = 4


def _stander(persona: str, shift: float = 0.0, larger: float = 1.0, lower: float = 0.0) -> Actor:
    track = walk("stand", 0.0, frames=_T)
    centre = track.joints[..., :2].mean((0, 1))
    track.joints[..., :2] = (track.joints[..., :2] - centre) * larger + centre + [shift, lower]
    boxes = np.concatenate([track.joints[..., :2].min(1), track.joints[..., :2].max(1)], 1)
    made = actor(track.joints, boxes, SIZE, FPS, 5, persona)
    assert made is not None
    return made


@pytest.fixture(scope="module")
def red() -> Actor:
    return _stander("long-sleeved red top, red trousers")


def _scene(mask_all: bool = False) -> tuple[np.ndarray, np.ndarray]:
    frames = np.full((_T, *SIZE, 3), 100, np.uint8)
    frames[:, :16], frames[:, -16:] = (10, 20, 40), (240, 230, 200)  # no fog, and not black and white
    mask = np.zeros((_T, *SIZE), bool)
    mask[:, 40:420, 200:440] = True
    return frames, mask | mask_all


def test_only_the_mask_changes_and_the_actor_shows_in_it(red: Actor) -> None:
    frames, mask = _scene()
    made = compose(plate(frames, mask), mask, [cast(red, 0, frames, mask)])
    np.testing.assert_array_equal(made[~mask], frames[~mask])
    box, drawing = draw(red, 1)
    body = np.zeros(SIZE, bool)
    body[box[1] : box[3], box[0] : box[2]] = drawing.rgba[..., 3] > 0.99
    inner = body & mask[1]
    assert (made[1][inner][:, 0].astype(int) > made[1][inner][:, 2]).mean() > 0.7


def test_nothing_inside_the_mask_of_the_source_matters(red: Actor) -> None:
    frames, mask = _scene()
    other = frames.copy()
    other[mask] = np.random.default_rng(0).integers(0, 256, (mask.sum(), 3))
    first, second = (
        compose(plate(source, mask), mask, [cast(red, 0, source, mask)]) for source in (frames, other)
    )
    assert first.tobytes() == second.tobytes()


def test_the_nearer_actor_is_in_front_whatever_the_order(red: Actor) -> None:
    blue = _stander("long-sleeved blue top, blue trousers", larger=1.5)
    assert posed(blue, 0)[1][1] < posed(red, 0)[1][1]
    frames, mask = _scene(mask_all=True)
    background = plate(frames, mask)
    casts = [Cast(red, 0, Light()), Cast(blue, 0, Light())]
    made, turned = compose(background, mask, casts), compose(background, mask, casts[::-1])
    np.testing.assert_array_equal(made, turned)
    x, y = SIZE[1] // 2, int(walk("stand", 0.0, frames=1).true[0, [5, 6, 11, 12], 1].mean())
    assert made[0, y, x, 2] > made[0, y, x, 0]


@pytest.mark.parametrize(
    ("larger", "lower", "nearer"),
    [
        (0.75, 90, True),  # a child in front of an adult: smaller, and with their feet lower
        (1.3, -90, False),  # somebody tall behind
        (0.4, 200, False),  # too small to stand there: on another ground
    ],
)
def test_of_people_on_one_ground_who_ends_lower_is_nearer(
    red: Actor, larger: float, lower: float, nearer: bool
) -> None:
    other = _stander("long-sleeved blue top, blue trousers", larger=larger, lower=lower)
    casts = [Cast(red, 0, Light()), Cast(other, 0, Light())]
    for several in (casts, casts[::-1]):
        assert (back_to_front(several, 0)[-1].actor is other) == nearer


def test_a_pole_that_cut_the_body_in_two_stays_in_front(red: Actor) -> None:
    frames, mask = _scene()
    body = np.zeros_like(mask)
    body[:, 60:400, 260:380] = True
    body[:, :, 315:325] = False
    mask[2:, :, :] = False  # two frames show what is behind
    background = plate(frames, mask)
    made = compose(background, mask, [cast(red, 0, frames, mask)], body)
    assert np.abs(made[0, 150:300, 319:321].astype(int) - 100).max() < 40
    assert (
        np.abs(
            compose(background, mask, [cast(red, 0, frames, mask)])[0, 150:300, 319:321].astype(int) - 100
        ).max()
        > 40
    )


def test_it_is_darker_under_the_feet(red: Actor) -> None:
    frames, mask = _scene(mask_all=True)
    made = compose(plate(frames, mask), mask, [Cast(red, 0, Light())])
    empty = compose(plate(frames, mask), mask, [])
    ankles = walk("stand", 0.0, frames=1).true[0, [15, 16]].mean(0).astype(int)
    below = np.s_[0, ankles[1] + 12 : ankles[1] + 30, ankles[0] - 30 : ankles[0] + 30]
    assert made[below].astype(int).min() < empty[below].astype(int).min() - 10
