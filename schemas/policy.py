"""The policy: what counts as safe to publish. What legal reads. `cluster/policies/*.yaml`."""

from typing import Any, Literal, cast, get_args

import numpy as np
from pydantic import Field, field_validator, model_validator

from schemas.certificate import Rung, Timing, Variant
from schemas.config import Settings
from schemas.exports import Bags, Episodes, Images, OtherStreams, Videos
from schemas.measures import MEASURES
from schemas.rules import THINGS, Action, Rule, Topic, Treatment

Labels = Literal["none", "parquet", "coco"]
Body = Literal["actor", "source"]
_NEVER_WAIVED = {
    "listed",
    "frames",
    "timestamps",
    "size",
    "container",
    "disguise",
    "conditioning container",
    "conditioning copy",
    "labels",
    "accepted",
}


class MaskPolicy(Settings):
    """How generously people are masked. Recall before precision: one missed frame defeats everything.

    A track is believed if either model sees it with at least `start_confidence` in `start_frames` frames of the
    clip, and then in every frame in which a detection, however faint, belongs to it (above the profile's
    thresholds). More than 1 frame is for detectors that flicker on scenery: somebody seen for less is not masked.
    Detections are joined over `union_frames` neighbours in both directions, gaps of a track up to
    `gap_frames` are filled, and the whole is grown by `dilate_px` plus `dilate_share` of the person's
    height. `dilate_px` is at least a codec block (8 px). Masks grow over whom the gates' detectors still see, up to
    `growths` times.
    """

    start_confidence: float = Field(ge=0, lt=1)
    start_frames: int = Field(ge=1)
    dilate_px: int = Field(ge=8)
    dilate_share: float = Field(ge=0, le=0.5)
    union_frames: int = Field(ge=1)
    gap_frames: int = Field(ge=0)
    growths: int = Field(ge=0)


class Gates(Settings):
    """Thresholds of the gates; a score beyond its threshold quarantines the clip.

    grow_confidence      the witness this sure of a person in the source whom the masks do not cover: they grow there,
    residual_confidence  and whoever of whom it is still this sure is refused; higher, so that masks do not stop just
                         below the limit that they are judged by
    final_confidence     the same for the final look, over which no mask grows
    new_person_confidence  the witness in the output; higher, as encoding moves what it says
    grow_face_confidence, face_confidence  as the first two, of a face outside the masks;
                         the second also in the output
    copied_share         share of textured body patches that may coincide with the source
    outside_psnr_db      StructHuman: the output outside the mask must be the source's, at least this well, and inside
                         it what a policy asks for that has people blurred, pixelated, blacked out or inpainted
    text_confidence      a redacted string that is read in the source this surely must not be read in the output,
    text_similarity      nor anything more like it than this; 1 is equal, less by 1/n for each of n characters changed
    body_likeness        cosine of the looks of who was there and who is shown, all of the body; 1 is the same person
    head_likeness        and of the head alone
    empty_spread         levels between the 10th and 90th percentile below which a region counts as empty
    black_level          luma that the brightest hundredth of a frame must reach where the source's is twice as bright
    frozen_share         of the source's change between frames that the output must show, inside and outside the mask
    blank_share          of a frame that may be neither the source's nor generated, but blacked out, blurred or a flat
                         fill: beyond it there is little left to learn from
    """

    grow_confidence: float = Field(gt=0, lt=1)
    residual_confidence: float = Field(gt=0, lt=1)
    final_confidence: float = Field(gt=0, lt=1)
    new_person_confidence: float = Field(gt=0, lt=1)
    grow_face_confidence: float = Field(gt=0, lt=1)
    face_confidence: float = Field(gt=0, lt=1)
    copied_share: float = Field(ge=0, lt=1)
    outside_psnr_db: float = Field(gt=0)
    text_confidence: float = Field(gt=0, lt=1)
    text_similarity: float = Field(ge=0, lt=1)
    body_likeness: float = Field(ge=-1, le=1)
    head_likeness: float = Field(ge=-1, le=1)
    empty_spread: float = Field(ge=0)
    black_level: float = Field(ge=0, lt=128)
    frozen_share: float = Field(ge=0, lt=1)
    blank_share: float = Field(gt=0, le=1)

    @model_validator(mode="after")
    def _hysteresis(self) -> "Gates":
        if (
            self.grow_confidence >= self.residual_confidence
            or self.grow_face_confidence >= self.face_confidence
        ):
            raise ValueError("masks must grow by a lower confidence than they are judged by")
        return self


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


class IdentityPolicy(Settings):
    """Whose new look is whose, and whose body it is.

    scope      within which somebody has one look: a clip, a video, a rig (the source's folder), the release. Beyond a
               clip people are followed by jobs.follow, for a video or a rig; in a release the n-th person of every clip
               looks the same
    alike      cosine of the looks of two people who were never seen at once, from which on they are one person
    body       whose lengths of limbs, widths of shoulders and hips an actor has who is drawn: their own, or those of
               who was there, as far as the joints of a clip tell. `source` gives them away: limb lengths and gait
               identify people. Whoever a diffusion model paints follows the source's joints, whatever is said here
    keep_map   none is written, and no policy can ask for one: whoever destroys the plan's release key ends linkage
    """

    scope: Literal["clip", "video", "rig", "release"] = "clip"
    alike: float = Field(default=0.93, gt=0, le=1)
    body: Body = Field(default="actor", exclude_if=lambda body: body == "actor")
    keep_map: Literal[False] = False


class EvidenceBounds(Settings):
    """What a signed evaluation (jobs.evaluate) must show before jobs.verify lets a dataset pass: the upper end of each
    figure's interval over sources is at most so much. Those that are left out are not asked for; any of them asks that
    every released clip that was chosen was measured.

    exposed       share of person-frames in which more than a tenth of somebody is the source's
    exposed_by_eye  share of drawn frames in which somebody saw anything of a person of the source
    rank1         how often somebody shown is found at the first guess among all people of the sources
    parrot_rank1  the same for an attacker who learnt from other people's pairs
    judges        digest of who has to have judged (`judges.digest` in a report's evaluation.json): bounds that nobody
                  who sees anything was asked about keep nothing; anybody, if empty
    """

    exposed: float | None = Field(default=None, ge=0, le=1)
    exposed_by_eye: float | None = Field(default=None, ge=0, le=1)
    rank1: float | None = Field(default=None, ge=0, le=1)
    parrot_rank1: float | None = Field(default=None, ge=0, le=1)
    judges: str = Field(default="", pattern="^(?:[0-9a-f]{64})?$")

    def named(self) -> dict[str, float]:
        """The limit of each figure that is asked for, by its name in an evaluation."""
        names = {
            "exposed": "exposed, all heights", "exposed_by_eye": "exposed by eye", "rank1": "body R-1",
            "parrot_rank1": "parrot R-1",
        }  # fmt: skip
        asked = {names[field]: getattr(self, field) for field in names}
        return {name: limit for name, limit in asked.items() if limit is not None}


class Reviewers(Settings):
    """Who may see the review pages, where originals stand beside results, and what they may decide.

    groups     names of those who are given the restricted prefix; for the reader of the policy and its audit
    may_waive  gates that a named reviewer may overrule for a clip by `accept`; of none, if empty. Those that say
               that the video fits its source, or that are of another video than the one accepted, are never among them
    """

    groups: list[str]
    may_waive: list[str] = Field(default_factory=list)

    @field_validator("may_waive")
    @classmethod
    def _possible(cls, names: list[str]) -> list[str]:
        if unknown := sorted(set(names) - set(MEASURES)):
            known = ", ".join(name for name in MEASURES if name not in _NEVER_WAIVED)
            raise ValueError(f"there is no gate {', '.join(unknown)}; those that can be waived: {known}")
        if never := sorted(_NEVER_WAIVED & set(names)):
            raise ValueError(f"nobody may waive {', '.join(never)}")
        return names


class Sources(Settings):
    """Sources that are not plain: taken as stated, or refused, each clip then a failed one.

    incomplete  of which frames are damaged, or promised by the file's index and not in it; `release` the others
    hdr         in PQ, HLG or BT.2020: mapped into BT.709, see operators/video/tone.py
    interlaced  whose fields were taken at two moments: one picture of each two, by FFmpeg's bwdif
    """

    incomplete: Literal["release", "refuse"] = "release"
    hdr: Literal["tone-map", "refuse"] = "tone-map"
    interlaced: Literal["deinterlace", "refuse"] = "deinterlace"


class Policy(Settings):
    """What may leave.

    `persona` weighs the words of the profile's lists, e.g. `skin: {dark brown skin: 2}`; what it does not name is as
    likely as any other. `escalation` is what is tried, in this order, before a clip that a gate refused is quarantined.
    `publish_conditioning` writes the video of poses (so limb lengths and gait) and depth beside the result. `timing` is
    whose distances lie between frames, of which a clip's first is at 0: the source's, or those of its nominal rate, so
    that a recorder's jitter does not tell it from others. `labels` of the generated people, as they are drawn, lie
    beside each video: a table in parquet, or COCO's JSON.
    """

    name: str
    variant: Variant
    rules: list[Rule]
    identity: IdentityPolicy = IdentityPolicy()
    persona: dict[str, dict[str, float]] = Field(default_factory=dict)
    mask: MaskPolicy
    gates: Gates
    escalation: list[Rung]
    failures: Failures
    reviewers: Reviewers
    publish_conditioning: bool
    timing: Timing = "source"
    sources: Sources = Sources()
    images: Images = Field(default=Images(), exclude_if=lambda images: images == Images())
    videos: Videos = Field(default=Videos(), exclude_if=lambda videos: videos == Videos())
    episodes: Episodes = Field(default=Episodes(), exclude_if=lambda episodes: episodes == Episodes())
    bags: Bags = Field(default=Bags(), exclude_if=lambda bags: bags == Bags())
    other_streams: OtherStreams = Field(
        default=OtherStreams(), exclude_if=lambda others: others == OtherStreams()
    )
    labels: Labels = Field(default="none", exclude_if=lambda labels: labels == "none")
    evidence: EvidenceBounds | None = Field(default=None, exclude_if=lambda bounds: bounds is None)

    @model_validator(mode="after")
    def _complete(self) -> "Policy":
        covered = {rule.what for rule in self.rules if rule.where == "everywhere"}
        if missing := [topic for topic in get_args(Topic) if topic not in covered]:
            raise ValueError(f"rules say nothing about {', '.join(missing)} everywhere")
        return self

    @model_validator(mode="after")
    def _one_treatment(self) -> "Policy":
        said = {rule.do for rule in self.rules if rule.what in ("person", "face")}
        if len(said) > 1:
            raise ValueError("person and face are treated alike, everywhere: a face is part of a person")
        if self.people == "regenerate":
            return self
        if self.labels != "none":
            raise ValueError(f"labels are of generated people: with person: {self.people} there are none")
        if self.variant == "structall":
            raise ValueError(f"structall makes all anew: with person: {self.people} it is structhuman")
        if any(rule.do == "regenerate" for rule in self.rules):
            raise ValueError(
                f"with person: {self.people} nothing is regenerated: blackout, blur, inpaint or keep it"
            )
        if "other seed" in self.escalation:
            raise ValueError(
                f"other seed changes nothing of person: {self.people}; take it out of escalation"
            )
        return self

    @model_validator(mode="after")
    def _excepting(self) -> "Policy":
        if self.excepted and self.variant == "structall":
            raise ValueError("structall makes all anew: nobody can be excepted")
        if self.excepted and self.name == "strict":
            raise ValueError("strict excepts nobody: take except out, or give the policy a name of its own")
        return self

    @model_validator(mode="after")
    def _strictly(self) -> "Policy":
        if self.name == "strict" and (self.labels != "none" or self.publish_conditioning):
            what = "labels" if self.labels != "none" else "conditioning"
            raise ValueError(
                f"strict publishes no {what}, which tell poses: leave it off, or give the policy a name of its own"
            )
        return self

    @model_validator(mode="after")
    def _bodies(self) -> "Policy":
        if self.identity.body == "source" and self.name == "strict":
            raise ValueError(
                "strict shows nobody's proportions: body is actor, or give the policy a name of its own"
            )
        if self.identity.body == "source" and self.people != "regenerate":
            raise ValueError(f"with person: {self.people} nobody is drawn: take identity.body out")
        return self

    @property
    def excepted(self) -> set[str]:
        """The consents by which somebody stays as they are."""
        return {consent for rule in self.rules if rule.what == "person" for consent in rule.excepted}

    @property
    def people(self) -> Treatment:
        """What is done about people."""
        done: Any = next(rule.do for rule in self.rules if rule.what == "person")
        return cast(Treatment, done)

    def action(self, topic: Topic, box: np.ndarray, size: tuple[int, int], line: str = "") -> Action:
        """What is done about this topic in `box` (x0 y0 x1 y1, px) of a frame of `size` (height, width), or about the
        `line` of text that is read there."""
        rule = next(rule for rule in self.rules if rule.what == topic and rule.holds(box, size))
        return rule.do if rule.is_about(line) else "keep"

    def redacted(self) -> list[Rule]:
        """The rules about plates, text and screens that do not keep them."""
        return [rule for rule in self.rules if rule.what in THINGS and rule.do != "keep"]

    def sought(self) -> list[Rule]:
        """Those of them for which the thing has to be found: where all is made anew, only what is painted over."""
        anew = {"regenerate"} if self.variant == "structall" else set()
        return [rule for rule in self.redacted() if rule.do not in anew]
