"""Audit: the only maker of a ReleasedClip. Reads back the bytes that would be published, trusts nothing."""

import hashlib
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import pyarrow as pa

from operators.conditioning.doubles import everybody
from operators.conditioning.paint import paint
from operators.gates.background import background, disguise
from operators.gates.conditioning_video import conditioning_video
from operators.gates.container import container
from operators.gates.degenerate import blank, degenerate, painted_over
from operators.gates.labels import labels_fit
from operators.gates.listed import but_excepted, listed
from operators.gates.people import RATHER, Detector, as_seen, bodies, final_look, nobody_new
from operators.gates.reid import not_recognised
from operators.gates.scenery import scenery
from operators.gates.source_copy import source_copy
from operators.gates.text import TextGate
from operators.models.known_answer import Sight, beside_nobody, reads_writing, sees_people
from operators.models.runtime.threads import use_threads
from operators.models.witnesses.centerface import FaceDetector
from operators.models.witnesses.final_look import FinalLook
from operators.models.witnesses.reid import Likeness
from operators.models.witnesses.witness import Witness
from operators.pages.candidates import Candidates
from operators.recovery.attempts import Attempts
from operators.recovery.escalation import Ladder
from operators.recovery.fail_closed import Rejected, each
from operators.recovery.rungs import in_vain
from operators.release.c2pa_mark import Marker
from operators.release.labels import written as labels_file
from operators.stopwatch import Stopwatch
from operators.video.decode import decode_clip
from operators.video.encode import decode_bytes
from operators.video.shots import shots
from schemas.arrow import from_table, to_table
from schemas.certificate import Certificate, Gate, Step, filled, generated, refused
from schemas.clip import CandidateClip, Evidence, FailedClip, QuarantinedClip, ReleasedClip
from schemas.cues import PersonBoxes
from schemas.due import due, other_gates
from schemas.policy import Policy
from schemas.profile import Profile


@dataclass(frozen=True)
class Provenance:
    """What every certificate of a run says of how it was made: sha256 digests in hex."""

    weights: str
    code: str


@dataclass
class GateModels:
    """What looks at source and result, and whether it still does."""

    text: TextGate
    likeness: Likeness
    witness: Detector
    faces: Detector
    final: Callable[[np.ndarray], list[PersonBoxes]]
    sight: Sight

    @classmethod
    def load(cls, profile: Profile, policy: Policy) -> "GateModels":
        """The models that the profile names, where its pool says. Raises UserError if a detector is blind."""
        device, limits = profile.pools.audit.device, policy.gates
        use_threads(profile.pools.audit.threads)
        least = min(limits.new_person_confidence, limits.residual_confidence)  # and the known answer's
        witness = Witness(profile.witness, device, least)
        faces = FaceDetector(limits.grow_face_confidence, device)
        text, final = TextGate(profile, policy), FinalLook(profile.final, device)
        checks = {
            "witness": sees_people(beside_nobody(witness), limits.residual_confidence),
            "faces": sees_people(beside_nobody(faces), limits.face_confidence),
            "final": sees_people(final, limits.final_confidence),
        }
        return cls(
            text=text,
            likeness=Likeness(profile.likeness.weights, device),
            witness=witness,
            faces=faces,
            final=final,
            sight=Sight(checks | ({"text": reads_writing(text.read)} if text.read else {})),
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
        """Raises Rejected, with all scores, unless every gate passes or is waived. The refused are kept for review.

        Raises Blind if a detector that looked at it no longer sees.
        """
        try:
            return self._audit(clip)
        except Exception:
            self.candidates.write(clip)
            raise
        finally:
            self.models.sight.again()

    def _audit(self, clip: CandidateClip) -> ReleasedClip:
        clock = Stopwatch()
        marked = bool(self.marker) and generated(clip.tracks, clip.evidence.steps)
        clip = self.marker(clip) if self.marker else clip
        digest = hashlib.sha256(clip.video).hexdigest()
        gates = [*clip.evidence.gates, *container(clip, marked)]
        self._require(gates, clip, digest)  # before frames are compared: they must fit
        gates += self._compare(clip, decode_bytes(clip.video), decode_clip(clip.ref))
        gates += _accepted(clip.evidence.steps, digest)
        self._require(gates, clip, digest)
        if problems := other_gates(gates, due(self.policy, clip.evidence.steps, marked)):
            raise Rejected(f"not the gates that are due: {'; '.join(problems)}", gates)
        certificate = self._certify(clip, gates, digest, marked)
        clock.lap("audit")
        seconds, conditioning = clip.evidence.seconds | clock.seconds, self._conditioning(clip)
        policy, labels = self.policy.model_dump_json(), self._labels(clip)
        # The one call that the type checker is told to let pass; see ReleasedClip.
        return ReleasedClip(clip.ref, clip.video, conditioning, certificate, policy, seconds, labels)  # type: ignore[arg-type]

    def _compare(self, clip: CandidateClip, output: np.ndarray, source: np.ndarray) -> list[Gate]:
        """The gates that look at frames: output uint8 [T,H,W,3], and source with the window's overlap before it."""
        evidence, limits, overlap = clip.evidence, self.policy.gates, clip.ref.overlap
        masks = evidence.mask, evidence.body, evidence.renewed, evidence.spared
        if any(mask.shape != output.shape[:3] for mask in masks):
            raise ValueError("masks of other frames than the output's: of some nothing would be asked")
        shown, new = self._conditioning(clip), source[overlap:]
        published = [output, *([decode_bytes(shown)] if shown else [])]
        seen, spared = self.models.final(new), evidence.spared
        body, rather = (bodies(seen, evidence.body | spared, at) for at in (limits.final_confidence, RATHER))
        people = body & ~spared if body.any() else evidence.regenerated  # nobody was found in StructAll
        faces = self.models.faces(new, evidence.mask) if evidence.excepted else []
        gates = [listed(clip.ref, evidence, self.policy, faces)]
        others = but_excepted(seen, evidence.excepted, evidence.mask | spared)
        gates.append(final_look(others, evidence.mask, limits))
        gates += self.models.text(published, source, evidence.painted, overlap)
        nobody = scenery(source, evidence.mask_throughout(overlap, body | rather), shots(source))[overlap:]
        unmasked = body & ~evidence.body & ~spared & ~nobody
        gates.append(source_copy(output, source, (people & ~nobody, unmasked), overlap, limits.copied_share))
        flat, treatment = filled(evidence.steps), self.policy.people
        lost = self._is_lost(evidence)
        gates.append(blank(output, evidence.painted, evidence.regenerated, overlap, limits, lost))
        if self.policy.labels != "none":
            drawn = evidence.variant == "structhuman" and bool(evidence.renewed.any())
            gates.append(labels_fit(clip.labels, clip.regenerated, evidence.regenerated, drawn))
        if shown:
            gates += conditioning_video(shown, new, people, limits.copied_share)
        if treatment == "regenerate" and not flat:
            told = as_seen(evidence.renewed, evidence.people, seen) & ~nobody | unmasked
            gates += not_recognised(self.models.likeness, output, new, told, evidence.people, limits)
        # Whatever asks about people has seen the source as it is; from here on it is what should be there.
        paint(new, evidence.painted, evidence.mask, overlap)
        anew = evidence.renewed if evidence.variant == "structhuman" else evidence.regenerated
        empty = flat or treatment in ("blackout", "inpaint")  # asked for, or as the background is
        gates += degenerate(output, new, evidence.regenerated, anew, limits, empty)
        if treatment != "regenerate" and not flat:
            gates.append(disguise(output, new, evidence.mask, treatment, limits.outside_psnr_db))
        if evidence.variant == "structhuman":
            gates.append(background(output, new, ~evidence.mask, limits.outside_psnr_db))
        known = evidence.mask | spared
        return gates + nobody_new(output, known, (self.models.witness, self.models.faces), limits)

    def _conditioning(self, clip: CandidateClip) -> bytes:
        """The conditioning video, if it is to be published; empty if not."""
        return clip.evidence.conditioning_video if self.policy.publish_conditioning else b""

    def _labels(self, clip: CandidateClip) -> bytes:
        """The file of labels, if they are to be published; empty if not."""
        form, ref = self.policy.labels, clip.ref
        if form == "none":
            return b""
        return labels_file(clip.labels, form, ref.key, ref.frames, ref.height, ref.width)

    def _is_lost(self, evidence: Evidence) -> bool:
        """Whether nothing is to be seen of people, as was asked for."""
        return filled(evidence.steps) or self.policy.people in ("blur", "pixelate", "blackout")

    def _require(self, gates: list[Gate], clip: CandidateClip, digest: str) -> None:
        """Raises Rejected unless every gate passed, or was waived for these bytes by whom the policy allows that."""
        evidence, limits = clip.evidence, self.policy.gates
        if failed := refused(gates, evidence.steps, digest, self.policy.reviewers.may_waive):
            over = painted_over(evidence.painted, evidence.mask.shape, clip.ref.overlap)
            masks = over, evidence.regenerated
            vain = in_vain(failed, evidence.variant, *masks, limits.blank_share, self._is_lost(evidence))
            raise Rejected(f"gate failed: {', '.join(failed)}", gates, vain)

    def _certify(self, clip: CandidateClip, gates: list[Gate], digest: str, marked: bool) -> Certificate:
        evidence, people = clip.evidence, len(everybody(clip.evidence.people))
        return Certificate(
            clip_id=clip.ref.clip_id,
            key=clip.ref.key,
            variant=clip.evidence.variant,
            treatment=clip.evidence.treatment,
            timing=clip.evidence.timing,
            conditioning_published=bool(self._conditioning(clip)),
            labels_published=self.policy.labels != "none",
            frames=clip.ref.frames,
            people=people,
            regenerated=clip.regenerated,
            filled=people - clip.regenerated,
            frames_masked=int(evidence.regenerated.any(axis=(1, 2)).sum()),
            frames_painted=len({t for t in evidence.painted[:, 1].tolist() if t >= clip.ref.overlap}),
            tracks=clip.tracks,
            diffusion_calls=clip.diffusion_calls,
            marked=marked,
            gates=gates,
            steps=clip.evidence.steps,
            output_sha256=digest,
            source_hmac=clip.ref.source_hmac,
            weights_digest=self.provenance.weights,
            profile_digest=self.profile.digest(),
            policy_digest=self.policy.digest(),
            code_version=self.provenance.code,
            seed_commitment=clip.seed_commitment,
            excepted=evidence.excepted,
        )


def _accepted(steps: list[Step], digest: str) -> list[Gate]:
    """If a reviewer accepted a video, it must be this one."""
    accepted = [step.output_sha256 for step in steps if step.name == "accept"]
    if not accepted:
        return []
    other = len(accepted) - accepted.count(digest)
    return [Gate.at_most("accepted", other, 0)]
