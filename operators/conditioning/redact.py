"""Plates, text and screens: found in the source, and what the policy says about each done to them."""

import numpy as np
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from operators.conditioning.optical_flow import follow_boxes
from operators.conditioning.paint import PAINTS
from operators.models.scene.objects import ObjectDetector
from operators.models.scene.ocr import TextReader, topic_of
from schemas.cues import Patch, Patches
from schemas.policy import MaskPolicy, Policy
from schemas.profile import Profile
from schemas.rules import Topic
from schemas.track import Track

_ANEW = -1  # in the column that otherwise holds an index into PAINTS


class Redactor:
    """Frames -> what is to be painted over, and tracks of what is to be regenerated.

    Looks at every `text.every`-th frame of the profile, and follows what it finds in both directions as far as the
    next look and `union_frames` beyond it, so that what one look misses others cover. Boxes grow like masks of people.
    Finds nothing, at no cost, where the policy keeps everything.
    """

    def __init__(self, profile: Profile, policy: Policy) -> None:
        self.policy, self.every = policy, profile.text.every
        pool, sought = profile.pools.condition, {rule.what for rule in policy.sought()}
        if unfound := sought - profile.finds():
            raise ValueError(f"nothing in the profile finds {', '.join(sorted(unfound))}")
        wanted = bool(sought & {"plate", "text"})
        self.read = TextReader(profile.text, pool.threads, pool.device) if wanted else None
        seen = [one for one in profile.things() if sought & set(one.classes.values())]
        self.detect = [ObjectDetector(one, pool.device) for one in seen]

    def __call__(
        self, frames: np.ndarray, mask: MaskPolicy, every: int = 0
    ) -> tuple[np.ndarray, list[Track]]:
        """uint8 [T,H,W,3] RGB -> rectangles as `paint` takes them, int32 [N,6], and tracks without keypoints.

        `every` replaces the profile's. Tracks have negative numbers: those of people are positive. In StructAll, where
        all is made anew, there are none.
        """
        rows, every = [np.zeros((0, 6), np.int32)], every or self.every
        reach = every + mask.union_frames + 1
        looks = sorted({*range(0, len(frames), every), len(frames) - 1})
        for t in looks if self.read or self.detect else ():
            boxes, actions = self._find(frames[t])
            for part, step in ((frames[t::-1][:reach], -1), (frames[t:][:reach], 1)):
                for i, places in enumerate(follow_boxes(part, boxes) if len(boxes) else ()):
                    when = np.full_like(actions, t + step * i)
                    rows.append(np.column_stack([actions, when, _grown(places, mask)]))
        found = np.concatenate(rows)
        anew = found[found[:, 0] == _ANEW] if self.policy.variant == "structhuman" else found[:0]
        return found[found[:, 0] != _ANEW], _tracks(anew[:, 1:], frames.shape[1:3])

    def _find(self, frame: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """One frame's things that are not kept: boxes float32 [N,4], and what is done about each, int32 [N]."""
        found: list[tuple[Topic, np.ndarray, str]] = []
        for strings in self.read(frame[None]) if self.read else ():
            lines = zip(strings.texts, strings.boxes, strict=True)
            found += [(topic_of(text, box), box, text) for text, box in lines]
            found += [(topic_of("", box), box, "") for box in strings.unread]
        for detect in self.detect:
            found += [(topic, box, "") for topic, box in detect(frame[None])[0]]
        actions = [self.policy.action(topic, box, frame.shape[:2], line) for topic, box, line in found]
        chosen = [n for n, action in enumerate(actions) if action != "keep"]
        codes = [PAINTS.index(actions[n]) if actions[n] in PAINTS else _ANEW for n in chosen]
        return np.array([found[n][1] for n in chosen], np.float32).reshape(-1, 4), np.array(codes, np.int32)


def _grown(boxes: np.ndarray, mask: MaskPolicy) -> np.ndarray:
    """float32 [N,4] -> int32 [N,4], by the margin that a person of that height would have."""
    margin = mask.dilate_px + mask.dilate_share * (boxes[:, 3:] - boxes[:, 1:2])
    low, high = boxes[:, :2] - margin, boxes[:, 2:] + margin
    return np.concatenate([np.floor(low), np.ceil(high)], axis=1).astype(np.int32)


def _tracks(rectangles: np.ndarray, size: tuple[int, int]) -> list[Track]:
    """Rectangles int32 [N,5] (frame, x0, y0, x1, y1) that overlap in a frame, or from one to the next, are a track."""
    if not len(rectangles):
        return []
    frame, low, high = rectangles[:, 0], rectangles[:, 1:3], rectangles[:, 3:]
    pairs = []
    for t in np.unique(frame):
        here, near = np.flatnonzero(frame == t), np.flatnonzero((frame == t) | (frame == t + 1))
        overlap = (low[here, None] < high[None, near]) & (low[None, near] < high[here, None])
        i, j = np.nonzero(overlap.all(axis=2))
        pairs.append(np.stack([here[i], near[j]]))
    links = np.concatenate(pairs, axis=1)
    count, member = connected_components(
        coo_array((np.ones(links.shape[1], bool), links), shape=(len(rectangles),) * 2), directed=False
    )
    return [_track(-1 - number, rectangles[member == number], size) for number in range(count)]


def _track(number: int, rectangles: np.ndarray, size: tuple[int, int]) -> Track:
    first, last = int(rectangles[:, 0].min()), int(rectangles[:, 0].max())
    frames = (rectangles[rectangles[:, 0] == t, 1:] for t in range(first, last + 1))
    masks = Patches(size, tuple(Patch.union(Patch.of_box(box, size) for box in boxes) for boxes in frames))
    return Track(number, first, masks, masks, np.zeros((len(masks), 17, 3), np.float32))
