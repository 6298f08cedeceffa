"""Who is in a clip: by ground truth where there is any, else whomever the masks of the run followed."""

import io
import json
from dataclasses import dataclass, replace
from pathlib import PurePosixPath

import numpy as np

from operators import storage
from operators.conditioning.identity import persons
from schemas.clip import ClipRef, Evidence
from schemas.errors import UserError


@dataclass(frozen=True)
class Somebody:
    """masks int [T,H,W] of the released frames: 0 nobody, i the i-th of `people`, each (person, outfit)."""

    masks: np.ndarray
    people: list[tuple[str, str]]


def who(ref: ClipRef, evidence: Evidence, truth: str = "", scope: str = "") -> Somebody:
    """Everybody in the released frames of a clip.

    `truth` is a folder with NAME.masks.npz (`masks` int [T,H,W] of all frames of the source) and, if known, NAME.json
    (`people`: identity_seed and outfit_seed of each) for the source NAME.mp4, as jobs.render_people writes them.
    Without it a person is a track of this clip, or, where jobs.follow has followed people in its `scope`, who they were
    found to be there. Raises UserError if the source has none there, or one of other frames.
    """
    if truth:
        return _true(ref, truth)
    masks = np.zeros(evidence.mask.shape, np.int32)
    for number, person in enumerate(evidence.people, start=1):
        for t, box in enumerate(person.boxes, start=person.first):
            if 0 <= t < len(masks) and np.isfinite(box).all():
                x0, y0, x1, y1 = np.round(np.clip(box, 0, None)).astype(int)
                part = np.s_[t, y0:y1, x0:x1]
                masks[part][evidence.body[part]] = number
    numbers = persons(ref, [replace(one, first=one.first + ref.overlap) for one in evidence.people])
    known = scope if ref.followed else ref.key
    return Somebody(masks, [(f"{known}:{numbers[person.track]}",) * 2 for person in evidence.people])


def _true(ref: ClipRef, truth: str) -> Somebody:
    name = PurePosixPath(ref.uri).stem
    try:
        written = storage.read_bytes(truth, f"{name}.masks.npz")
    except FileNotFoundError:
        raise UserError(truth, f"holds no {name}.masks.npz", "Give the truth of every source") from None
    masks = np.load(io.BytesIO(written))["masks"].astype(np.int32)
    first, stop = ref.first_frame + ref.overlap, ref.first_frame + len(ref.pts)
    if len(masks) < stop or masks.shape[1:] != (ref.height, ref.width):
        raise UserError(f"{truth}/{name}.masks.npz", f"is of {masks.shape}", "Give the truth of these frames")
    people = [(f"{name}:{number}",) * 2 for number in range(1, int(masks.max(initial=0)) + 1)]
    if storage.exists(truth, f"{name}.json"):
        seeds = json.loads(storage.read_bytes(truth, f"{name}.json"))["people"]
        people = [(f"{one['identity_seed']}", f"{one['outfit_seed']}") for one in seeds]
    return Somebody(masks[first:stop], people)
