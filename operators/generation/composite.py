"""Generated tubes -> whole frames: generated inside the masks, background outside, nothing uncovered."""

import cv2
import numpy as np

from schemas.conditioning import Tube
from schemas.cues import Patch


def composite(
    background: np.ndarray, mask: np.ndarray, tubes: list[Tube], generated: list[np.ndarray]
) -> np.ndarray:
    """uint8 [T,H,W,3]: `background` with each tube's `generated` frames pasted inside the tube's hard mask.

    background uint8 [T,H,W,3] holds no person: it is gray inside `mask` bool [T,H,W]. People who stand
    lower in the picture are nearer and pasted last. Raises ValueError if a pixel of `mask` is left without
    a generated one, if a tube reaches outside it, or if what was generated is no uint8 picture.
    """
    frames, covered = background.copy(), np.zeros_like(mask)
    for tube, people in sorted(
        zip(tubes, generated, strict=True), key=lambda pair: float(pair[0].boxes[:, 3].mean())
    ):
        if len(people) != len(tube.boxes):
            raise ValueError(f"tube {tube.track} has {len(tube.boxes)} frames, {len(people)} were generated")
        if people.dtype != np.uint8:  # NaN would be cast to black
            raise ValueError(f"tube {tube.track} was generated as {people.dtype}, not as uint8")
        for i, box in enumerate(tube.boxes):
            t, theirs = tube.first + i, tube.masks.frames[i] & Patch.of_box(box, mask.shape[1:])
            _paste(frames[t], people[i], box, theirs, mask[t])
            theirs.paste(covered[t])
    if (covered != mask).any():
        raise ValueError(f"{int((covered ^ mask).sum())} pixels of the mask and the tubes disagree")
    return frames


def _paste(frame: np.ndarray, person: np.ndarray, box: np.ndarray, theirs: Patch, mask: np.ndarray) -> None:
    """Resize one generated frame to its box and copy it where `theirs` is set, shifted to the light around it.

    The generator's colours drift by a few levels; the mean difference over the background that both show
    (outside everybody's `mask` bool [H,W], so never a person's pixel) is taken off, or the seam is seen.
    """
    x0, y0, x1, y1 = (int(v) for v in box)
    (height, width) = frame.shape[:2]
    left, top, right, bottom = max(0, x0), max(0, y0), min(width, x1), min(height, y1)
    if left >= right or top >= bottom:
        return
    full = cv2.resize(person, (x1 - x0, y1 - y0), interpolation=cv2.INTER_CUBIC)
    part = full[top - y0 : bottom - y0, left - x0 : right - x0].astype(np.float32)
    here = frame[top:bottom, left:right]
    around = ~mask[top:bottom, left:right]
    if around.sum() >= 64:
        part += np.clip((here[around].astype(np.float32) - part[around]).mean(axis=0), -24, 24)
    inside = theirs.within(left, top, bottom - top, right - left)
    here[inside] = np.clip(np.round(part), 0, 255).astype(np.uint8)[inside]
