"""Frames that are gray inside the mask, and the actors -> frames with the actors over the background plate.

The plain composite: a whole anonymization without a generator, and what a generator starts from.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property, cmp_to_key

import cv2
import numpy as np

from operators.actor.actor import draw, keypoints, posed, reach
from operators.actor.drawing.film import developed
from operators.actor.drawing.light import match_light
from schemas.actor import Actor, Light, Plate

_SOFT = 0.45  # px of blur at a drawing's edge, as every lens has it
_FEATHER = 2.0  # px within the mask over which an actor who reaches beyond it fades
_FADE = 0.06  # of a person's height within the mask over which their shadow does
_HIPS, _ANKLES, _SHADOW, _HALO = [11, 12], [15, 16], 0.45, 0.22
_CLOSED = 0.12  # of a person's height: a gap in the body so narrow is something in front of it
_COARSE = 250  # px
_SHOWS = 0.5  # share of a pixel
_FAR_APART = 1.6  # times as far away: more than two people's heights differ
_CLEAR = 0.012  # of the height around the body that is still body


@dataclass(frozen=True)
class Cast:
    """An actor who plays frames `first` on, in this light."""

    actor: Actor
    first: int
    light: Light

    @property
    def stop(self) -> int:
        """One past the last frame."""
        return self.first + len(self.actor.motion.pose)

    @cached_property
    def points(self) -> np.ndarray:
        """float32 [N,17,2] px: the actor's joints."""
        return keypoints(self.actor)


See = Callable[
    [int, Cast, np.ndarray, int], None
]  # frame, who, bool [H,W] where they show, pixels of the drawing


def cast(actor: Actor, first: int, frames: np.ndarray, mask: np.ndarray) -> Cast:
    """The actor in the light of the surroundings: frames uint8 [T,H,W,3], mask bool [T,H,W] of everybody."""
    boxes = np.array([reach(actor, t) for t in range(len(actor.motion.pose))])
    return Cast(actor, first, match_light(frames, mask, boxes, first))


def compose(
    plate: Plate,
    mask: np.ndarray,
    everybody: Sequence[Cast],
    body: np.ndarray | None = None,
    see: See | None = None,
) -> np.ndarray:
    """uint8 [T,H,W,3]: the plate with everybody drawn on it inside `mask` bool [T,H,W]; outside it is the plate's.

    Whoever is farther away is drawn first, see `back_to_front`. `body` bool [T,H,W], the undilated masks, tells what
    stood in front of a person: narrow gaps in a body stay background where another frame shows it. `see` is told who
    shows where.
    """
    made = plate.frames.copy()
    for t, frame in enumerate(made):
        if not mask[t].any():
            continue
        within = cv2.distanceTransform(mask[t].astype(np.uint8), cv2.DIST_L2, 3)
        if body is not None:
            within[_in_front(body[t]) & ~plate.holes[t]] = 0
        ordered = back_to_front(everybody, t)
        front = np.zeros(within.shape, np.uint16)  # who shows in each pixel, by their number
        drawn = [_paste(frame, within, one, t, front, number) for number, one in enumerate(ordered, 1)]
        if see:
            for number, one in enumerate(ordered, 1):
                see(t, one, front == number, drawn[number - 1])
    return made


def back_to_front(everybody: Sequence[Cast], t: int) -> list[Cast]:
    """Who plays frame t, the farthest first.

    How far away somebody is tells a height that is not theirs: a child would be far behind an adult. Of people on one
    ground the nearer one ends lower in the picture: so it was in all 96 sights of two who overlap in 52 rendered
    streets, by size in 85. Only who is much farther away by size, as on a roof, is behind whoever stands lower.
    """

    def compared(one: tuple[float, float, Cast], other: tuple[float, float, Cast]) -> int:
        (away, low, _), (other_away, other_low, _) = one, other
        if max(away, other_away) > _FAR_APART * min(away, other_away):
            return int(np.sign(other_away - away))
        return int(np.sign(low - other_low))

    present = [
        (float(posed(one.actor, t - one.first)[1][1]), float(one.points[t - one.first, :, 1].max()), one)
        for one in everybody
        if one.first <= t < one.stop
    ]
    return [one for _, _, one in sorted(present, key=cmp_to_key(compared))]


def _paste(frame: np.ndarray, within: np.ndarray, one: Cast, t: int, front: np.ndarray, number: int) -> int:
    """Shadow, then the drawing, softened and with grain, onto the frame inside the mask; `within` float [H,W] px from
    its edge. `front` [H,W] becomes `number` where the drawing shows; returns how many pixels it has, shown or not."""
    x0, y0, x1, y1 = reach(one.actor, t - one.first)
    if x1 <= x0 or y1 <= y0:
        return 0
    box, drawing = draw(one.actor, t - one.first, one.light, (x0, y0, x1, y1))
    colour, cover = developed(drawing.rgba[..., :3] * 255, one.light.film), drawing.rgba[..., 3]
    if not cover.any():
        return 0
    sigma = float(np.hypot(_SOFT, one.light.blur))
    colour = cv2.GaussianBlur(colour * cover[..., None], (0, 0), sigma)
    cover = cv2.GaussianBlur(cover, (0, 0), sigma)
    colour = colour / np.maximum(cover, 1e-3)[..., None]
    rng = np.random.default_rng([one.actor.seed & 0xFFFFFFFF, t])
    colour += one.light.grain * rng.standard_normal((*cover.shape, 1))
    window = np.clip(within[y0:y1, x0:x1] / _FEATHER, 0, 1)
    here = frame[y0:y1, x0:x1].astype(np.float32)
    lit = 1 - _shadow(one, t, box, cover, within[y0:y1, x0:x1])[..., None]
    black = developed(np.zeros((1, 1, 3), np.float32), one.light.film)
    here = black + (here - black) * lit
    share = (cover * window)[..., None]
    frame[y0:y1, x0:x1] = np.where(
        window[..., None] > 0, np.clip(np.round(here * (1 - share) + colour * share), 0, 255), here
    ).astype(np.uint8)
    front[y0:y1, x0:x1][share[..., 0] > _SHOWS] = number
    return int((cover > _SHOWS).sum())


def _shadow(
    one: Cast, t: int, box: tuple[int, int, int, int], cover: np.ndarray, within: np.ndarray
) -> np.ndarray:
    """[h,w]: how much darker it is beside the legs and under the feet, and no more at the mask's edge."""
    points = one.points[t - one.first]
    tall = max(float(np.ptp(points[:, 1])), 4.0)
    rows, columns = np.mgrid[box[1] : box[3], box[0] : box[2]].astype(np.float32)
    hips, ankles = points[_HIPS, 1].mean(), points[_ANKLES, 1].mean()
    low = np.clip((rows - hips) / max(float(ankles - hips), 4.0), 0, 1)  # a wall behind a chest is far away
    dark = _HALO * low * cv2.GaussianBlur(cover, (0, 0), max(1.0, tall * 0.03))
    wide, flat = tall * 0.10, tall * 0.035
    for x, y in points[_ANKLES]:
        foot = ((columns - x) / wide) ** 2 + ((rows - y - tall * 0.04) / flat) ** 2
        dark = np.maximum(dark, _SHADOW * np.exp(-foot))
    return np.asarray(dark * np.clip(within / (_FADE * tall), 0, 1))


def _in_front(body: np.ndarray) -> np.ndarray:
    """bool [H,W]: narrow gaps within a body. Looked for at some 250 px of height: large kernels are slow."""
    rows = np.nonzero(body.any(1))[0]
    if not len(rows):
        return np.zeros_like(body)
    scale = max(1, (rows[-1] - rows[0] + 1) // _COARSE)
    shape = body[::scale, ::scale].astype(np.uint8)
    tall = (rows[-1] - rows[0] + 1) / scale
    closed = cv2.morphologyEx(shape, cv2.MORPH_CLOSE, _disc(max(2, round(_CLOSED * tall / 2))))
    gaps = ((closed > 0) & (cv2.dilate(shape, _disc(max(1, round(_CLEAR * tall)))) == 0)).astype(np.uint8)
    full = cv2.resize(gaps, body.shape[::-1], interpolation=cv2.INTER_NEAREST) > 0
    return np.asarray(full & ~body)


def _disc(radius: int) -> np.ndarray:
    return cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (2 * radius + 1, 2 * radius + 1))
