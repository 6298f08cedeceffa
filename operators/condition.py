"""Condition: a clip reference in, identity-free structure out. The last stage that sees people to be replaced.

One decode feeds pose, segmentation and depth; what leaves is gray where people were.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np
import pyarrow as pa

from operators.actor.actor import actor
from operators.actor.background.plate import plate
from operators.conditioning.carried import carried
from operators.conditioning.cue_models import CueModels
from operators.conditioning.doubles import doubles
from operators.conditioning.fuse import fuse_structall, fuse_structhuman
from operators.conditioning.grow import track_everybody
from operators.conditioning.holes import cover_holes
from operators.conditioning.identity import persons, pseudo_identity, scope_of
from operators.conditioning.limbs import cover_limbs
from operators.conditioning.listed import spare, with_listed
from operators.conditioning.paint import paint
from operators.conditioning.persona import sample_persona
from operators.conditioning.prompt import caption_from_cues
from operators.conditioning.severed import cover_severed
from operators.conditioning.skeleton import draw_tracks
from operators.conditioning.stirred import cover_moving
from operators.conditioning.surely_seen import surely_seen
from operators.conditioning.tube import cut_tube, tube_size, whole_frame
from operators.generation.disguise import disguised
from operators.planning.people import is_listed_as_planned
from operators.recovery.attempts import Attempts
from operators.recovery.escalation import Ladder, larger, tries
from operators.recovery.fail_closed import each
from operators.stopwatch import Stopwatch
from operators.video.decode import DecodeError, decode
from operators.video.encode import conditioning_size, encode_lossless, encode_video
from operators.video.shots import shots
from schemas.actor import Role
from schemas.arrow import from_table, to_table
from schemas.certificate import Gate, Step, Timing, filled
from schemas.clip import ClipRef, Evidence, FailedClip, QuarantinedClip
from schemas.conditioning import Conditioning, Tube
from schemas.listed import Listed
from schemas.policy import MaskPolicy, Policy
from schemas.profile import Profile
from schemas.track import Track, union


@dataclass(frozen=True)
class _Seen:
    """A clip's frames uint8 [T,H,W,3] and their shots, what is painted over, what is to be made anew and its mask, bool
    [T,H,W], and gate 1; where somebody is spared, likewise, and by whose word."""

    frames: np.ndarray
    shots: list[tuple[int, int]]
    painted: np.ndarray
    people: list[Track]
    things: list[Track]
    mask: np.ndarray
    gates: list[Gate]
    spared: np.ndarray
    excepted: list[Listed]


class Condition:
    """Decode, pose, masks, depth; track, join over time, dilate; fuse; gate 1: is anyone left?"""

    def __init__(
        self,
        profile: Profile,
        policy: Policy,
        release_key: bytes,
        attempts: Attempts | None = None,
        ladder: Ladder | None = None,
        models: CueModels | None = None,
    ) -> None:
        self.profile, self.policy, self.release_key = profile, policy, release_key
        self.attempts, self.ladder = attempts or Attempts(profile.clip.max_seconds), ladder or Ladder()
        self.models = models or CueModels.load(profile, policy)

    def __call__(self, batch: pa.Table) -> pa.Table:
        rows = each("condition", self.condition, from_table(batch, ClipRef), self.attempts, self.ladder)
        return to_table(rows, Conditioning, QuarantinedClip, FailedClip)

    def condition(self, ref: ClipRef) -> Conditioning | FailedClip:
        """One clip. A source that could not be planned ends here, with the plan's reason.

        Raises Blind if a detector that looked at it no longer sees.
        """
        if ref.problem:
            return FailedClip(ref, "plan", ref.problem, ref.remedy, {})
        try:
            return self._condition(ref)
        finally:
            self.models.sight.again()

    def _condition(self, ref: ClipRef) -> Conditioning:
        clock, steps = Stopwatch(), self.ladder.steps(ref.clip_id)
        if not is_listed_as_planned(ref):
            raise DecodeError("its list of people has changed since it was planned", "Plan it again")
        frames, ref = decode(ref, self.policy.sources)
        clock.lap("decode")
        seen = self._look(frames, ref.listed, larger(self.policy.mask, steps), clock)
        mask, body = seen.mask, union([*seen.people, *seen.things], "body", seen.frames.shape[:3])
        background = fuse_structhuman(seen.frames, mask, np.zeros_like(seen.frames))
        fuse = self._structhuman if self.policy.variant == "structhuman" else self._structall
        fused, tubes = fuse(ref, seen, mask, background, steps)
        roles = self._roles(ref, seen.people, mask.shape[1:], steps) if self._drawn else {}
        tubed = {tube.track for tube in tubes}  # 0 is the whole frame
        renewed = [track for track in seen.people if {0, track.number} & tubed or track.number in roles]
        shown = self._disguised(ref, seen, mask, background, steps)
        lossless = encode_lossless(shown) if self.policy.variant == "structhuman" else b""
        video = _conditioning_video(ref, fused, self.policy.timing)
        clock.lap("fuse")
        evidence = Evidence(
            variant=self.policy.variant,
            treatment=self.policy.people,
            timing=self.policy.timing,
            conditioning_video=video,
            mask=mask,
            body=body,
            renewed=union(renewed, "body", mask.shape),
            spared=seen.spared & ~mask,
            excepted=seen.excepted,
            painted=seen.painted,
            people=[track.person() for track in seen.people],
            gates=seen.gates,
            steps=steps,
            seconds=clock.seconds,
            labelled=self.policy.labels != "none",
        )
        return Conditioning(ref, evidence, lossless, seen.shots, tubes, list(roles.values()))

    def _disguised(
        self, ref: ClipRef, seen: _Seen, mask: np.ndarray, background: np.ndarray, steps: list[Step]
    ) -> np.ndarray:
        """The background, gray inside the mask; where the policy says so, with disguised people in the released frames.

        Of a blurred or pixelated person something is left: past this point it is all that is.
        """
        if self.policy.people == "regenerate" or filled(steps):
            return background
        shown, released = background.copy(), slice(ref.overlap, None)
        shown[released] = disguised(self.policy.people, seen.frames[released], mask[released])
        return shown

    def _look(
        self, frames: np.ndarray, listed: list[Listed], settings: MaskPolicy, clock: Stopwatch
    ) -> _Seen:
        """Find and follow everybody on untouched frames, then paint over what the policy redacts. Raises Rejected by
        gate 1."""
        models = self.models
        masks, poses = models.segment(frames), models.pose(frames)
        clock.lap("detect")
        detectors = models.witness, models.faces
        scenes, size = shots(frames), frames.shape[1:3]
        consented = [one for one in listed if one.consent in self.policy.excepted]
        others = [one for one in listed if one not in consented]
        masks = with_listed(masks, others, size, settings, scenes)
        faces = models.faces(frames, np.zeros(frames.shape[:3], bool)) if consented else []
        left = spare((masks, poses), consented, size, self.policy, faces)
        # Whoever is left in a single frame may be one who is spared in the others: each sight counts then.
        tracked = settings.model_copy(update={"start_frames": 1}) if left.excepted else settings
        limits = self.policy.gates
        people, gates = track_everybody(frames, left.cues, detectors, tracked, limits, scenes, left.mask)
        people = cover_limbs(frames, people, models.limbs, settings) if models.limbs else people
        people = cover_severed(frames, people, settings)
        people = cover_holes(cover_moving(frames, people, settings, scenes))
        clock.lap("gate 1")
        every = (
            0 if settings == self.policy.mask else 1
        )  # a clip that is tried with a larger mask is read in full
        painted, things = models.redact(frames, settings, every)
        people, painted = carried(people, painted, frames.shape[:3])
        mask = union([*people, *things], "mask", frames.shape[:3])
        paint(frames, painted, mask)
        clock.lap("text")
        return _Seen(frames, scenes, painted, people, things, mask, gates, left.mask, left.excepted)

    def _structhuman(
        self, ref: ClipRef, seen: _Seen, mask: np.ndarray, background: np.ndarray, steps: list[Step]
    ) -> tuple[np.ndarray, list[Tube]]:
        """The frames with skeletons where people were, and a tube for all that a diffusion model makes anew."""
        fused = fuse_structhuman(
            seen.frames,
            mask,
            draw_tracks(seen.people, seen.frames.shape[:3], self.profile.generator.skeleton),
        )
        if self.policy.people != "regenerate":
            return fused, []
        if self.profile.generator.mode == "whole_frame":
            return fused, self._people_in_frame(ref, seen, mask, background, fused, steps)
        tracks = [*([] if self._drawn else seen.people), *seen.things]
        scene = self.models.scene(background, float(ref.fps)) if tracks else None
        tubes = []
        looks = self._looks(ref, tracks, steps)
        for track, (seed, look) in zip(tracks, looks, strict=True):
            prompt = caption_from_cues([look] if track.number > 0 else [], scene)
            generator = self.profile.generator
            size, style = tube_size(track.masks, [generator.tube, *generator.small_tubes]), generator.skeleton
            tubes.append(cut_tube(track, background, mask, seen.people, size, prompt, seed, style))
        return fused, tubes

    def _people_in_frame(
        self,
        ref: ClipRef,
        seen: _Seen,
        mask: np.ndarray,
        background: np.ndarray,
        fused: np.ndarray,
        steps: list[Step],
    ) -> list[Tube]:
        """One tube of the whole frame, of which what the masks hold is kept; none where they hold nothing."""
        if not mask.any():
            return []
        (seed, _), *looks = self._looks(ref, seen.people, steps, whole=True)
        prompt = caption_from_cues([look for _, look in looks], self.models.scene(background, float(ref.fps)))
        return [whole_frame(fused, self.profile.generator.frame, prompt, seed, mask)]

    def _structall(
        self, ref: ClipRef, seen: _Seen, mask: np.ndarray, background: np.ndarray, steps: list[Step]
    ) -> tuple[np.ndarray, list[Tube]]:
        """Depth with skeletons, and the whole frame as one tube."""
        if self.models.depth is None:
            raise ValueError("StructAll needs a depth model")
        scene = self.models.scene(background, float(ref.fps))
        skeletons = draw_tracks(seen.people, seen.frames.shape[:3], self.profile.generator.skeleton)
        # Every value of a depth map depends on the whole frame: the network is shown nobody, but what is behind them.
        depth = self.models.depth(plate(background, mask).frames)
        fused = fuse_structall(depth, mask, skeletons)
        (seed, _), *looks = self._looks(ref, seen.people, steps, whole=True)
        prompt = caption_from_cues([look for _, look in looks], scene)
        return fused, [whole_frame(fused, self.profile.generator.frame, prompt, seed)]

    @property
    def _drawn(self) -> bool:
        """Whether actors are drawn where people were."""
        return self.profile.generator.people == "actor" and self.policy.people == "regenerate"

    def _roles(
        self, ref: ClipRef, people: list[Track], size: tuple[int, int], steps: list[Step]
    ) -> dict[int, Role]:
        """By track, an actor for each person who was surely seen, with joints that can be believed, and who is not
        another's double."""
        twice = doubles([track.person() for track in people])
        roles: dict[int, Role] = {}
        looks = self._looks(ref, people, steps)
        for track, (seed, look) in zip(people, looks, strict=True):
            if track.number not in twice and surely_seen(track):
                boxes = track.boxes_throughout()
                whose, shared = self.policy.identity.body, self._shared(ref, track)
                made = actor(
                    track.keypoints, boxes, size, float(ref.fps), seed, look, body=whose, shared=shared
                )
                roles |= {track.number: Role(made, track.first)} if made else {}
        return roles

    def _shared(self, ref: ClipRef, track: Track) -> tuple[int, int]:
        """How many of the track's first frames the clip before has, too, and of its last the one after, if one is."""
        stop = track.first + len(track.keypoints)
        after = len(ref.pts) - self.profile.clip.overlap
        return max(0, ref.overlap - track.first), max(0, stop - max(after, track.first))

    def _looks(
        self, ref: ClipRef, people: Sequence[Track], steps: list[Step], whole: bool = False
    ) -> list[tuple[int, str]]:
        """Seed and sampled look of each track; if of the `whole` frame, too, before them those of it."""
        scope, again = scope_of(ref, self.policy.identity), tries(steps)
        shown = (
            [track.person() for track in people if track.number > 0] if ref.followed else []
        )  # others are things
        known = persons(ref, shown)
        who = [*([0] if whole else []), *(known.get(track.number, track.number) for track in people)]
        seeds = [pseudo_identity(self.release_key, scope, one, again) for one in who]
        return [(seed, sample_persona(seed, self.profile.persona, self.policy.persona)) for seed in seeds]


def _conditioning_video(ref: ClipRef, fused: np.ndarray, timing: Timing) -> bytes:
    """The released frames of the conditioning as an mp4, small enough for a page."""
    height, width = fused.shape[1:3]
    size = conditioning_size(width, height)
    small = np.stack(
        [cv2.resize(frame, size, interpolation=cv2.INTER_AREA) for frame in fused[ref.overlap :]]
    )
    return encode_video(small, ref.moments(timing), ref.time_base, ref.fps, 26, "veryfast", ref.sample_aspect)
