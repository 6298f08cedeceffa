"""The policy: what counts as safe to publish. What legal reads. `cluster/policies/*.yaml`."""

from pydantic import Field

from schemas.certificate import Variant
from schemas.config import Settings


class MaskPolicy(Settings):
    """How generously people are masked. Recall before precision: one missed frame defeats everything.

    A track is believed if either model sees it with at least `start_confidence` in `start_frames` frames of the
    clip, and then in every frame in which a detection, however faint, belongs to it (above the profile's
    thresholds). More than 1 frame is for detectors that flicker on scenery: somebody seen for less is not masked.
    Detections are joined over `union_frames` neighbours in both directions, gaps of a track up to
    `gap_frames` are filled, and the whole is grown by `dilate_px` plus `dilate_share` of the person's
    height. `dilate_px` is at least a codec block (8 px).
    """

    start_confidence: float = Field(ge=0, lt=1)
    start_frames: int = Field(ge=1)
    dilate_px: int = Field(ge=8)
    dilate_share: float = Field(ge=0, le=0.5)
    union_frames: int = Field(ge=1)
    gap_frames: int = Field(ge=0)


class Gates(Settings):
    """Thresholds of the gates; a score beyond its threshold quarantines the clip.

    residual_confidence  a person detected in the conditioning outside the mask above this is one left over
    copied_share         share of textured body patches that may coincide with the source
    outside_psnr_db      StructHuman: the output outside the mask must be the source's, at least this well
    empty_spread         levels between the 10th and 90th percentile below which a region counts as empty
    """

    residual_confidence: float = Field(gt=0, lt=1)
    copied_share: float = Field(ge=0, lt=1)
    outside_psnr_db: float = Field(gt=0)
    empty_spread: float = Field(ge=0)


class Failures(Settings):
    """When a run stops: a fault of the set-up should not end as a million records of it.

    failed, quarantined  share of the clips so far that may end so, counted
    after_clips          once so many have ended
    in_shard             share of one shard's clips that may fail; 1 never stops a run
    """

    failed: float = Field(ge=0, le=1)
    quarantined: float = Field(ge=0, le=1)
    after_clips: int = Field(ge=1)
    in_shard: float = Field(ge=0, le=1)


class Policy(Settings):
    """What may leave."""

    name: str
    variant: Variant
    mask: MaskPolicy
    gates: Gates
    failures: Failures
    publish_conditioning: bool
