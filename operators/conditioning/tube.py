"""Tracks -> tubes: the moving window around each person, cut out of the conditioning at model resolution."""

from collections.abc import Sequence

import cv2
import numpy as np
from scipy.ndimage import gaussian_filter1d, maximum_filter1d

from operators.conditioning.fuse import fuse_structhuman
from operators.conditioning.skeleton import ANNOTATED, draw_skeleton
from schemas.conditioning import Tube
from schemas.cues import Patch, Patches
from schemas.profile import Size, Skeleton
from schemas.track import Track

_MARGIN = 1.15  # window over mask: the generator needs to see what surrounds the person
_SMOOTH = 3.0  # frames; a window that jumps with the detector's jitter makes the background flicker


def cut_tube(
    track: Track,
    background: np.ndarray,
    mask: np.ndarray,
    everyone: list[Track],
    size: Size,
    prompt: str,
    seed: int,
    style: Skeleton = "dwpose",
) -> Tube:
    """The tube of one track.

    background uint8 [T,H,W,3], gray wherever `mask` bool [T,H,W] (all people) is set. Every person who
    reaches into the window is drawn, because the generator must know whom else it sees: as VACE's annotator would
    draw them on this window as a video of its own, so that strokes do not grow with a small person.
    """
    boxes = tube_boxes(track.masks, size)
    frames, masks, skeletons = [], [], []
    for i, box in enumerate(boxes):
        t = track.first + i
        frames.append(cut(background[t], box, size, cv2.INTER_AREA))
        masks.append(cut(mask[t].view(np.uint8), box, size, cv2.INTER_NEAREST) > 0)
        people = [_into(other.keypoints_at(t), box, size) for other in everyone if other.is_at(t)]
        people = [points for points in people if _reaches(points, size)]  # of a crowd that is one in ten
        points = np.stack(people) if people else np.zeros((0, 17, 3), np.float32)
        skeletons.append(draw_skeleton(points, size.height, size.width, style, ANNOTATED))
    generate = np.stack(masks)
    conditioning = fuse_structhuman(np.stack(frames), generate, np.stack(skeletons))
    return Tube(track.number, track.first, boxes, conditioning, generate, track.masks, prompt, seed)


def whole_frame(
    fused: np.ndarray, size: Size, prompt: str, seed: int, mask: np.ndarray | None = None
) -> Tube:
    """The frames uint8 [T,H,W,3] as one tube at model resolution, standing or lying like the source.

    All of it is generated (VACE's mask is all ones), and kept where `mask` bool [T,H,W] is set: StructAll's everywhere.
    """
    frames, height, width = fused.shape[:3]
    everything = Patch.of_box(np.array([0, 0, width, height]), (height, width))
    if height > width:
        size = Size(height=size.width, width=size.height)
    small = [cv2.resize(frame, (size.width, size.height), interpolation=cv2.INTER_AREA) for frame in fused]
    return Tube(
        track=0,
        first=0,
        boxes=np.tile(np.array([0, 0, width, height], np.int32), (frames, 1)),
        conditioning=np.stack(small),
        generate=np.ones((frames, size.height, size.width), bool),
        masks=Patches((height, width), (everything,) * frames) if mask is None else Patches.of(mask),
        prompt=prompt,
        seed=seed,
    )


def tube_size(masks: Patches | np.ndarray, sizes: Sequence[Size]) -> Size:
    """The lowest of `sizes` that shows whom masks (or bool [N,H,W]) hold no smaller than the source, or the highest."""
    ordered = sorted(sizes, key=lambda size: size.height)
    windows = ((size, tube_boxes(masks, size)) for size in ordered[:-1])
    fitting = (size for size, boxes in windows if (boxes[:, 3] - boxes[:, 1]).max() <= size.height)
    return next(fitting, ordered[-1])


def tube_boxes(masks: Patches | np.ndarray, size: Size) -> np.ndarray:
    """Windows int32 [N,4] of the tube's aspect that contain `masks`, or bool [N,H,W], in every frame."""
    extents = Patches.of(masks).boxes().astype(np.float64)
    known = ~np.isnan(extents[:, 0])
    if not known.any():
        raise ValueError("a track without a mask")
    steps = np.arange(len(extents))
    extents = np.stack([np.interp(steps, steps[known], column[known]) for column in extents.T], axis=1)
    x0, y0, x1, y1 = extents.T
    centre_x = gaussian_filter1d((x0 + x1) / 2, _SMOOTH, mode="nearest")
    centre_y = gaussian_filter1d((y0 + y1) / 2, _SMOOTH, mode="nearest")
    half_height = np.maximum(y1 - centre_y, centre_y - y0)
    half_width = np.maximum(x1 - centre_x, centre_x - x0)
    needed = np.maximum(half_height, half_width * size.height / size.width)
    half = gaussian_filter1d(maximum_filter1d(needed * _MARGIN, 9, mode="nearest"), _SMOOTH, mode="nearest")
    half = np.maximum(half, needed + 1)
    wide = half * size.width / size.height
    boxes = np.stack([centre_x - wide, centre_y - half, centre_x + wide, centre_y + half], axis=1)
    return np.concatenate([np.floor(boxes[:, :2]), np.ceil(boxes[:, 2:])], axis=1).astype(np.int32)


def cut(frame: np.ndarray, box: np.ndarray, size: Size, interpolation: int) -> np.ndarray:
    """The part of a frame inside `box`, resized. Beyond the frame's border its last pixels repeat."""
    (height, width), (x0, y0, x1, y1) = frame.shape[:2], (int(v) for v in box)
    inner = frame[max(0, y0) : max(0, min(height, y1)), max(0, x0) : max(0, min(width, x1))]
    pads = max(0, -y0), max(0, y1 - height), max(0, -x0), max(0, x1 - width)
    padded = cv2.copyMakeBorder(inner, *pads, cv2.BORDER_REPLICATE) if any(pads) else inner
    return cv2.resize(padded, (size.width, size.height), interpolation=interpolation)


def _into(keypoints: np.ndarray, box: np.ndarray, size: Size) -> np.ndarray:
    scale = np.array([size.width, size.height]) / (box[2:] - box[:2])
    return np.concatenate([(keypoints[:, :2] - box[:2]) * scale, keypoints[:, 2:]], axis=1).astype(np.float32)


def _reaches(points: np.ndarray, size: Size) -> bool:
    """Whether anything of somebody with these joints [K,3] may be seen in a picture of `size`, strokes included."""
    x, y, _ = points[(points[:, 2] > 0) & np.isfinite(points).all(axis=1)].T
    far = max(size.height, size.width) / 10
    beyond = (
        (x < -far).all() or (x > size.width + far).all() or (y < -far).all() or (y > size.height + far).all()
    )
    return len(x) > 0 and not beyond
