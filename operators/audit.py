"""Audit: the only maker of a ReleasedClip. Reads back the bytes that would be published, trusts nothing."""

import hashlib
from dataclasses import dataclass

import numpy as np
import pyarrow as pa

from operators.conditioning.paint import paint
from operators.gates.background import background
from operators.gates.conditioning_video import conditioning_video
from operators.gates.container import container
from operators.gates.degenerate import degenerate, painted_over
from operators.gates.people import Detector, nobody_new
from operators.gates.reid import not_recognised
from operators.gates.scenery import scenery
from operators.gates.source_copy import source_copy
from operators.gates.text import TextGate
from operators.models.centerface import FaceDetector
from operators.models.reid import Likeness
from operators.models.witness import Witness
from operators.pages.candidates import Candidates
from operators.recovery.attempts import Attempts
from operators.recovery.escalation import Ladder, filled, generated
from operators.recovery.fail_closed import Rejected, each
from operators.release.c2pa_mark import Marker
from operators.stopwatch import Stopwatch
from operators.video.decode import decode_clip
from operators.video.encode import decode_bytes
from operators.video.shots import shots
from schemas.arrow import from_table, to_table
from schemas.certificate import Certificate, Gate, Step, refused
from schemas.clip import CandidateClip, FailedClip, QuarantinedClip, ReleasedClip
from schemas.policy import Policy
from schemas.profile import Profile


@dataclass(frozen=True)
class Provenance:
    """What every certificate of a run says of how it was made: sha256 digests in hex."""

    weights: str
    code: str


@dataclass
class GateModels:
    """What looks at source and result."""

    text: TextGate
    likeness: Likeness
    witness: Detector
    faces: Detector

    @classmethod
    def load(cls, profile: Profile, policy: Policy) -> "GateModels":
        """The models that the profile names, where its pool says."""
        device = profile.pools.audit.device
        return cls(
            text=TextGate(profile, policy),
            likeness=Likeness(profile.likeness.weights, device),
            witness=Witness(profile.witness, device),
            faces=FaceDetector(policy.gates.face_confidence),
        )


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
        models: GateModels | None = None,
    ) -> None:
        self.profile, self.policy, self.provenance = profile, policy, provenance
        self.attempts, self.ladder = attempts or Attempts(profile.clip.max_seconds), ladder or Ladder()
        self.candidates, self.marker = candidates or Candidates(), marker
        self.models = models or GateModels.load(profile, policy)

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
        clock = Stopwatch()
        marked = bool(self.marker) and generated(clip.tracks, clip.evidence.steps)
        clip = self.marker(clip) if self.marker else clip
        digest = hashlib.sha256(clip.video).hexdigest()
        gates = [*clip.evidence.gates, *container(clip, marked)]
        self._require(gates, clip.evidence.steps, digest)  # before frames are compared: they must fit
        gates += self._compare(clip, decode_bytes(clip.video), decode_clip(clip.ref))
        gates += _accepted(clip.evidence.steps, digest)
        self._require(gates, clip.evidence.steps, digest)
        certificate = self._certify(clip, gates, digest)
        clock.lap("audit")
        seconds, conditioning = clip.evidence.seconds | clock.seconds, self._conditioning(clip)
        # The one call that the type checker is told to let pass; see ReleasedClip.
        return ReleasedClip(clip.ref, clip.video, conditioning, certificate, seconds)  # type: ignore[arg-type]

    def _compare(self, clip: CandidateClip, output: np.ndarray, source: np.ndarray) -> list[Gate]:
        """The gates that look at frames: output uint8 [T,H,W,3], and source with the window's overlap before it."""
        evidence, limits, overlap = clip.evidence, self.policy.gates, clip.ref.overlap
        shown = self._conditioning(clip)
        published = [output, *([decode_bytes(shown)] if shown else [])]
        people = (
            evidence.body if evidence.body.any() else evidence.regenerated
        )  # nobody was found in StructAll
        gates = self.models.text(published, source, evidence.painted, overlap)
        exposed = people & ~scenery(source[overlap:], evidence.mask, shots(source[overlap:]))
        gates.append(source_copy(output, source, exposed, overlap, limits.copied_share))
        gates.append(painted_over(evidence.painted, evidence.mask.shape, overlap, limits))
        paint(source, evidence.painted)  # from here on it is what should be there
        new = source[overlap:]
        if shown:
            gates += conditioning_video(shown, new, people, limits.copied_share)
        gates += degenerate(output, new, evidence.regenerated, limits, filled(evidence.steps))
        if not filled(evidence.steps):
            gates += not_recognised(self.models.likeness, output, new, evidence.renewed, limits)
        if evidence.variant == "structhuman":
            gates.append(background(output, new, ~evidence.mask, limits.outside_psnr_db))
        return gates + nobody_new(output, evidence.mask, (self.models.witness, self.models.faces), limits)

    def _conditioning(self, clip: CandidateClip) -> bytes:
        """The conditioning video, if it is to be published; empty if not."""
        return clip.evidence.conditioning_video if self.policy.publish_conditioning else b""

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
            variant=clip.evidence.variant,
            timing=clip.evidence.timing,
            conditioning_published=bool(self._conditioning(clip)),
            frames=clip.ref.frames,
            people=len(clip.evidence.people),
            tracks=clip.tracks,
            diffusion_calls=clip.diffusion_calls,
            gates=gates,
            steps=clip.evidence.steps,
            output_sha256=digest,
            source_hmac=clip.ref.source_hmac,
            weights_digest=self.provenance.weights,
            profile_digest=self.profile.digest(),
            policy_digest=self.policy.digest(),
            code_version=self.provenance.code,
            seed_commitment=clip.seed_commitment,
        )


def _accepted(steps: list[Step], digest: str) -> list[Gate]:
    """If a reviewer accepted a video, it must be this one."""
    accepted = [step.output_sha256 for step in steps if step.name == "accept"]
    if not accepted:
        return []
    other = len(accepted) - accepted.count(digest)
    return [Gate.at_most("accepted", "videos that a reviewer accepted, other than this one", other, 0)]
