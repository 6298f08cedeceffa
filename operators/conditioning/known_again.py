"""Who is who across clips: by place in the frames that two clips share, then by looks."""

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from operators.models.boxes import best_pairs, box_iou
from schemas.clip import Followed
from schemas.followed import Seen, SeenInClip

_SAME_PLACE = 0.4  # mean overlap of boxes in the frames that two clips share
_MOST = 5000  # people of a scope whose looks are compared: each with each


@dataclass
class _Somebody:
    """SeenInClip of one person by clip, and the frames of each source that they are in."""

    sights: list[tuple[SeenInClip, int]]
    frames: dict[str, list[tuple[int, int]]] = field(default_factory=dict)

    def is_beside(self, other: "_Somebody") -> bool:
        """Whether both are in one frame, so that they are two."""
        return any(
            a[0] < b[1] and b[0] < a[1]
            for source, spans in self.frames.items()
            for a in spans
            for b in other.frames.get(source, [])
        )

    def take(self, other: "_Somebody") -> None:
        self.sights += other.sights
        for source, spans in other.frames.items():
            self.frames.setdefault(source, []).extend(spans)

    def looks(self) -> np.ndarray | None:
        """float32 [D] of length 1."""
        known = [clip.people[i].looks for clip, i in self.sights if clip.people[i].looks.size]
        mean = np.sum(known, axis=0) if known else None
        return None if mean is None else mean / max(float(np.linalg.norm(mean)), 1e-6)


def known_again(clips: Sequence[SeenInClip], alike: float) -> dict[int, list[Followed]]:
    """Everybody in the clips of one scope by clip_id, with numbers from 1 on, one for each person.

    Two sights are of one person if they are in the same place in the frames that a clip shares with the one before it,
    or, the most alike first, if the cosine of their looks is at least `alike` and no frame of a source shows both.
    Cameras of a rig may show somebody at the same moment: these are two sources. Numbers go by the first sight.
    """
    ordered = sorted(clips, key=lambda clip: (clip.source, clip.first_frame))
    people = _handed_on(ordered)
    for one in people:
        for clip, i in one.sights:
            one.frames.setdefault(clip.source, []).append(_span(clip, clip.people[i]))
    people = _alike(people, alike)
    found: dict[int, list[Followed]] = {clip.clip_id: [] for clip in clips}
    for number, one in enumerate(people, start=1):
        for clip, i in one.sights:
            sight = clip.people[i]
            found[clip.clip_id].append(Followed(number, sight.first, sight.boxes))
    return found


def _handed_on(ordered: Sequence[SeenInClip]) -> list[_Somebody]:
    """Who is in the same place where a clip and the next one show the same frames; everybody else alone."""
    people: list[_Somebody] = []
    before: SeenInClip | None = None
    held: list[_Somebody] = []  # of the clip before, by its people's order
    for clip in ordered:
        follows = before is not None and before.source == clip.source
        pairs = _same_places(before, clip) if before and follows else {}
        now = []
        for i in range(len(clip.people)):
            one = held[pairs[i]] if i in pairs else _Somebody([])
            one.sights.append((clip, i))
            people += [] if i in pairs else [one]
            now.append(one)
        before, held = clip, now
    return people


def _same_places(before: SeenInClip, clip: SeenInClip) -> dict[int, int]:
    """Person of `clip` -> person of the clip before it."""
    overlaps = np.zeros((len(clip.people), len(before.people)))
    shift = clip.first_frame - before.first_frame
    for i, one in enumerate(clip.people):
        for j, other in enumerate(before.people):
            overlaps[i, j] = same_place(one.first + shift, one.boxes, other.first, other.boxes)
    return best_pairs(overlaps, _SAME_PLACE)


def same_place(first: int, boxes: np.ndarray, other_first: int, other_boxes: np.ndarray) -> float:
    """Mean IoU of boxes [N,4] from a frame on and others [M,4] from another, where both are known; 0 if nowhere."""
    start, stop = max(first, other_first), min(first + len(boxes), other_first + len(other_boxes))
    shared = [
        (boxes[t - first], other_boxes[t - other_first])
        for t in range(start, stop)
        if np.isfinite(boxes[t - first]).all() and np.isfinite(other_boxes[t - other_first]).all()
    ]
    return float(np.mean([box_iou(one, other)[0, 0] for one, other in shared])) if shared else 0.0


def _span(clip: SeenInClip, sight: Seen) -> tuple[int, int]:
    """First frame of the source in which the clip releases somebody, and one past the last."""
    seen = np.flatnonzero(np.isfinite(sight.boxes).all(axis=1))
    first = clip.first_frame + sight.first + int(seen[0]) if len(seen) else 0
    last = clip.first_frame + sight.first + int(seen[-1]) + 1 if len(seen) else 0
    return max(first, clip.first_frame + clip.overlap), last


def _alike(people: list[_Somebody], least: float) -> list[_Somebody]:
    """Those joined whose looks are the same, the most alike first; in order of their first sights."""
    known = [(one, looks) for one in people if (looks := one.looks()) is not None][:_MOST]
    if len(known) > 1:
        vectors = np.stack([looks for _, looks in known])
        cosines = np.triu(vectors @ vectors.T, k=1)
        pairs = np.argwhere(cosines >= least)
        order = np.argsort(-cosines[pairs[:, 0], pairs[:, 1]], kind="stable")
        owner = list(range(len(known)))
        for i, j in pairs[order].tolist():
            a, b = sorted((owner[i], owner[j]))
            if a != b and not known[a][0].is_beside(known[b][0]):
                known[a][0].take(known[b][0])
                owner = [a if one == b else one for one in owner]
                known[b][0].sights = []
    return [one for one in people if one.sights]
