"""Folders of pictures from released clips: every picture under its name, of its size, stored as the source's was.

Nothing of the source is read here. The frames of released clips, as Audit has read them back, are written picture by
picture; what was not released is left out, or gray, and RECORD says which and why. Nothing else is given back.
"""

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from operators import storage
from operators.formats.ended import Ended, require_released, unreleased
from operators.formats.names import Names
from operators.planning.listing import ending
from operators.video.encode import decode_bytes
from operators.video.still import Still, written
from schemas.clip import GRAY, ClipRef
from schemas.errors import UserError
from schemas.exports import Images

RECORD = "recast.json"


@dataclass(frozen=True)
class ImageExport:
    """All folders of pictures at or below `place`. `refs` are their planned clips; `read` gives the bytes of one."""

    place: str
    rules: Images
    refs: Sequence[ClipRef]
    ended: Mapping[str, Ended]
    read: Callable[[ClipRef], bytes]
    target: str
    names: Names = field(default_factory=lambda: Names(RECORD))  # of all that is given back there
    alone: bool = True  # nothing else is: of these something has to be released

    def write(self) -> dict[str, Any]:
        """Returns what RECORD says: of each folder how many pictures are released, gray and left out, and which."""
        if self.alone:
            require_released(self.refs, self.ended, self.target)
        folders: dict[str, dict[str, Any]] = {}
        for ref in sorted(self.refs, key=lambda ref: (ref.uri, ref.first_frame)):
            name = ref.uri.removeprefix(storage.absolute(self.place)).strip("/") or "."
            if name not in folders:
                self.names.take(name, [f"{name}/{ref.images[0].name}"], "Rename it and plan again")
            said = folders.setdefault(name, {"released": 0, "gray": 0, "left out": 0, "unreleased": []})
            state, problem = self._clip(ref, name)
            images = ref.images[ref.overlap :]
            said[state] += len(images)
            if problem:
                names = [image.name for image in images]
                said["unreleased"].append({"state": state, "reason": problem, "pictures": names})
        record = {"folders": folders}
        storage.write_bytes(self.target, RECORD, json.dumps(record, indent=2, ensure_ascii=False).encode())
        return record

    def _clip(self, ref: ClipRef, folder: str) -> tuple[str, str]:
        """Write a clip's pictures; how they ended, and why they were not released."""
        problem = unreleased(ref, self.ended)
        if not problem:
            frames = decode_bytes(self.read(ref))
            if frames.shape != (ref.frames, ref.height, ref.width, 3):
                raise UserError(f"clip {ref.key}", "does not hold the planned pictures", "Run jobs.verify")
            self._keep(ref, folder, frames)
            return "released", ""
        if self.rules.unreleased == "omit" or not ref.width:
            return "left out", problem
        gray = np.full((1, ref.height, ref.width, 3), GRAY, np.uint8)
        self._keep(ref, folder, np.broadcast_to(gray, (ref.frames, *gray.shape[1:])))
        return "gray", problem

    def _keep(self, ref: ClipRef, folder: str, frames: np.ndarray) -> None:
        still = Still(ref.width, ref.height, ref.rotation, ref.mirrored, ref.gray)
        for image, frame in zip(ref.images[ref.overlap :], frames, strict=True):
            path = image.name if folder == "." else f"{folder}/{image.name}"
            storage.require_below(path)
            storage.write_bytes(self.target, path, written(frame, still, ending(image.name)))
