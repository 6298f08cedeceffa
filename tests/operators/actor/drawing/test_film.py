"""Whoever is drawn into a picture is of the same film: faint in black and white, and no blacker than the haze."""

import numpy as np
import pytest

from operators.actor.drawing.film import cleared, developed, film_of

_SIZE = (240, 320)
_DRAWN = np.random.default_rng(1).uniform(0, 255, (64, 3)).astype(np.float32)  # of any colour
_LUMA = np.array([0.299, 0.587, 0.114])


def _grays() -> np.ndarray:
    """float [2,H,W,1]: levels that hold black and white."""
    _, columns = np.mgrid[: _SIZE[0], : _SIZE[1]]
    return np.broadcast_to((columns / columns.max() * 247 + 4)[None, ..., None], (2, *_SIZE, 1)).copy()


def _taken(pictures: np.ndarray) -> np.ndarray:
    """The same as they come out of a video, of which encoding leaves a few levels of colour."""
    noise = np.random.default_rng(0).normal(0, 4, (*pictures.shape[:3], 3))
    return np.clip(pictures + noise, 0, 255).astype(np.uint8)


_NOTHING = np.zeros((2, *_SIZE), bool)


@pytest.mark.parametrize(
    "times", [(1.0, 1.0, 1.0), (1.07, 1.0, 0.8), (0.3, 1.25, 0.4)], ids=["black and white", "sepia", "night"]
)
def test_who_is_drawn_has_next_to_no_colour_where_the_film_has_none(times: tuple[float, ...]) -> None:
    film = film_of(_taken(_grays() * 0.8 * np.array(times)), _NOTHING)
    made = developed(_DRAWN, film)
    level, wanted = made @ _LUMA, np.array(times) / (np.array(times) @ _LUMA)
    left = np.abs(made - level[:, None] * wanted).max(axis=1)
    drawn = np.abs(_DRAWN - (_DRAWN @ _LUMA)[:, None]).max(axis=1)
    assert np.percentile(left - drawn / 3, 95) < 8
    assert np.corrcoef(level, _DRAWN @ _LUMA)[0, 1] > 0.99  # and is as light and dark as ever


def test_a_film_of_colours_leaves_all_as_it_was_drawn() -> None:
    pictures = np.repeat(_grays(), 3, axis=3)
    pictures[:, :40, :, 1] *= 0.6
    np.testing.assert_array_equal(developed(_DRAWN, film_of(_taken(pictures), _NOTHING)), _DRAWN)


def test_in_fog_black_is_gray_and_white_is_no_whiter_than_the_rest() -> None:
    pictures = np.repeat(_grays(), 3, axis=3)
    pictures[:, :40, :, 1] *= 0.6
    film = film_of(_taken(pictures * 0.35 + 0.65 * 205), _NOTHING)
    black, white = (developed(np.full((1, 3), level, np.float32), film) for level in (0, 255))
    assert black.min() > 90 and black.max() < 150 and white.max() < 235


def test_nothing_inside_the_mask_is_read() -> None:
    pictures, hidden = _taken(_grays()), _NOTHING.copy()
    hidden[:, 60:180, 80:240] = True
    other = pictures.copy()
    other[hidden] = np.random.default_rng(2).integers(0, 256, (hidden.sum(), 3))
    assert film_of(pictures, hidden) == film_of(other, hidden) != film_of(other, _NOTHING)


@pytest.mark.parametrize("shown", [0, 40])
def test_of_a_picture_that_is_nearly_all_hidden_nothing_is_said(shown: int) -> None:
    hidden = ~_NOTHING
    hidden[:, :shown] = False
    np.testing.assert_array_equal(developed(_DRAWN, film_of(_taken(_grays()), hidden)), _DRAWN)


@pytest.mark.parametrize("level", [3, 128, 230])
def test_a_bare_wall_is_no_fog(level: int) -> None:
    film = film_of(_taken(np.full((2, *_SIZE, 3), level) * [1.0, 0.9, 0.8]), _NOTHING)
    made = developed(_DRAWN, film)
    assert np.ptp(made @ _LUMA) > 0.9 * np.ptp(_DRAWN @ _LUMA)


def test_of_one_channel_alone_all_is_still_a_number() -> None:
    red = _taken(_grays()) * np.array([1, 0, 0], np.uint8)
    assert np.isfinite(developed(_DRAWN, film_of(red, _NOTHING))).all()
    with np.errstate(all="raise"):
        assert cleared(red, film_of(red, _NOTHING)).dtype == np.uint8
