"""Who was followed through a video, by number: where they are in it, and a list of people in which they consent."""

from collections.abc import Sequence

import numpy as np
import pyarrow as pa

from schemas import words
from schemas.clip import ClipRef
from schemas.errors import UserError

Sights = dict[int, np.ndarray]  # frame of the video -> box float32 [4] in source pixels


def followed_in(refs: Sequence[ClipRef]) -> dict[int, Sights]:
    """Of each person of a video's clips, as jobs.follow numbers them, the frames in which something of them was found.

    Frames that two clips share count once. Raises UserError unless the clips are of one video that was followed.
    """
    sights: dict[int, Sights] = {}
    for ref in sorted(refs, key=lambda one: one.first_frame):
        if ref.images:
            problem = "is no video: its frames have names, and no numbers"
            raise UserError(ref.uri, problem, "Write its list by name, or by topic and time (docs/inputs.md)")
        if not ref.problem and not ref.followed:
            remedy = "Run python -m jobs.follow with identity.scope: video or rig"
            raise UserError(ref.uri, "was not followed: nobody in it has a number", remedy)
        for someone in ref.people:
            own = sights.setdefault(someone.person, {})
            for frame, box in enumerate(someone.boxes, start=ref.first_frame + someone.first):
                if np.isfinite(box).all():
                    own.setdefault(frame, box)
    return sights


def consent_list(refs: Sequence[ClipRef], person: int, consent: str, by: str) -> pa.Table:
    """The rows of VIDEO.people.parquet by which one of them consents, wherever they were found.

    Raises UserError if there is no such person, or for a reference or a voucher that may not be published.
    """
    sights, (uri, *_) = followed_in(refs), sorted(ref.uri for ref in refs)
    if person not in sights:
        known = ", ".join(map(str, sorted(sights))) or "nobody"
        raise UserError(
            f"{uri}: person {person}", "was not followed there", f"Name one of those who were: {known}"
        )
    for option, said in (("--consent", consent), ("--by", by)):
        if not said or not words.written(said):
            raise UserError(option, "is published, and may not be", "Name no person, no file, no address")
    shown = [ref for ref in refs if not ref.problem]  # what cannot be shown has no size
    frames, shape = max(ref.first_frame + len(ref.pts) for ref in shown), (shown[0].height, shown[0].width)
    rows = []
    for frame, box in sorted(sights[person].items()):
        x0, y0, x1, y1 = (float(side) for side in np.clip(box, 0, [shape[1], shape[0]] * 2))
        if x1 > x0 and y1 > y0:
            where = {"x0": x0, "y0": y0, "x1": x1, "y1": y1}
            rows.append({"frame": frame, "frames": frames, **where, "consent": consent, "by": by})
    return pa.Table.from_pylist(rows)
