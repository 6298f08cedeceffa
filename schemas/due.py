"""Which gates a clip must have passed to be released: what the policy says, and nothing that the clip says itself."""

from collections import Counter
from dataclasses import dataclass

from schemas import words
from schemas.certificate import Certificate, Direction, Gate, Step, filled, refused
from schemas.measures import MEASURES, possible
from schemas.policy import Policy

COUNTS = ("people", "regenerated", "filled", "frames_masked", "frames_painted")
_MOST = 1 << 20


@dataclass(frozen=True)
class Due:
    """A gate that must be there, once, with this direction and limit."""

    name: str
    direction: Direction
    threshold: float


def due(policy: Policy, steps: list[Step], marked: bool) -> list[Due]:
    """Every gate of a clip that is released under `policy` after these steps, `marked` as generated or not."""
    limits, human = policy.gates, policy.variant == "structhuman"
    plain, shown = not filled(steps), policy.publish_conditioning
    made, disguised = plain and policy.people == "regenerate", plain and policy.people != "regenerate"
    accepted = any(step.name == "accept" for step in steps)
    table: list[tuple[bool, str, Direction, float]] = [
        (True, "nobody left", "at most", limits.residual_confidence),
        (True, "no face left", "at most", limits.face_confidence),
        (True, "final look", "at most", limits.final_confidence),
        (True, "listed", "at most", 0),
        (True, "mask grown", "at most", policy.mask.growths),
        (marked, "mark", "at most", 0),
        (True, "frames", "at most", 0),
        (True, "timestamps", "at most", 0),
        (True, "size", "at most", 0),
        (True, "container", "at most", 0),
        (bool(policy.redacted()), "text", "at most", limits.text_similarity),
        (True, "copy", "at most", limits.copied_share),
        (True, "blank", "at most", limits.blank_share),
        (shown, "conditioning container", "at most", 0),
        (shown, "conditioning copy", "at most", limits.copied_share),
        (policy.labels != "none", "labels", "at most", 0),
        (True, "content", "at most", 0),
        (True, "black", "at least", limits.black_level),
        (True, "frozen", "at least", limits.frozen_share),
        (made, "body likeness", "at most", limits.body_likeness),
        (made, "head likeness", "at most", limits.head_likeness),
        (disguised, "disguise", "at least", limits.outside_psnr_db),
        (human, "background", "at least", limits.outside_psnr_db),
        (True, "nobody new", "at most", limits.new_person_confidence),
        (True, "no new face", "at most", limits.face_confidence),
        (accepted, "accepted", "at most", 0),
    ]
    return [Due(name, way, float(limit)) for asked, name, way, limit in table if asked]


def other_gates(gates: list[Gate], wanted: list[Due]) -> list[str]:
    """How the gates that were computed are not those that are due, in words; empty if they are, each once."""
    found = Counter(Due(gate.name, gate.direction, gate.threshold) for gate in gates)
    asked = {one.name: one for one in wanted}
    problems = [f"gate {name} is missing" for name in asked if name not in {one.name for one in found}]
    for one, times in found.items():
        if one.name not in asked:
            problems.append(f"gate {one.name} is not due")
        elif one != asked[one.name]:
            limit = asked[one.name]
            problems.append(f"gate {one.name} is not {limit.direction} {limit.threshold:g}")
        elif times > 1:
            problems.append(f"gate {one.name} is there {times} times")
    problems += [f"gate {gate.name} is none" for gate in gates if type(gate) is not Gate]
    problems += [
        f"gate {gate.name} measures something else"
        for gate in gates
        if gate.name in asked and gate.measure != MEASURES[gate.name]
    ]
    problems += [
        f"gate {gate.name} has a score that it cannot have"
        for gate in gates
        if gate.name in asked and not possible(gate.name, gate.score)
    ]
    return problems


def unproved(certificate: Certificate, policy: Policy, size: tuple[int, int], overlap: int) -> list[str]:
    """What a certificate fails to prove of a clip of this `size` (height, width) that was released under `policy`, with
    `overlap` frames of context before it; empty if nothing."""
    problems = other_gates(certificate.gates, due(policy, certificate.steps, certificate.marked))
    problems += miscounted(certificate, overlap)
    if certificate.treatment != policy.people:
        problems.append("people were treated otherwise than the policy says")
    if certificate.labels_published != (policy.labels != "none"):
        problems.append("labels are published otherwise than the policy says")
    if certificate.policy_digest != policy.digest() or certificate.variant != policy.variant:
        problems.append("another policy or variant")
    problems += _unfounded(certificate, policy, size)
    may_waive, digest = policy.reviewers.may_waive, certificate.output_sha256
    if failed := refused(certificate.gates, certificate.steps, digest, may_waive):
        problems.append(f"gate did not pass: {', '.join(failed)}")
    return problems


def _unfounded(certificate: Certificate, policy: Policy, size: tuple[int, int]) -> list[str]:
    """What is wrong with those whom it excepts."""
    problems, excepted = [], certificate.excepted
    if other := sorted({one.consent for one in excepted} - policy.excepted):
        problems.append(f"somebody is excepted by {len(other)} consents that the policy does not accept")
    if any(not 0 <= one.frame < certificate.frames or not one.by for one in excepted):
        problems.append("somebody is excepted in frames that there are not, or by nobody's word")
    if not all(one.is_in(size) for one in excepted):
        problems.append("somebody is excepted where there is no picture")
    if len({(one.frame, one.x0, one.y0, one.x1, one.y1) for one in excepted}) < len(excepted):
        problems.append("somebody is excepted twice")
    if not all(words.written(text) for one in excepted for text in (one.consent, one.by)):
        problems.append("somebody is excepted by what is not to be published")
    return problems


def miscounted(certificate: Certificate, overlap: int) -> list[str]:
    """How it counts what cannot be, of a clip with `overlap` frames of context before it; empty if it can be.

    Who shows in those frames alone has a track and counts, though no released frame is masked.
    """
    counts = [getattr(certificate, name) for name in (*COUNTS, "tracks", "diffusion_calls")]
    anew, tracks, masked = (
        certificate.treatment == "regenerate",
        certificate.tracks,
        certificate.frames_masked,
    )
    made = certificate.regenerated or certificate.diffusion_calls
    table = [
        (
            certificate.people != certificate.regenerated + certificate.filled,
            "other people than those regenerated or filled",
        ),
        (min(counts) < 0 or max(counts) > _MOST, "what cannot be"),
        (max(masked, certificate.frames_painted) > certificate.frames, "more frames than it has"),
        (made and filled(certificate.steps), "what was generated, though all was filled"),
        ((made or tracks) and not anew, "what was generated, though people were treated otherwise"),
        (made and not tracks, "what was generated of nobody and nothing"),
        (anew and masked and not tracks, "masked frames, though there was nobody and nothing"),
        ((certificate.people or tracks) and not masked and not overlap, "whoever shows in no masked frame"),
        (
            certificate.variant == "structall" and not (tracks and masked == certificate.frames),
            "less than the whole scene",
        ),
    ]
    return [f"counts {what}" for wrong, what in table if wrong]
