"""Refused candidates for a reviewer's eyes: in the restricted folder of the review pages, and nowhere else."""

import hashlib
import logging

from fsspec.implementations.local import LocalFileSystem

from operators.video.decode import filesystem_of
from schemas.clip import CandidateClip

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
            files, root = filesystem_of(self.folder)
            if isinstance(files, LocalFileSystem):
                files.makedirs(root, exist_ok=True)
            files.pipe_file(f"{root}/{clip.ref.key}.condition.mp4", clip.evidence.conditioning_video)
            files.pipe_file(f"{root}/{clip.ref.key}.mp4", clip.video)
        except OSError as error:
            log.error("candidate of clip %d not kept for review: %s", clip.ref.clip_id, type(error).__name__)

    def read(self, key: str, sha256: str) -> tuple[bytes, bytes]:
        """Video and conditioning of a clip; both empty unless the video that lies there has that sha256."""
        files, root = filesystem_of(self.folder)
        files.invalidate_cache()
        try:
            video = files.cat_file(f"{root}/{key}.mp4")
            if hashlib.sha256(video).hexdigest() == sha256:
                return video, files.cat_file(f"{root}/{key}.condition.mp4")
        except FileNotFoundError:
            pass
        return b"", b""
