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
from operators.models.known_answer import beside_nobody, require_sight
from operators.models.witnesses.centerface import FaceDetector
from operators.models.witnesses.witness import Witness
from schemas.policy import Policy
from schemas.profile import Profile


@dataclass
class CueModels:
    """What looks at the footage. `depth` is for StructAll alone."""

    pose: PoseModel
    segment: SegmentModel
    depth: DepthModel | None
    scene: SceneModel
    witness: Detector
    faces: Detector
    limbs: Detector | None
    redact: Redactor

    @classmethod
    def load(cls, profile: Profile, policy: Policy) -> "CueModels":
        """The models that the profile names, where its pool says. Raises UserError if a detector is blind."""
        device, limits = profile.pools.condition.device, policy.gates
        made = cls(
            pose=pose_model(profile.pose, device),
            segment=segment_model(profile.segment, device),
            depth=depth_model(profile.depth, device) if policy.variant == "structall" else None,
            scene=scene_model(profile.caption, device),
            witness=Witness(profile.witness, device),
            faces=FaceDetector(limits.grow_face_confidence),
            limbs=Witness(profile.limbs, device) if profile.limbs else None,
            redact=Redactor(profile, policy),
        )
        require_sight(
            {
                "pose": (made.pose, policy.mask.start_confidence),
                "segment": (made.segment, policy.mask.start_confidence),
                "witness": (beside_nobody(made.witness), limits.residual_confidence),
                "faces": (beside_nobody(made.faces), limits.face_confidence),
            }
        )
        return made
