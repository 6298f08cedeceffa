"""Re-identification: could who was there be told by their looks from who is shown now?"""

from collections.abc import Sequence
from pathlib import Path

import cv2
import numpy as np

from operators.models.boxes import box_iou
from operators.weights import vouched
from schemas.clip import GRAY, Person

SIZE = 96, 48  # height, width of a picture, px
_SMALLEST = 48  # px of height; of less, a glance at the colours is all there is to compare
_SMALLEST_HEAD = 12  # px
_SLENDEREST = 0.06  # of the square of the height: a body from the side covers 0.1, the edge of a mask 0.02
_HEAD = 0.22  # of the height from the top: head and neck
_FACE, _SEEN = 5, 0.3  # nose, eyes and ears, the first of the COCO joints; the score from which one is seen
_EVERY = 4  # frames
_WITHIN = 0.8  # share of a part that a box holds if the part is of who is in it
_NOBODY = np.zeros((0, 4), int)
_SAME = 0.2  # overlap with whoever was there four frames before


class Likeness:
    """How alike the people of two videos are, where they stand: body and head, 1 the same, about 0 strangers.

    Method: embeddings of person crops compared by their cosine, as person re-identification does it; the network is
    `AppearanceNet`, trained on synthetic people. Only pixels of the body count, as the background may stay.
    """

    def __init__(self, weights: str | Path, device: str = "cpu") -> None:
        # Torch takes seconds to import, and jobs that only name a stage do without.
        from safetensors.torch import load_file

        from operators.models.witnesses.reid_net import AppearanceNet

        self.network = AppearanceNet().eval()
        self.network.load_state_dict(load_file(vouched(weights)))
        self.network.to(device)
        self.device = device

    def __call__(
        self, output: np.ndarray, source: np.ndarray, body: np.ndarray, people: Sequence[Person] = ()
    ) -> tuple[float, float]:
        """(body, head): of whoever is most alike, in the mean of every fourth frame; -1 where nobody is large enough.

        output, source uint8 [T,H,W,3]; body bool [T,H,W] of the people in the source. Those who touch are told apart by
        the boxes of `people`, which count frames as `body` does; without them they count as one.
        """
        chains: list[list[tuple[int, Crop]]] = []
        for t in range(0, len(body), _EVERY):
            last = [chain for chain in chains if chain[-1][0] == t - _EVERY]
            for crop in crops(body[t], _boxes(people, t)):
                near = max(last, key=lambda chain: chain[-1][1].overlap(crop), default=None)
                if near and near[-1][0] < t and near[-1][1].overlap(crop) > _SAME:
                    near.append((t, crop))
                else:
                    chains.append([(t, crop)])
        heads = [[(t, crop.head(_chin(people, t, crop.box))) for t, crop in chain] for chain in chains]
        heads = [[(t, head) for t, head in chain if len(head.mask) >= _SMALLEST_HEAD] for chain in heads]
        return self._most(chains, source, output), self._most(heads, source, output)

    def _most(self, chains: list[list[tuple[int, "Crop"]]], source: np.ndarray, output: np.ndarray) -> float:
        """Highest cosine of the mean embeddings of somebody before and after."""
        cosines = [-1.0]
        for chain in filter(None, chains):
            before, after = (
                self.embed([crop.of(frames[t]) for t, crop in chain]).mean(0) for frames in (source, output)
            )
            cosines.append(float(before @ after / (np.linalg.norm(before) * np.linalg.norm(after))))
        return float(np.max(cosines))

    def embed(self, pictures: list[np.ndarray]) -> np.ndarray:
        """float32 [N,64] of uint8 [96,48,3] pictures."""
        import torch

        batches = [torch.from_numpy(np.stack(pictures[i : i + 64])) for i in range(0, len(pictures), 64)]
        with torch.inference_mode():
            shown = [batch.to(self.device).permute(0, 3, 1, 2).float() / 255 for batch in batches]
            return torch.cat([self.network(one) for one in shown]).cpu().numpy()


class Crop:
    """One person's pixels in a frame: a box and the mask in it."""

    def __init__(self, box: tuple[int, int, int, int], mask: np.ndarray) -> None:
        self.box, self.mask = box, mask

    @classmethod
    def of_mask(cls, part: np.ndarray, box: Sequence[int]) -> "Crop":
        """What x0 y0 x1 y1 holds of a bool [H,W], cut to that."""
        x0, y0, x1, y1 = (int(value) for value in box)
        held = part[y0:y1, x0:x1]
        rows, columns = np.flatnonzero(held.any(axis=1)), np.flatnonzero(held.any(axis=0))
        top, left = y0 + int(rows[0]), x0 + int(columns[0])
        bottom, right = y0 + int(rows[-1]) + 1, x0 + int(columns[-1]) + 1
        return cls((left, top, right, bottom), part[top:bottom, left:right].copy())

    def is_somebody(self) -> bool:
        """Whether it is large enough to be compared, and no sliver along the edge of something."""
        height = len(self.mask)
        return height >= _SMALLEST and self.mask.sum() >= _SLENDEREST * height**2

    def head(self, chin: int = 0) -> "Crop":
        """Its upper part, at least down to the `chin`: of a face that fills the frame that is more than of who is seen
        whole, and hair alone is like anybody's."""
        x0, y0, x1, y1 = self.box
        rows = min(y1 - y0, max(1, round(_HEAD * (y1 - y0)), chin - y0))
        return Crop((x0, y0, x1, y0 + rows), self.mask[:rows])

    def overlap(self, other: "Crop") -> float:
        """Of the boxes, as a share of their union."""
        return float(box_iou(np.array(self.box), np.array(other.box))[0, 0])

    def of(self, frame: np.ndarray, whole_size: tuple[int, int] = SIZE) -> np.ndarray:
        """uint8 [96,48,3], or of another height and width: these pixels of a frame, the longer side filled, all else
        gray."""
        x0, y0, x1, y1 = self.box
        picture = np.where(self.mask[..., None], frame[y0:y1, x0:x1], np.uint8(GRAY))
        scale = min(whole_size[0] / picture.shape[0], whole_size[1] / picture.shape[1])
        size = max(1, round(picture.shape[1] * scale)), max(1, round(picture.shape[0] * scale))
        interpolation = cv2.INTER_AREA if scale < 1 else cv2.INTER_LINEAR
        small = cv2.resize(picture, size, interpolation=interpolation)
        whole = np.full((*whole_size, 3), GRAY, np.uint8)
        top, left = (whole_size[0] - size[1]) // 2, (whole_size[1] - size[0]) // 2
        whole[top : top + size[1], left : left + size[0]] = small
        return whole


def _chin(people: Sequence[Person], t: int, box: tuple[int, int, int, int]) -> int:
    """How far down in frame `t` the lowest face in a box reaches, of those of whom nose, eyes and ears are seen; 0 if
    there is none."""
    lowest = 0.0
    for one in people:
        if not 0 <= t - one.first < len(one.keypoints):
            continue
        face = one.keypoints[t - one.first][:_FACE]
        middle = face[:, :2].mean(axis=0)
        if (face[:, 2] > _SEEN).all() and (middle >= box[:2]).all() and (middle < box[2:]).all():
            lowest = max(lowest, middle[1] + np.linalg.norm(face[3, :2] - face[4, :2]))
    return round(lowest)


def _boxes(people: Sequence[Person], t: int) -> np.ndarray:
    """int [N,4] x0 y0 x1 y1 of whoever has a place in frame `t`."""
    there = [one.boxes[t - one.first] for one in people if 0 <= t - one.first < len(one.boxes)]
    boxes = np.array(there, np.float32).reshape(-1, 4)
    return np.round(boxes[np.isfinite(boxes).all(axis=1)]).astype(int)


def crops(body: np.ndarray, boxes: np.ndarray = _NOBODY) -> list[Crop]:
    """The connected parts of a bool [H,W] mask that are large enough to be somebody.

    A part in which several of `boxes`, int [N,4], hold somebody is several people who touch: what each of these boxes
    holds of it, and what none does. Looked at as one, somebody who is still there would hide among others, and what
    lies between heads would be taken for a head. What is by itself, and lies in somebody's box, is a part of them.
    """
    boxes = boxes.clip(0)
    labels, owners = _joined(cv2.connectedComponents(body.astype(np.uint8))[1], boxes)
    found: list[Crop] = []
    for number in np.unique(labels[labels > 0]):
        part = labels == number
        own = [
            (box, Crop.of_mask(part, box))
            for box, owner in zip(boxes, owners, strict=True)
            if owner == number
        ]
        own = [(box, crop) for box, crop in own if crop.is_somebody()]
        if len(own) < 2:
            whole = Crop.of_mask(part, (0, 0, part.shape[1], part.shape[0]))
            found += [whole] if whole.is_somebody() else []
            continue
        found += [crop for _, crop in own]
        for (x0, y0, x1, y1), _ in own:
            part[y0:y1, x0:x1] = False
        found += crops(part)
    return found


def _joined(labels: np.ndarray, boxes: np.ndarray) -> tuple[np.ndarray, list[int]]:
    """Labels int [H,W] of connected parts, and of each box the label of what it holds most of. A part that is nobody's,
    and lies in somebody's box, has their label: a hand beyond a post, or what a detector boxed beside the body."""
    owners = [_most(labels[y0:y1, x0:x1]) for x0, y0, x1, y1 in boxes]
    areas, joined = np.bincount(labels.ravel()), labels.copy()
    for (x0, y0, x1, y1), owner in zip(boxes, owners, strict=True):
        within = np.bincount(labels[y0:y1, x0:x1].ravel(), minlength=len(areas))
        for number in np.flatnonzero(within >= _WITHIN * np.maximum(areas, 1)):
            if number and owner and number not in owners:
                joined[labels == number] = owner
    return joined, owners


def largest(mask: np.ndarray) -> Crop | None:
    """The largest part of a bool [H,W] mask that is somebody; None if there is none."""
    return max(crops(mask), key=lambda crop: crop.mask.sum(), default=None)


def _most(labels: np.ndarray) -> int:
    """The label that most pixels have, 0 only if all have it."""
    return int(np.bincount(labels[labels > 0]).argmax()) if labels.any() else 0
