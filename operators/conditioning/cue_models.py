"""What looks at the footage: everything that Condition asks about it, loaded together."""

from dataclasses import dataclass

from operators.conditioning.redact import Redactor
from operators.gates.people import Detector
from operators.models.build import (
    DepthModel,
    PoseModel,
    SceneModel,
    SegmentModel,
    depth_model,
    pose_model,
    scene_model,
    segment_model,
)
from operators.models.known_answer import Sight, beside_nobody, reads_writing, sees_people
from operators.models.people.with_hands import WithHands
from operators.models.runtime.threads import use_threads
from operators.models.witnesses.centerface import FaceDetector
from operators.models.witnesses.witness import Witness
from schemas.policy import Policy
from schemas.profile import Profile


@dataclass
class CueModels:
    """What looks at the footage, and whether it still does. `depth` is for StructAll alone."""

    pose: PoseModel
    segment: SegmentModel
    depth: DepthModel | None
    scene: SceneModel
    witness: Detector
    faces: Detector
    limbs: Detector | None
    redact: Redactor
    sight: Sight

    @classmethod
    def load(cls, profile: Profile, policy: Policy) -> "CueModels":
        """The models that the profile names, where its pool says. Raises UserError if a detector is blind."""
        device, limits = profile.pools.condition.device, policy.gates
        use_threads(profile.pools.condition.threads)
        pose, segment = pose_model(profile.pose, device), segment_model(profile.segment, device)
        pose = WithHands(pose, profile.hands.weights, device) if profile.hands else pose
        least = min(limits.grow_confidence, limits.residual_confidence)
        witness = Witness(profile.witness, device, least)
        faces = FaceDetector(limits.grow_face_confidence, device)
        redact = Redactor(profile, policy)
        checks = {
            "pose": sees_people(pose, policy.mask.start_confidence),
            "segment": sees_people(segment, policy.mask.start_confidence),
            "witness": sees_people(beside_nobody(witness), limits.residual_confidence),
            "faces": sees_people(beside_nobody(faces), limits.face_confidence),
        }
        return cls(
            pose=pose,
            segment=segment,
            depth=depth_model(profile.depth, device) if policy.variant == "structall" else None,
            scene=scene_model(profile.caption, device),
            witness=witness,
            faces=faces,
            limbs=Witness(profile.limbs, device) if profile.limbs else None,
            redact=redact,
            sight=Sight(checks | ({"text": reads_writing(redact.read)} if redact.read else {})),
        )
