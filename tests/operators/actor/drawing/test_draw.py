"""A drawing of an actor: where the joints are, the same every time, lit, and in front of what is behind."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from operators.actor.actor import actor, draw, keypoints, posed, reach
from operators.actor.drawing.light import match_light
from operators.actor.drawing.raster import rasterise
from schemas.actor import Actor, Light
from tests.operators.actor.walks import FPS, SIZE, walk


@pytest.fixture(scope="module")
def stander() -> Actor:
    track = walk("stand", 0.4, frames=6)
    made = actor(track.joints, track.boxes, SIZE, FPS, seed=11)
    assert made is not None
    return made


def test_the_body_covers_its_joints_and_nothing_beyond_its_reach(stander: Actor) -> None:
    (x0, y0, _, _), drawing = draw(stander, 2)
    cover = drawing.rgba[..., 3]
    for x, y in keypoints(stander)[2][5:15]:  # shoulders to knees lie inside the body
        assert cover[round(y - y0 - 0.5), round(x - x0 - 0.5)] > 0.9
    _, whole = draw(stander, 2, box=(0, 0, SIZE[1], SIZE[0]))
    assert whole.rgba[..., 3].sum() == pytest.approx(cover.sum(), rel=0.001)
    assert np.isfinite(drawing.rgba).all() and drawing.rgba.min() >= 0 and drawing.rgba.max() <= 1


def test_depth_is_the_body_s_where_it_covers_and_infinite_elsewhere(stander: Actor) -> None:
    _, drawing = draw(stander, 0)
    distance = posed(stander, 0)[1][1]
    covered = drawing.rgba[..., 3] > 0
    assert (np.abs(drawing.depth[covered] - distance) < 0.8).all()
    assert np.isinf(drawing.depth[~covered]).all()


def test_the_same_seed_gives_the_same_pixels_and_another_seed_others(stander: Actor) -> None:
    first, again = draw(stander, 3)[1], draw(stander, 3)[1]
    assert first.rgba.tobytes() == again.rgba.tobytes() and first.depth.tobytes() == again.depth.tobytes()
    track = walk("stand", 0.4, frames=6)
    twin = actor(track.joints, track.boxes, SIZE, FPS, seed=11)
    assert twin is not None
    assert draw(twin, 3)[1].rgba.tobytes() == first.rgba.tobytes()
    other = draw(replace(stander, seed=12), 3, box=reach(stander, 3))[1]
    assert np.abs(other.rgba - first.rgba).mean() > 0.01


def test_clothes_have_the_colour_that_the_persona_says() -> None:
    track = walk("stand", 0.0, frames=2)
    for colour, channel in (("red", 0), ("green", 1), ("blue", 2)):
        made = actor(track.joints, track.boxes, SIZE, FPS, 5, f"long-sleeved {colour} top, {colour} trousers")
        assert made is not None
        _, drawing = draw(made, 0)
        chest = drawing.rgba[drawing.rgba[..., 3] > 0.9][:, :3].mean(0)
        assert chest.argmax() == channel


def test_less_light_makes_a_darker_picture_and_the_sun_s_side_is_brighter(stander: Actor) -> None:
    dark = Light(sun=(0.2, 0.2, 0.2), sky=(0.1, 0.1, 0.1), ground=(0.1, 0.1, 0.1))
    bright, dim = (draw(stander, 0, light)[1].rgba for light in (Light(), dark))
    body = bright[..., 3] > 0.9
    assert dim[body][:, :3].mean() < 0.6 * bright[body][:, :3].mean()
    left = draw(stander, 0, Light(direction=(-0.8, -0.4, 0.45)))[1].rgba
    right = draw(stander, 0, Light(direction=(0.8, -0.4, 0.45)))[1].rgba
    columns = np.nonzero(body.any(0))[0]
    middle = int(columns.mean())
    lean = [
        picture[:, :middle][body[:, :middle]].mean() - picture[:, middle:][body[:, middle:]].mean()
        for picture in (left, right)
    ]
    assert lean[0] > lean[1]


def test_somebody_out_of_the_frame_has_no_reach() -> None:
    track = walk("stand", 0.4, frames=3)
    track.joints[..., 0] += 3000
    made = actor(track.joints, track.boxes + np.array([3000, 0, 3000, 0]), SIZE, FPS, seed=1)
    assert made is not None
    x0, _, x1, _ = reach(made, 0)
    assert x1 <= x0


def test_triangles_cover_pixels_once_and_the_nearer_wins() -> None:
    places = torch.tensor([[0.0, 0.0], [8.0, 0.0], [0.0, 8.0], [8.0, 8.0]])
    square = torch.tensor([[0, 1, 2], [1, 3, 2]])
    both = torch.cat([square, square])
    opened = torch.zeros(4, dtype=torch.bool)
    found = rasterise(places, torch.tensor([1.0, 1, 1, 1]), square, (8, 8), opened[:2])
    assert len(found.pixel.unique()) == 64
    twice = rasterise(places, torch.tensor([1.0, 1, 1, 1]), both, (8, 8), opened)
    near, depth = twice.nearest(64)
    assert len(near.pixel) == 64 and near.triangle.max() < 2 and (depth == 1).all()


def lit(stander: Actor, surroundings: np.ndarray, mask: np.ndarray | None = None) -> np.ndarray:
    """float [N,3]: levels of the drawn body's pixels, in the light of surroundings in linear light [H,W]."""
    frames = np.repeat(
        np.round(surroundings ** (1 / 2.2) * 255).astype(np.uint8)[None, ..., None], 3, axis=-1
    )
    mask = np.zeros(SIZE, bool) if mask is None else mask
    light = match_light(frames, mask[None], np.array([reach(stander, 0)]))
    picture = draw(stander, 0, light)[1].rgba
    return np.asarray(picture[picture[..., 3] > 0.9][:, :3] * 255)


def wall(apart: float = 0.3, level: float = 0.15) -> np.ndarray:
    """float [H,W]: patches that are brighter or darker than the level by such a share, and something white."""
    linear = level * (1 + apart * np.random.default_rng(0).choice([-1.0, 1.0], SIZE))
    linear[::4, ::4] = 0.9
    return linear


@pytest.mark.parametrize("spread", [0.6, 0.8])
def test_contrast_around_somebody_makes_nobody_brighter(stander: Actor, spread: float) -> None:
    even, uneven = lit(stander, wall(0.0)), lit(stander, wall(spread))
    assert np.abs(even - uneven).max() > 3  # light and shade differ,
    np.testing.assert_allclose(even.mean(axis=0), uneven.mean(axis=0), atol=2.5)  # and the whole hardly


def test_a_dark_chair_that_a_mask_holds_or_not_changes_no_light(stander: Actor) -> None:
    """Of neighbouring clips one may hold it: nobody is to flicker where they meet."""
    room, chair = wall(0.5, level=0.3), np.zeros(SIZE, bool)
    x0, y0, x1, y1 = reach(stander, 0)
    chair[(y0 + y1) // 2 :, x0 : x0 + (x1 - x0) // 3] = True
    room[chair] = 0.002
    np.testing.assert_allclose(
        lit(stander, room).mean(axis=0), lit(stander, room, chair).mean(axis=0), atol=2
    )
