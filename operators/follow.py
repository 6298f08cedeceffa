"""Follow: a clip reference in, who is in the clip out, as far as it takes to know them again in other clips."""

import logging

import numpy as np
import pyarrow as pa

from operators.conditioning.doubles import everybody
from operators.conditioning.identity import scope_of
from operators.conditioning.track import track_shots
from operators.models.build import pose_model, segment_model
from operators.models.runtime.threads import use_threads
from operators.models.witnesses.reid import Likeness, largest
from operators.recovery.attempts import time_limit
from operators.video.decode import decode
from operators.video.shots import shots
from schemas.arrow import from_table, to_table
from schemas.clip import ClipRef
from schemas.followed import Seen, SeenInClip
from schemas.policy import Policy
from schemas.profile import Profile
from schemas.track import Track

_LOOKS = 4  # frames of a track that its looks are taken from

log = logging.getLogger("recast")


class Follow:
    """Decode, pose, masks, tracks: as Condition does it, but for the witnesses. Nothing is published of it.

    A clip that cannot be looked at has nobody in it: whoever is in it will have a look of that clip alone.
    """

    def __init__(self, profile: Profile, policy: Policy) -> None:
        device = profile.pools.condition.device
        use_threads(profile.pools.condition.threads)
        self.profile, self.policy = profile, policy
        self.pose, self.segment = pose_model(profile.pose, device), segment_model(profile.segment, device)
        self.likeness = Likeness(profile.likeness.weights, device)

    def __call__(self, batch: pa.Table) -> pa.Table:
        return to_table([self.follow(ref) for ref in from_table(batch, ClipRef)], SeenInClip)

    def follow(self, ref: ClipRef) -> SeenInClip:
        """Everybody in the clip's window, the frames that it shares with the clip before included."""
        people: list[Seen] = []
        try:
            with time_limit(self.profile.clip.max_seconds):
                people = self._people(ref)
        except Exception as error:
            log.warning("clip %d: nobody is followed in it: %s", ref.clip_id, type(error).__name__)
        scope, source = scope_of(ref, self.policy.identity), ref.key.rpartition("-")[0]
        return SeenInClip(ref.clip_id, scope, source, ref.first_frame, ref.overlap, len(ref.pts), people)

    def _people(self, ref: ClipRef) -> list[Seen]:
        if ref.problem:
            return []
        frames, ref = decode(ref, self.policy.sources)
        cues = self.segment(frames), self.pose(frames)
        tracks = track_shots(frames, *cues, self.policy.mask, shots(frames))
        people = [track.person() for track in tracks]
        once = everybody(people)
        return [
            Seen(person.first, person.boxes, self._looks(frames, track))
            for person, track in zip(people, tracks, strict=True)
            if person.track in once
        ]

    def _looks(self, frames: np.ndarray, track: Track) -> np.ndarray:
        """float32 [D] of length 1: the mean embedding of some frames; [0] if they are nowhere large enough."""
        seen = [(t, body) for t, body in enumerate(track.bodies.frames, track.first) if body.area]
        chosen = np.linspace(0, len(seen) - 1, min(_LOOKS, len(seen))).round().astype(int)
        crops = [(t, largest(body.within(0, 0, *frames.shape[1:3]))) for t, body in (seen[n] for n in chosen)]
        pictures = [crop.of(frames[t]) for t, crop in crops if crop is not None]
        if not pictures:
            return np.zeros(0, np.float32)
        mean = self.likeness.embed(pictures).mean(axis=0)
        return np.asarray(mean / max(float(np.linalg.norm(mean)), 1e-6), np.float32)
