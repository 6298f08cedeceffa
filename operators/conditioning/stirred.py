"""Masks over what moves beside somebody: a shoe beyond a bollard, a swinging bag, the shadow that they cast."""

from collections.abc import Sequence

import cv2
import numpy as np

from operators.conditioning.limbs import take_in
from operators.conditioning.pieces import around, pieces
from operators.video.camera import camera_motions, shrunk, stands_still
from schemas.policy import MaskPolicy
from schemas.track import Track, union

_SIDE = 480  # px of the longer side at which frames are compared
_APART = (2, 4, 8)  # frames before and after to compare with
_LEVELS = 22  # by which a pixel is unlike everything around its place in another frame
_BLENDED = 4  # px: as far as blurring, warping and looking around carry what is hidden
_REACH = 0.35  # of a person's height around their box
_SMALLEST = 0.0008  # of the person's height squared: the area of a piece
_ALL_OVER = 0.08  # share of the background that moves where the camera's motion was not understood
_AROUND = np.ones((5, 5), np.uint8)
_SPREAD = 1  # frames before and after a sighting in which the mask grows, too


def cover_moving(
    frames: np.ndarray, people: Sequence[Track], policy: MaskPolicy, shots: Sequence[tuple[int, int]]
) -> list[Track]:
    """The tracks with masks that also cover what moves against the background near somebody.

    frames uint8 [T,H,W,3] RGB; shots as (first, stop). A detector that knows whole people sees nobody in a lone shoe.
    A pixel moves if in earlier and in later frames, laid over this one by the camera's motion, something else is in its
    place. What goes on beyond reach is a passing car, and not somebody's; where all of the picture moves, nothing can
    be told. Bodies stay as they are, as in cover_limbs.
    """
    shape = frames.shape[:3]
    parts = np.zeros(shape, bool)
    covered = union(people, "mask", shape)
    for first, stop in shots:
        if covered[first:stop].any():
            parts[first:stop] = _moving(frames[first:stop], covered[first:stop])
    near = np.zeros(shape, bool)
    for track in people:
        for t, box in enumerate(track.boxes_throughout().round().astype(int), track.first):
            height = int(box[3] - box[1])
            far = max(2, round(_REACH * height))
            window = around(box, far)
            x0, y0, x1, y1 = box.tolist()
            beyond = y0 > far, y1 + far < shape[1], x0 > far, x1 + far < shape[2]
            piece = pieces((parts[t] & ~covered[t])[window], _SMALLEST * height**2, beyond)
            near[max(0, t - _SPREAD) : t + _SPREAD + 1, window[0], window[1]] |= piece
    return take_in(people, near, policy)


def _moving(frames: np.ndarray, covered: np.ndarray) -> np.ndarray:
    """bool [T,H,W]: what is unlike the same place in frames before and after; nothing where all is."""
    size = frames.shape[1:3]
    scale = min(1.0, _SIDE / max(size))
    small = (max(1, round(size[1] * scale)), max(1, round(size[0] * scale)))
    shown = np.stack([cv2.resize(frame, small, interpolation=cv2.INTER_AREA) for frame in frames])
    hidden = np.stack(
        [cv2.resize(one.astype(np.uint8), small, interpolation=cv2.INTER_AREA) for one in covered]
    )
    grays, hidden = [cv2.cvtColor(frame, cv2.COLOR_RGB2GRAY) for frame in shown], hidden > 0
    still = stands_still(grays, hidden)
    motions = [np.eye(3)] * len(frames) if still else camera_motions(grays, hidden)
    shown = np.stack([cv2.GaussianBlur(frame, (3, 3), 0) for frame in shown])
    clear = [shrunk(~one, _BLENDED) for one in hidden]
    made = np.zeros(frames.shape[:3], bool)
    spans = [(cv2.dilate(frame, _AROUND), cv2.erode(frame, _AROUND)) for frame in shown] if still else []
    for t in range(len(frames)):
        moves = _unlike(shown, clear, motions, spans, t) & (shrunk(~hidden[t]) > 0)
        if moves.sum() <= _ALL_OVER * max(1, (~hidden[t]).sum()):
            made[t] = cv2.resize(moves.astype(np.uint8), size[::-1], interpolation=cv2.INTER_NEAREST) > 0
    return made


def _unlike(
    frames: np.ndarray,
    clear: list[np.ndarray],
    motions: list[np.ndarray],
    spans: list[tuple[np.ndarray, np.ndarray]],
    t: int,
) -> np.ndarray:
    """bool [h,w]: pixels of frame t that two others at least, and more than see them alike, see otherwise.

    Each looks where it is `clear` of people, uint8 [h,w]. `spans` are the highest and lowest values around each pixel
    of every frame, where the camera stands still; else there are none.
    """
    size = clear[t].shape[::-1]
    differs, agrees = (np.zeros(clear[t].shape, np.uint8) for _ in range(2))
    for other in (t + sign * apart for apart in _APART for sign in (-1, 1)):
        if not 0 <= other < len(frames):
            continue
        if spans:
            (highest, lowest), seen = spans[other], clear[other] > 0
        else:
            motion = motions[t] @ np.linalg.inv(motions[other])
            laid = cv2.warpPerspective(frames[other], motion, size, flags=cv2.INTER_LINEAR)
            seen = cv2.warpPerspective(clear[other], motion, size, flags=cv2.INTER_NEAREST) > 0
            highest, lowest = cv2.dilate(laid, _AROUND), cv2.erode(laid, _AROUND)
        above, below = cv2.subtract(frames[t], highest), cv2.subtract(lowest, frames[t])
        red, green, blue = cv2.split(cv2.max(above, below))
        far = cv2.max(red, cv2.max(green, blue)) > _LEVELS
        differs += (seen & far).astype(np.uint8)
        agrees += (seen & ~far).astype(np.uint8)
    return np.asarray((differs >= 2) & (differs > agrees))
