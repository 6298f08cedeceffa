"""A clip's labels as a file: a table in parquet, or COCO's JSON; written in one way, read back, and checked.

KEY.labels.parquet has a row for each PersonLabel. KEY.labels.json is COCO's, of keypoints and of instances in
one, with `track_id`, `person` and `visibility` beside each annotation; images are the clip's frames, each called by the
name that examples/coco_frames.py writes it under, with its `frame` in the clip's `video` beside.
"""

import io
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import pyarrow.parquet as pq

from operators.release import json_form, parquet_form
from operators.release.rle import unrolled
from schemas.arrow import from_table, to_table
from schemas.person_label import PersonLabel

MEMBERS = {"parquet": "labels.parquet", "coco": "labels.json"}  # of a clip, by the policy's `labels`
_SIDES = ("eye", "ear", "shoulder", "elbow", "wrist", "hip", "knee", "ankle")
JOINTS = ["nose", *(f"{side}_{name}" for name in _SIDES for side in ("left", "right"))]  # COCO's
_BONES = [[16, 14], [14, 12], [17, 15], [15, 13], [12, 13], [6, 12], [7, 13], [6, 7], [6, 8], [7, 9]]
_BONES += [[8, 10], [9, 11], [2, 3], [1, 2], [1, 3], [2, 4], [3, 5], [4, 6], [5, 7]]


def written(
    labels: Sequence[PersonLabel], form: str, key: str, frames: int, height: int, width: int
) -> bytes:
    """The file of a clip of so many frames of this size, by its key; `form` is parquet or coco."""
    if form == "parquet":
        return parquet_form.written(to_table(labels, PersonLabel))
    return json_form.written(_coco(labels, key, frames, height, width))


def read(data: bytes, form: str) -> list[PersonLabel]:
    """The labels of a file. Raises ValueError and the like for what is none."""
    if form == "parquet":
        return list(from_table(pq.read_table(io.BytesIO(data)), PersonLabel))
    return [_label(one) for one in json_form.read(data)["annotations"]]


def is_alone(
    data: bytes, labels: Sequence[PersonLabel], form: str, key: str, frames: int, height: int, width: int
) -> bool:
    """Whether a file holds these labels, and no byte beside them."""
    due = written(labels, form, key, frames, height, width)
    return parquet_form.same(data, due) if form == "parquet" else data == due


def numbered(labels: Sequence[PersonLabel]) -> list[PersonLabel]:
    """The same by frame, people numbered from 1 as they come."""
    numbers: dict[str, int] = {}
    ordered = sorted(labels, key=lambda label: (label.frame, label.box, label.person))
    for label in ordered:
        numbers.setdefault(label.person, len(numbers) + 1)
    made = [replace(label, track=numbers[label.person]) for label in ordered]
    return sorted(made, key=lambda label: (label.frame, label.track))


def faults(
    labels: Sequence[PersonLabel], people: int, frames: int, height: int, width: int, due: bool = False
) -> list[str]:
    """How these are not labels of so many `people` in such a clip, in words; empty if they are.

    Somebody may be hidden in every frame, and has none then; where some are `due`, none at all are a fault.
    """
    found = set[str]()
    order = [(label.frame, label.track) for label in labels]
    if order != sorted(set(order)):
        found.add("labels are out of order, or one person has two in a frame")
    names = {(label.track, label.person) for label in labels}
    if not len(names) == len({track for track, _ in names}) == len({person for _, person in names}):
        found.add("a person has two names in labels")
    if len(names) > people:
        found.add(f"labels name {len(names)} people, and {people} were made anew")
    if due and people and not labels:
        found.add(f"labels name nobody, and {people} were made anew")
    if {(label.track, label.person) for label in numbered(labels)} != names:
        found.add("people are not numbered as they come")
    for label in labels:
        try:
            if not _sound(label, frames, height, width):
                found.add("a label says what no label can")
        except (IndexError, TypeError, ValueError):
            found.add("a label's mask is none of such a frame")
    return sorted(found)


def _sound(label: PersonLabel, frames: int, height: int, width: int) -> bool:
    if not _plain(label):
        return False
    mask = unrolled(label.mask, height, width)
    x0, y0, x1, y1 = label.box
    within = mask[y0:y1, x0:x1]
    points = [label.keypoints[first : first + 3] for first in range(0, 51, 3)]
    return (
        0 <= label.frame < frames
        and len(label.person) == 16
        and set(label.person) <= set("0123456789abcdef")
        and 0 <= x0 < x1 <= width
        and 0 <= y0 < y1 <= height
        and int(within.sum()) == int(mask.sum())
        and bool(within[0].any() and within[-1].any() and within[:, 0].any() and within[:, -1].any())
        and 0 < label.visibility <= 1
        and len(label.keypoints) == 51
        and all(
            0 <= x < width and 0 <= y < height and (v == 2) == bool(mask[int(y), int(x)]) and v in (1, 2)
            if v
            else x == y == 0
            for x, y, v in points
        )
    )


def _plain(label: PersonLabel) -> bool:
    """Whether its numbers are of the types that are written, and no finer than those: True is no 1, and -0.0 no 0.0."""
    whole, parts = [label.frame, label.track, *label.box, *label.mask], [label.visibility, *label.keypoints]
    return (
        all(type(number) is int for number in whole)
        and all(type(number) is float and str(number) == str(round(number, 4) + 0.0) for number in parts)
        and all(number == round(number, 2) for number in label.keypoints)
    )


def _coco(labels: Sequence[PersonLabel], key: str, frames: int, height: int, width: int) -> dict[str, Any]:
    alike = {"video": f"{key}.mp4", "width": width, "height": height}
    images = [
        {"id": number, "file_name": f"{key}/{number:06d}.png", "frame": number, **alike}
        for number in range(frames)
    ]
    person = {"id": 1, "name": "person", "supercategory": "person", "keypoints": JOINTS, "skeleton": _BONES}
    made = [_annotation(number, label, height, width) for number, label in enumerate(labels, 1)]
    info = {"description": "Labels of generated people"}  # pycocotools asks for it
    return {"info": info, "licenses": [], "images": images, "categories": [person], "annotations": made}


def _annotation(number: int, label: PersonLabel, height: int, width: int) -> dict[str, Any]:
    x0, y0, x1, y1 = label.box
    return {
        "id": number,
        "image_id": label.frame,
        "category_id": 1,
        "track_id": label.track,
        "person": label.person,
        "visibility": label.visibility,
        "bbox": [x0, y0, x1 - x0, y1 - y0],
        "area": sum(label.mask[1::2]),
        "iscrowd": 0,
        "segmentation": {"size": [height, width], "counts": label.mask},
        "keypoints": label.keypoints,
        "num_keypoints": sum(v > 0 for v in label.keypoints[2::3]),
    }


def _label(one: dict[str, Any]) -> PersonLabel:
    x, y, wide, high = one["bbox"]
    return PersonLabel(
        frame=one["image_id"],
        track=one["track_id"],
        person=one["person"],
        box=[x, y, x + wide, y + high],
        visibility=one["visibility"],
        keypoints=one["keypoints"],
        mask=one["segmentation"]["counts"],
    )
