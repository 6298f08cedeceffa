"""The background plate: what a mask hides, taken from other frames of the clip that see it outside all masks."""

import cv2
import numpy as np

from operators.actor.background.inpaint import inpaint
from operators.video.camera import camera_motions, shrunk, stands_still
from schemas.actor import Plate

_GRAY = 128
_AGREE = 14.0  # levels by which a frame that is laid over another may differ around the mask
_SHADE = 0.05  # of the picture's longer side: how far from a mask there are shadows
_RING = 7  # px around a mask, to compare and to match exposure
_NEW, _SEARCHES = 0.005, 3  # of the picture: a smaller hole is closed by a blur; searches in a clip
_CHUNK = 1 << 16  # pixels of a median at once: memory


def plate(frames: np.ndarray, mask: np.ndarray, patches: bool = True) -> Plate:
    """The clip without what is inside the mask.

    frames uint8 [T,H,W,3], mask bool [T,H,W] of everybody. No pixel inside the mask is read, in any frame; outside it
    the frames come back as they are. A still camera's background is its temporal median; a moving one's is laid over
    from the nearest frames in time by homographies between background features. What no frame sees is inpainted and
    reported in `holes`: without `patches` with a blur, as is enough for who asks what other frames show.
    """
    known = frames.copy()
    known[mask] = _GRAY
    if not mask.any():
        return Plate(known, np.zeros_like(mask), True)
    grays = [cv2.cvtColor(frame, cv2.COLOR_RGB2GRAY) for frame in known]
    still = stands_still(grays, mask)
    if still:
        filled, holes = _median(known, mask, patches)
    else:
        filled, holes = _laid_over(known, mask, camera_motions(grays, mask), patches)
    return Plate(filled, holes, still)


def _median(frames: np.ndarray, mask: np.ndarray, patches: bool) -> tuple[np.ndarray, np.ndarray]:
    """Every hidden pixel's median over the frames that see it; what none sees is inpainted once, so it holds still.

    Frames in which it lies well away from everybody are asked alone, where there are any: beside somebody is their
    shadow.
    """
    background, filled = frames[0].copy(), frames.copy()
    beside = np.stack([_near(one) for one in mask])
    rows, columns = np.nonzero(mask.any(0))
    for start in range(0, len(rows), _CHUNK):
        part = rows[start : start + _CHUNK], columns[start : start + _CHUNK]
        hidden, shaded = mask[:, part[0], part[1]], beside[:, part[0], part[1]]
        hidden = np.where(shaded.all(0), hidden, shaded)
        levels = np.where(hidden[..., None], np.int16(256), frames[:, part[0], part[1]].astype(np.int16))
        levels.sort(axis=0)  # what is hidden goes last
        middle = np.maximum((~hidden).sum(0) - 1, 0) // 2
        background[part] = levels[middle, np.arange(len(middle))].clip(0, 255)
    never = np.asarray(mask.all(0))
    background = inpaint(background, never, patches)
    for t, hidden in enumerate(mask):
        filled[t][hidden] = _exposed(background, frames[t], hidden)
    return filled, mask & never


def _laid_over(
    frames: np.ndarray, mask: np.ndarray, motions: list[np.ndarray], patches: bool
) -> tuple[np.ndarray, np.ndarray]:
    """Every hidden pixel from the frame nearest in time that sees it; motions [3,3] lead from the first frame on."""
    filled, holes = frames.copy(), mask.copy()
    clear = [shrunk(~hidden) for hidden in mask]  # warping blends neighbours: none of them may be hidden
    for t in range(len(frames)):
        for other in np.argsort(np.abs(np.arange(len(frames)) - t), kind="stable"):
            if not holes[t].any():
                break
            if other != t:
                motion = motions[t] @ np.linalg.inv(motions[other])
                _lay(filled[t], holes[t], mask[t], frames[other], clear[other], motion)
    searches = 0  # one in every frame would take longer than all else
    for t in range(len(frames)):
        left = holes[t].copy()
        if t and left.any():  # what was made up for the last frame stays, seen from here
            seen = np.ones(left.shape, np.uint8)
            _lay(filled[t], left, mask[t], filled[t - 1], seen, motions[t] @ np.linalg.inv(motions[t - 1]))
        new = patches and left.mean() > _NEW and searches < _SEARCHES
        searches += new
        filled[t] = inpaint(filled[t], left, patches=bool(new))
    return filled, holes


def _lay(
    onto: np.ndarray,
    holes: np.ndarray,
    hidden: np.ndarray,
    other: np.ndarray,
    clear: np.ndarray,
    motion: np.ndarray,
) -> None:
    """Fill `holes` of one frame from another's `clear` pixels, if the two agree around what is hidden."""
    x, y, width, height = cv2.boundingRect(cv2.dilate(hidden.astype(np.uint8), _disc(_RING)))
    window = (slice(y, y + height), slice(x, x + width))
    shift = np.array([[1, 0, -x], [0, 1, -y], [0, 0, 1]]) @ motion
    seen = (
        cv2.warpPerspective(clear.astype(np.float32), shift, (width, height), flags=cv2.INTER_LINEAR) > 0.999
    )
    if not (seen & holes[window]).any():
        return
    warped = cv2.warpPerspective(other, shift, (width, height), flags=cv2.INTER_CUBIC)
    ring = _ring(hidden)[window] & seen
    if ring.sum() > 20:
        apart = onto[window][ring].astype(np.float32) - warped[ring]
        offset = np.median(apart, axis=0)
        if np.abs(apart - offset).mean() > _AGREE:
            return
        warped = np.clip(np.round(warped + np.clip(offset, -24, 24)), 0, 255).astype(np.uint8)
    use = seen & holes[window]
    onto[window][use] = warped[use]
    holes[window][use] = False


def _exposed(background: np.ndarray, frame: np.ndarray, hidden: np.ndarray) -> np.ndarray:
    """The background's hidden pixels uint8 [N,3], as bright as this frame is around them."""
    ring = _ring(hidden)
    if ring.sum() < 20:
        return background[hidden]
    offset = np.median(frame[ring].astype(np.float32) - background[ring], axis=0)
    return np.clip(np.round(background[hidden] + np.clip(offset, -24, 24)), 0, 255).astype(np.uint8)


def _ring(hidden: np.ndarray) -> np.ndarray:
    return (cv2.dilate(hidden.astype(np.uint8), _disc(_RING)) > 0) & ~hidden


def _near(hidden: np.ndarray) -> np.ndarray:
    """bool [H,W]: hidden, or so near to what is that it may lie in somebody's shadow."""
    away = cv2.distanceTransform((~hidden).astype(np.uint8), cv2.DIST_L2, 3)
    return np.asarray(away <= _SHADE * max(hidden.shape))


def _disc(radius: int) -> np.ndarray:
    return cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (2 * radius + 1, 2 * radius + 1))
