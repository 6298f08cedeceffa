"""Audit: the only maker of a ReleasedClip. Reads back the bytes that would be published, trusts nothing."""

import hashlib
from collections.abc import Set
from dataclasses import dataclass
from time import perf_counter

import cv2
import numpy as np
import pyarrow as pa

from operators.conditioning.paint import paint, painted_share
from operators.gates.degenerate import spoiled_frames
from operators.gates.new_people import nobody_new
from operators.gates.source_copy import copied_share
from operators.gates.text import TextGate
from operators.models.centerface import FaceDetector
from operators.models.reid import Likeness
from operators.models.witness import Witness
from operators.pages.candidates import Candidates
from operators.recovery.attempts import Attempts
from operators.recovery.escalation import Ladder, filled
from operators.recovery.fail_closed import Rejected, each
from operators.release.c2pa_mark import Marker, faults
from operators.video.decode import decode_clip
from operators.video.encode import ContainerFacts, decode_bytes, inspect_video
from operators.video.mp4_boxes import C2PA
from schemas.arrow import from_table, to_table
from schemas.certificate import Certificate, Gate, Step, refused
from schemas.clip import CandidateClip, FailedClip, QuarantinedClip, ReleasedClip, regenerated
from schemas.policy import Policy
from schemas.profile import Profile


@dataclass(frozen=True)
class Provenance:
    """What every certificate of a run says of how it was made: sha256 digests in hex."""

    weights: str
    code: str


class Audit:
    """Every gate on every clip: one failure, or one gate that cannot be computed, and the clip is quarantined."""

    def __init__(
        self,
        profile: Profile,
        policy: Policy,
        provenance: Provenance,
        attempts: Attempts | None = None,
        ladder: Ladder | None = None,
        candidates: Candidates | None = None,
        marker: Marker | None = None,
    ) -> None:
        self.profile, self.policy, self.provenance = profile, policy, provenance
        self.attempts, self.ladder = attempts or Attempts(profile.clip.max_seconds), ladder or Ladder()
        self.candidates, self.marker = candidates or Candidates(), marker
        self.text = TextGate(profile, policy)
        self.likeness = Likeness(profile.likeness.weights, profile.pools.audit.device)
        self.witness = Witness(profile.witness, profile.pools.audit.device)
        self.faces = FaceDetector(policy.gates.face_confidence, profile.witness.image_size)

    def __call__(self, batch: pa.Table) -> pa.Table:
        rows = from_table(batch, CandidateClip, QuarantinedClip, FailedClip)
        done = each("audit", self.audit, rows, self.attempts, self.ladder)
        return to_table(done, ReleasedClip, QuarantinedClip, FailedClip)

    def audit(self, clip: CandidateClip) -> ReleasedClip:
        """Raises Rejected, with all scores, unless every gate passes or is waived. The refused are kept for review."""
        try:
            return self._audit(clip)
        except Exception:
            self.candidates.write(clip)
            raise

    def _audit(self, clip: CandidateClip) -> ReleasedClip:
        start, marked = perf_counter(), bool(self.marker and clip.diffusion_calls)
        clip = self.marker(clip) if self.marker else clip
        digest = hashlib.sha256(clip.video).hexdigest()
        gates = [*clip.gates, *_container_gates(clip, inspect_video(clip.video), marked)]
        self._require(gates, clip.steps, digest)  # before frames are compared: they must fit
        output, source = decode_bytes(clip.video), decode_clip(clip.ref)
        limits = self.policy.gates
        published = [output, *([decode_bytes(clip.preview)] if self._publishes_conditioning(clip) else [])]
        gates += self.text(published, source, clip.painted, clip.ref.overlap)
        gates += [
            _at_most(
                "copy",
                "share of textured body area equal to the source",
                _copied(clip, output, source),
                limits.copied_share,
            )
        ]
        share = painted_share(clip.painted, clip.mask.shape, clip.ref.overlap)
        gates.append(
            _at_most("painted", "largest share of a frame painted over", share, limits.painted_share)
        )
        paint(source, clip.painted)  # from here on it is what should be there
        new = source[clip.ref.overlap :]
        if self._publishes_conditioning(clip):
            gates += _conditioning_gates(clip, new, limits.copied_share)
        gates += spoiled_frames(output, new, regenerated(clip), limits, filled(clip.steps))
        if not filled(clip.steps):
            gates += self.likeness.gates(output, new, clip.body, limits)
        if clip.variant == "structhuman":
            score = _psnr(output, new, ~clip.mask)
            gates.append(
                Gate(
                    "background",
                    "luma PSNR outside the mask, dB",
                    score,
                    limits.outside_psnr_db,
                    score >= limits.outside_psnr_db,
                )
            )
        gates += nobody_new(output, clip.mask, (self.witness, self.faces), limits)
        if accepted := [step.output_sha256 for step in clip.steps if step.name == "accept"]:
            other = len(accepted) - accepted.count(digest)
            gates.append(
                _at_most("accepted", "videos that a reviewer accepted, other than this one", other, 0)
            )
        self._require(gates, clip.steps, digest)
        certificate = self._certify(clip, gates, digest)
        seconds = clip.seconds | {"audit": perf_counter() - start}
        # The one call that the type checker is told to let pass; see ReleasedClip.
        return ReleasedClip(clip.ref, clip.video, clip.preview, certificate, seconds)  # type: ignore[arg-type]

    def _publishes_conditioning(self, clip: CandidateClip) -> bool:
        return bool(clip.preview) and self.policy.publish_conditioning

    def _require(self, gates: list[Gate], steps: list[Step], digest: str) -> None:
        """Raises Rejected unless every gate passed, or was waived by a reviewer for these bytes as the policy allows.

        NaN compares false, so a score that could not be computed has not passed.
        """
        waivable = set(self.policy.reviewers.may_waive)
        failed = refused(gates, [step for step in steps if set(step.waives) <= waivable], digest)
        if failed or not gates:
            raise Rejected(f"gate failed: {', '.join(failed)}", gates)

    def _certify(self, clip: CandidateClip, gates: list[Gate], digest: str) -> Certificate:
        return Certificate(
            clip_id=clip.ref.clip_id,
            key=clip.ref.key,
            variant=clip.variant,
            frames=clip.ref.frames,
            people=clip.people,
            tracks=clip.tracks,
            diffusion_calls=clip.diffusion_calls,
            gates=gates,
            steps=clip.steps,
            output_sha256=digest,
            source_digest=clip.ref.source_digest,
            weights_digest=self.provenance.weights,
            profile_digest=self.profile.digest(),
            policy_digest=self.policy.digest(),
            code_version=self.provenance.code,
            seed_commitment=clip.seed_commitment,
        )


def _at_most(name: str, measure: str, score: float, threshold: float) -> Gate:
    return Gate(name, measure, score, threshold, score <= threshold)


def _container_gates(clip: CandidateClip, facts: ContainerFacts, marked: bool) -> list[Gate]:
    """Accounting and container, from the written bytes; that they are marked as generated, if they are to be."""
    ref = clip.ref
    wanted, origin = ref.pts[ref.overlap :], ref.pts[ref.overlap]
    late = [
        abs((pts - facts.pts[0]) * facts.time_base - (want - origin) * ref.time_base)
        for pts, want in zip(facts.pts, wanted, strict=False)
    ]
    other = abs(facts.width - ref.width) + abs(facts.height - ref.height)
    wrong = faults(clip.video, clip.variant) if marked else []
    return [
        *([_at_most("mark", "faults of the C2PA manifest", len(wrong), 0)] if marked else []),
        _at_most("frames", "frames more or fewer than the source's", abs(len(facts.pts) - len(wanted)), 0),
        _at_most("timestamps", "largest deviation from the source, s", float(max(late, default=np.nan)), 0),
        _at_most("size", "pixels wider or higher than the source", other, 0),
        _at_most(
            "container",
            "streams other than one video, tags, boxes",
            _foreign(facts, {C2PA} if marked else set()),
            0,
        ),
    ]


def _foreign(facts: ContainerFacts, allowed: Set[str] = frozenset()) -> int:
    """Streams other than one video, tags, and boxes that are not `allowed`."""
    boxes = set(facts.boxes) - allowed
    return len(facts.streams) - (facts.streams == ["video"]) + len(facts.tags) + len(boxes)


def _copied(clip: CandidateClip, output: np.ndarray, source: np.ndarray) -> float:
    """Copied share of the bodies; of everything regenerated where no body was found (StructAll)."""
    return copied_share(output, source, _people(clip), clip.ref.overlap)


def _people(clip: CandidateClip) -> np.ndarray:
    return clip.body if clip.body.any() else regenerated(clip)


def _conditioning_gates(clip: CandidateClip, source: np.ndarray, most: float) -> list[Gate]:
    """The conditioning video is published too: one stream without tags, and nobody in it."""
    facts, frames = inspect_video(clip.preview), decode_bytes(clip.preview)
    size = facts.width, facts.height
    small = np.stack([cv2.resize(frame, size, interpolation=cv2.INTER_AREA) for frame in source])
    people = np.stack(
        [cv2.resize(mask.astype(np.uint8), size, interpolation=cv2.INTER_NEAREST) for mask in _people(clip)]
    )
    share = copied_share(frames, small, people > 0, 0)
    return [
        _at_most("conditioning container", "streams other than one video, tags, boxes", _foreign(facts), 0),
        _at_most("conditioning copy", "share of textured body area equal to the source", share, most),
    ]


def _psnr(output: np.ndarray, source: np.ndarray, region: np.ndarray) -> float:
    """Of luma, dB, over the pixels `region` bool [T,H,W] of uint8 [T,H,W,3]: H.264 halves the resolution of colour,
    which is no fault. Frame by frame: as floating point numbers a clip would take gigabytes."""
    if not region.any():
        return 99.0
    weights, error = np.array([0.299, 0.587, 0.114], np.float32), 0.0
    for after, before, where in zip(output, source, region, strict=True):
        difference = (after.astype(np.float32) - before) @ weights
        error += float(np.square(difference[where]).sum(dtype=np.float64))
    return min(99.0, 10 * float(np.log10(255**2 / max(error / region.sum(), 1e-6))))
