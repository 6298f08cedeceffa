"""Condition: a clip reference in, identity-free structure out. The last stage that sees people to be replaced.

One decode feeds pose, segmentation and depth; what leaves is gray where people were.
"""

from time import perf_counter

import cv2
import numpy as np
import pyarrow as pa

from operators.conditioning.fuse import fuse_structall, fuse_structhuman
from operators.conditioning.identity import pseudo_identity, scope_of
from operators.conditioning.paint import paint
from operators.conditioning.persona import sample_persona
from operators.conditioning.prompt import caption_from_cues
from operators.conditioning.redact import Redactor
from operators.conditioning.skeleton import draw_skeleton
from operators.conditioning.tube import cut_tube
from operators.gates.people import track_everybody
from operators.models.build import depth_model, pose_model, scene_model, segment_model
from operators.models.centerface import FaceDetector
from operators.models.witness import Witness
from operators.recovery.attempts import Attempts
from operators.recovery.escalation import Ladder, attempt, larger
from operators.recovery.fail_closed import each
from operators.video.decode import decode_clip
from operators.video.encode import encode_lossless, encode_video
from schemas.arrow import from_table, to_table
from schemas.clip import ClipRef, Conditioning, FailedClip, QuarantinedClip, Tube
from schemas.policy import Policy
from schemas.profile import Profile, Size
from schemas.track import Track, union

_PREVIEW_SIDE = 640  # px; the conditioning video is for looking at


class Condition:
    """Decode, pose, masks, depth; track, join over time, dilate; fuse; gate 1: is anyone left?"""

    def __init__(
        self,
        profile: Profile,
        policy: Policy,
        release_key: bytes,
        attempts: Attempts | None = None,
        ladder: Ladder | None = None,
    ) -> None:
        self.profile, self.policy, self.release_key = profile, policy, release_key
        self.ladder = ladder or Ladder()
        self.attempts = attempts or Attempts(profile.clip.max_seconds)
        device = profile.pools.condition.device
        self.pose, self.segment = pose_model(profile.pose, device), segment_model(profile.segment, device)
        self.scene = scene_model(profile.caption, device)
        self.witness = Witness(profile.witness, device)
        self.faces = FaceDetector(policy.gates.face_confidence, profile.witness.image_size)
        if policy.variant == "structall":
            self.depth = depth_model(profile.depth, device)

        self.redact = Redactor(profile, policy)

    def __call__(self, batch: pa.Table) -> pa.Table:
        rows = each("condition", self.condition, from_table(batch, ClipRef), self.attempts, self.ladder)
        return to_table(rows, Conditioning, QuarantinedClip, FailedClip)

    def condition(self, ref: ClipRef) -> Conditioning | FailedClip:
        """One clip. A source that could not be planned ends here, with the plan's reason."""
        if ref.problem:
            return FailedClip(ref, "plan", ref.problem, ref.remedy, {})
        clock, steps = [perf_counter()], self.ladder.steps(ref.clip_id)
        frames = decode_clip(ref)
        clock.append(perf_counter())
        settings = larger(self.policy.mask, steps)
        cues = self.segment(frames), self.pose(frames)
        clock.append(perf_counter())
        painted, things = self.redact(frames, settings, 1 if settings != self.policy.mask else 0)
        paint(frames, painted)
        clock.append(perf_counter())
        people, gates = track_everybody(frames, cues, (self.witness, self.faces), settings, self.policy.gates)
        everything = [*people, *things]
        mask, body, skeletons = (
            union(everything, "mask", frames.shape[:3]),
            union(everything, "body", frames.shape[:3]),
            _draw(people, frames),
        )
        clock.append(perf_counter())
        background = fuse_structhuman(frames, mask, np.zeros_like(frames))
        wanted = everything or self.policy.variant == "structall"
        scene = self.scene(background, float(ref.fps)) if wanted else None
        if self.policy.variant == "structhuman":
            fused = fuse_structhuman(frames, mask, skeletons)
            looks = self._looks(ref, [track.number for track in everything], attempt(steps))
            tubes = [
                cut_tube(
                    track,
                    background,
                    mask,
                    people,
                    self.profile.generator.tube,
                    caption_from_cues([look] if track.number > 0 else [], scene),
                    seed,
                )
                for track, (seed, look) in zip(everything, looks, strict=True)
            ]
            lossless = encode_lossless(background)
        else:
            fused = fuse_structall(self.depth(frames), mask, skeletons)
            tubes = [self._whole_frame(ref, fused, len(people), attempt(steps), scene)]
            lossless = b""
        preview = _preview(ref, fused)
        clock.append(perf_counter())
        stages = ["decode", "detect", "text", "gate 1", "fuse"]
        seconds = {
            stage: after - before for stage, before, after in zip(stages, clock, clock[1:], strict=False)
        }
        return Conditioning(
            ref,
            self.policy.variant,
            lossless,
            preview,
            mask,
            body,
            painted,
            tubes,
            len(people),
            gates,
            steps,
            seconds,
        )

    def _looks(self, ref: ClipRef, numbers: list[int], attempt: int) -> list[tuple[int, str]]:
        """Seed and sampled look of each track number."""
        scope = scope_of(ref, self.policy.identity)
        seeds = [pseudo_identity(self.release_key, scope, number, attempt) for number in numbers]
        return [(seed, sample_persona(seed, self.profile.persona, self.policy.persona)) for seed in seeds]

    def _whole_frame(
        self, ref: ClipRef, fused: np.ndarray, people: int, attempt: int, scene: str | None
    ) -> Tube:
        """StructAll: the frame as one tube at model resolution, standing or lying like the source."""
        frames, height, width = fused.shape[:3]
        size = self.profile.generator.frame
        if height > width:
            size = Size(height=size.width, width=size.height)
        (seed, _), *looks = self._looks(ref, list(range(people + 1)), attempt)
        prompt = caption_from_cues([look for _, look in looks], scene)
        small = [
            cv2.resize(frame, (size.width, size.height), interpolation=cv2.INTER_AREA) for frame in fused
        ]
        boxes = np.tile(np.array([0, 0, width, height], np.int32), (frames, 1))
        everywhere, anew = (
            np.ones((frames, height, width), bool),
            np.ones((frames, size.height, size.width), bool),
        )
        return Tube(0, 0, boxes, np.stack(small), anew, everywhere, prompt, seed)


def _draw(people: list[Track], frames: np.ndarray) -> np.ndarray:
    height, width = frames.shape[1:3]
    present = [
        [track.keypoints[t - track.first] for track in people if 0 <= t - track.first < len(track.keypoints)]
        for t in range(len(frames))
    ]
    return np.stack([draw_skeleton(np.array(points), height, width) for points in present])


def _preview(ref: ClipRef, fused: np.ndarray) -> bytes:
    """The released frames of the conditioning as an mp4, small enough for a page."""
    height, width = fused.shape[1:3]
    scale = min(1.0, _PREVIEW_SIDE / max(height, width))
    size = (max(2, round(width * scale / 2) * 2), max(2, round(height * scale / 2) * 2))
    small = np.stack(
        [cv2.resize(frame, size, interpolation=cv2.INTER_AREA) for frame in fused[ref.overlap :]]
    )
    return encode_video(small, ref.pts[ref.overlap :], ref.time_base, ref.fps, crf=26, preset="veryfast")
