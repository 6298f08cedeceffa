"""Refused candidates for a reviewer's eyes: in the restricted folder of the review pages, and nowhere else."""

import contextlib
import hashlib
import logging

from operators import storage
from operators.recovery.keyed import Keyed, in_public
from schemas.clip import CandidateClip
from schemas.errors import UserError

log = logging.getLogger("recast")


class Candidates:
    """REVIEW/candidates/KEY.mp4 and KEY.condition.mp4: the last video of a clip that was refused, and its conditioning.

    Without a folder, as without a review, nothing is written.
    """

    def __init__(self, review: str = "") -> None:
        self.folder = f"{review.rstrip('/')}/candidates" if review else ""

    def write(self, clip: CandidateClip) -> None:
        """Keep a refused candidate. That the folder cannot be written costs a look, not the clip its verdict."""
        if not self.folder:
            return
        try:
            storage.write_bytes(
                self.folder, f"{clip.ref.key}.condition.mp4", clip.evidence.conditioning_video
            )
            storage.write_bytes(self.folder, f"{clip.ref.key}.mp4", clip.video)
        except (OSError, UserError) as error:
            log.error("candidate of clip %d not kept for review: %s", clip.ref.clip_id, type(error).__name__)

    def read(self, key: str, refused: str, keyed: Keyed | None = None) -> tuple[bytes, bytes]:
        """Video and conditioning of a clip; both empty unless the video that lies there is called that in public."""
        with contextlib.suppress(FileNotFoundError):
            video = storage.read_bytes(self.folder, f"{key}.mp4")
            if in_public(hashlib.sha256(video).hexdigest(), keyed) == refused:
                return video, storage.read_bytes(self.folder, f"{key}.condition.mp4")
        return b"", b""
