"""People listed beside a video: masked whoever sees them, or spared by a consent; and nobody else with them."""

import math
from dataclasses import asdict, replace
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from operators.conditioning.listed import spare
from operators.gates.source_copy import luma
from operators.planning.people import PEOPLE
from operators.planning.probe import named, probe_source
from operators.video.encode import decode_bytes
from schemas.arrow import from_table, to_table
from schemas.certificate import Gate
from schemas.clip import CandidateClip, ClipRef, FailedClip, QuarantinedClip, ReleasedClip
from schemas.cues import InstanceMasks, Patch, PersonBoxes, PoseDetections
from schemas.due import unproved
from schemas.listed import Listed
from schemas.policy import Policy
from tests import bag_sets
from tests.operators.clips import with_evidence
from tests.operators.stages import BODY, FRAMES, OUTCOMES, Cues, Stages, policy_of, source_frames

CONSENT, BY = "C-17", "ethics board"
BOX = (50.0, 20.0, 74.0, 76.0)
OPERATOR = [Listed(t, *BOX, CONSENT, BY) for t in range(FRAMES)]
ELSEWHERE = (90.0, 30.0, 110.0, 80.0)


def accepting(consent: str = CONSENT, variant: str = "structhuman") -> Policy:
    """The policy for driving, with an exception."""
    settings = policy_of(variant).model_dump()
    settings["rules"][0]["except"] = [consent]
    return Policy.model_validate(settings)


def beside(ref: ClipRef) -> None:
    """The list that a clip was planned by, beside its video."""
    rows = [asdict(one) | {"frame": one.frame + ref.first_frame, "frames": 10**3} for one in ref.listed]
    pq.write_table(pa.Table.from_pylist(rows), ref.uri + PEOPLE)


def staged(folder: Path, listed: list[Listed], policy: Policy | None = None, cues: Any = None) -> Stages:
    stages = Stages(folder, "structhuman")
    stages.ref = replace(stages.ref, listed=listed)
    if listed:
        beside(stages.ref)
    policy = policy or accepting()
    stages.policy = stages.condition.policy = stages.audit.policy = policy
    if cues:
        stages.condition.models.segment = cues.segment
        stages.condition.models.pose = cues.pose
    return stages


def is_source(clip: Any, where: np.ndarray) -> list[bool]:
    """Of each frame, whether it shows the source there."""
    shown = zip(decode_bytes(clip.video), source_frames(), strict=True)
    return [bool(np.abs(luma(one) - luma(other))[where].mean() < 12) for one, other in shown]


def refused_by(outcome: Any) -> set[str]:
    assert isinstance(outcome, QuarantinedClip)
    return {gate.name for gate in outcome.gates if not gate.passed}


class Two(Cues):
    """The person, and in frame 4 somebody else in a box of their own."""

    def __init__(self, box: tuple[float, ...], score: float = 1.0) -> None:
        self.box, self.score = np.array(box, np.float32), np.float32(score)

    def segment(self, frames: np.ndarray) -> list[InstanceMasks]:
        found = super().segment(frames)
        one = found[4]
        found[4] = InstanceMasks(
            np.concatenate([one.boxes, self.box[None]]),
            np.append(one.scores, self.score),
            [*one.masks, Patch.of_box(self.box, BODY.shape)],
        )
        return found


class Only(Cues):
    """Somebody in another box, and not the person."""

    def __init__(self, *box: float) -> None:
        self.box = np.array(box, np.float32)

    def segment(self, frames: np.ndarray) -> list[InstanceMasks]:
        patch = Patch.of_box(self.box, BODY.shape)
        return [InstanceMasks(self.box[None], np.ones(1, np.float32), [patch]) for _ in frames]


def test_who_is_excepted_stays_and_the_certificate_says_so(tmp_path: Path) -> None:
    outcome = staged(tmp_path, OPERATOR).run()
    assert isinstance(outcome, ReleasedClip), outcome
    assert all(is_source(outcome, BODY))
    assert outcome.certificate.excepted == OPERATOR
    assert (outcome.certificate.people, outcome.certificate.frames_masked) == (0, 0)


@pytest.mark.parametrize("policy", [policy_of("structhuman"), accepting("C-18")], ids=["none", "another"])
def test_a_consent_that_the_policy_does_not_accept_is_somebody_to_be_masked(
    policy: Policy, tmp_path: Path
) -> None:
    outcome = staged(tmp_path, OPERATOR, policy).run()
    assert isinstance(outcome, ReleasedClip)
    assert not any(is_source(outcome, BODY))
    assert outcome.certificate.excepted == [] and outcome.certificate.people == 1


def test_a_frame_that_is_not_listed_is_not_spared(tmp_path: Path) -> None:
    outcome = staged(tmp_path, [one for one in OPERATOR if one.frame != 4]).run()
    assert isinstance(outcome, ReleasedClip)
    kept = is_source(outcome, BODY)
    assert not kept[4] and kept[0] and kept[-1]
    assert [one.frame for one in outcome.certificate.excepted] == [0, 1, 2, 3, 5, 6, 7, 8]


@pytest.mark.parametrize(
    "other",
    [(50, 20, 74, 76), (52, 24, 76, 78), (56, 30, 70, 70), (40, 20, 62, 76), (48, 10, 60, 40)],
    ids=["in the same place", "close behind", "within", "beside", "a head"],
)
def test_where_somebody_else_has_a_share_in_the_region_nobody_is_spared(
    other: tuple[float, ...], tmp_path: Path
) -> None:
    """In one frame of the clip: in all others, too, everybody is masked."""
    outcome = staged(tmp_path, OPERATOR, cues=Two(other)).run()
    assert isinstance(outcome, ReleasedClip)
    assert not any(is_source(outcome, BODY))
    assert outcome.certificate.excepted == []


class Faces:
    """Faces in some frames, outside what is covered."""

    def __init__(self, *boxes: tuple[float, ...], frames: tuple[int, ...] = (4,), score: float = 0.9) -> None:
        self.boxes, self.frames, self.score = np.array(boxes, np.float32), frames, score

    def __call__(self, frames: np.ndarray, covered: np.ndarray) -> list[InstanceMasks]:
        found = []
        for t, hidden in enumerate(covered):
            middles = ((self.boxes[:, :2] + self.boxes[:, 2:]) / 2).astype(int)
            found.append(self.boxes[~hidden[middles[:, 1], middles[:, 0]] & (t in self.frames)])
        return [
            InstanceMasks(
                np.array(left, np.float32).reshape(-1, 4),
                np.full(len(left), self.score, np.float32),
                [Patch.of_box(box, BODY.shape) for box in left],
            )
            for left in found
        ]


OWN_FACE, OTHERS = (58.0, 24.0, 66.0, 34.0), (66.0, 34.0, 73.0, 43.0)


@pytest.mark.parametrize("frames", [(4,), tuple(range(FRAMES))], ids=["one frame", "all"])
def test_where_somebody_looks_out_from_behind_the_excepted_nobody_is_spared(
    frames: tuple[int, ...], tmp_path: Path
) -> None:
    """Of their body too little is seen to be somebody's; a second face in the box tells, in any frame."""
    stages = staged(tmp_path, OPERATOR)
    stages.condition.models.faces = Faces(OWN_FACE, OTHERS, frames=frames)
    outcome = stages.run()
    assert isinstance(outcome, ReleasedClip), outcome
    assert not any(is_source(outcome, BODY)) and outcome.certificate.excepted == []


def test_one_face_that_is_seen_twice_and_one_elsewhere_lapse_nothing(tmp_path: Path) -> None:
    stages = staged(tmp_path, OPERATOR)
    twice = (57.0, 25.0, 66.0, 34.0)
    stages.condition.models.faces = stages.audit.models.faces = Faces(OWN_FACE, twice)
    outcome = stages.run()
    assert isinstance(outcome, ReleasedClip), outcome
    assert outcome.certificate.excepted == OPERATOR


def test_the_audit_refuses_a_second_face_in_the_excepted_box(tmp_path: Path) -> None:
    stages = staged(tmp_path, OPERATOR)
    stages.audit.models.faces = Faces(OWN_FACE, OTHERS)
    assert "listed" in refused_by(stages.run())


def test_somebody_elsewhere_is_masked_and_who_is_excepted_stays(tmp_path: Path) -> None:
    outcome = staged(tmp_path, OPERATOR, cues=Two(ELSEWHERE)).run()
    assert isinstance(outcome, ReleasedClip)
    there = np.zeros_like(BODY)
    there[34:76, 94:106] = True
    assert all(is_source(outcome, BODY)) and not is_source(outcome, there)[4]
    assert outcome.certificate.people == 1 and outcome.certificate.excepted == OPERATOR


def test_a_stranger_who_walks_through_a_large_region_is_masked(tmp_path: Path) -> None:
    """A region is of one person, tightly: of who does not fill it nobody says that it is they."""
    room = [Listed(t, 10, 5, 120, 90, CONSENT, BY) for t in range(FRAMES)]
    outcome = staged(tmp_path, room).run()
    assert isinstance(outcome, ReleasedClip)
    assert not any(is_source(outcome, BODY)) and outcome.certificate.excepted == []


def test_whom_only_the_witness_sees_in_the_region_is_masked(tmp_path: Path) -> None:
    """Hands are listed and seen; the body behind them is found by the other detector, which is shown the rest."""
    hands = (50.0, 56.0, 74.0, 76.0)
    stages = staged(tmp_path, [Listed(t, *hands, CONSENT, BY) for t in range(FRAMES)], cues=Only(*hands))

    def witness(frames: np.ndarray, hidden: np.ndarray) -> list[InstanceMasks]:
        found = []
        for one in hidden:
            left = Patch.of(BODY & ~one & (np.arange(len(BODY)) < 54)[:, None])
            some = [left] if left.area > 40 else []
            boxes = np.array([patch.box for patch in some], np.float32).reshape(-1, 4)
            found.append(InstanceMasks(boxes, np.full(len(some), 0.9, np.float32), some))
        return found

    stages.condition.models.witness = witness
    outcome = stages.run()
    assert isinstance(outcome, ReleasedClip), outcome
    body, low = BODY.copy(), BODY.copy()
    body[40:] = False
    low[:72] = False
    assert not any(is_source(outcome, body)) and outcome.certificate.people == 1


@pytest.mark.parametrize("box", [(50, 20, 74, 76), (46, 14, 76, 80), (80, 20, 100, 76), (58, 30, 98, 60)])
def test_a_second_sight_in_the_final_look_refuses_the_clip(box: tuple[float, ...], tmp_path: Path) -> None:
    """Also one that is no other box than the one that is excepted: of two, one is somebody else."""
    stages = staged(tmp_path, OPERATOR)
    boxes = np.array([BOX, box], np.float32)
    seen = [PersonBoxes(boxes, np.array([0.9, 0.95], np.float32)) for _ in range(FRAMES)]
    stages.audit.models.final = lambda frames: seen
    assert "final look" in refused_by(stages.run())
    stages.audit.models.final = lambda frames: [
        PersonBoxes(boxes[:1], np.ones(1, np.float32)) for _ in frames
    ]
    assert isinstance(stages.run("audit"), ReleasedClip)
    legs = np.array([BOX, (50, 48, 74, 76)], np.float32)
    stages.audit.models.final = lambda frames: [
        PersonBoxes(legs, np.full(2, 0.9, np.float32)) for _ in frames
    ]
    assert isinstance(stages.run("audit"), ReleasedClip), "a part of who is spared is nobody else"


def test_who_appears_in_the_output_beside_the_excepted_is_refused(tmp_path: Path) -> None:
    stages = staged(tmp_path, OPERATOR)
    shown: list[np.ndarray] = []

    def witness(frames: np.ndarray, hidden: np.ndarray) -> list[InstanceMasks]:
        shown.append(hidden)
        box = np.array([ELSEWHERE], np.float32)
        return [
            InstanceMasks(box, np.ones(1, np.float32), [Patch.of_box(box[0], BODY.shape)]) for _ in frames
        ]

    stages.audit.models.witness = witness
    assert refused_by(stages.run()) == {"nobody new"}
    assert shown[0][0][BODY].all(), "nor is who stays there taken for somebody new"
    assert shown[0].mean() < 3 * BODY.mean()


def forged(stages: Stages, **changes: Any) -> Any:
    """What the audit says of a candidate whose evidence has been changed."""
    (candidate,) = from_table(stages.before_audit, CandidateClip, *OUTCOMES[1:])
    table = to_table([with_evidence(candidate, **changes)], CandidateClip, *OUTCOMES[1:])
    (outcome,) = from_table(stages.audit(table), *OUTCOMES)
    return outcome


def test_the_audit_believes_no_exception_that_list_and_policy_do_not_make(tmp_path: Path) -> None:
    stages = staged(tmp_path, OPERATOR)
    everything = np.ones((FRAMES, *BODY.shape), bool)
    other = [replace(OPERATOR[0], consent="C-18")]
    assert "listed" in refused_by(forged(stages, spared=everything))
    assert "listed" in refused_by(forged(stages, excepted=[]))
    assert "listed" in refused_by(forged(stages, excepted=[*OPERATOR, *other]))
    assert "listed" in refused_by(forged(stages, excepted=[*OPERATOR, Listed(0, 0, 0, 9, 9, CONSENT, BY)]))
    assert isinstance(forged(stages), ReleasedClip)
    stages.audit.policy = policy_of("structhuman")
    assert "listed" in refused_by(forged(stages))


def test_a_box_that_no_detector_fills_is_masked(tmp_path: Path) -> None:
    there = np.zeros_like(BODY)
    there[34:76, 94:106] = True
    outcome = staged(tmp_path, [Listed(4, *ELSEWHERE)], policy_of("structhuman")).run()
    assert isinstance(outcome, ReleasedClip)
    assert not is_source(outcome, there)[4] and not any(is_source(outcome, BODY)), "ours are masked, too"


@pytest.mark.parametrize(("kind", "people"), [("folder", OPERATOR), ("recording", [Listed(4, *ELSEWHERE)])])
def test_pictures_of_folders_and_recordings_have_lists_as_well(
    kind: str, people: list[Listed], tmp_path: Path
) -> None:
    """Somebody whom nobody sees is masked, and who consented stays."""
    stages, source = staged(tmp_path, []), tmp_path / ("cam" if kind == "folder" else "a.mcap")
    stored = [bag_sets.stored(frame, "PNG") for frame in source_frames()]
    if kind == "folder":
        source.mkdir()
        for t, data in enumerate(stored):
            (source / f"{t}.png").write_bytes(data)
        names = [{"name": f"{t}.png"} for t in range(FRAMES)]
    else:
        bag = bag_sets.Bag(source)
        bag.pictures("/front", "foxglove.CompressedImage", "protobuf", stored, "png")
        bag.end()
        names = [{"topic": "/front", "log_time": moment} for moment in bag_sets.moments(FRAMES)]
    rows = [asdict(one) | names[one.frame] | {"frames": FRAMES} for one in people]
    pq.write_table(pa.Table.from_pylist(rows).drop_columns("frame"), f"{source}{PEOPLE}")
    rate = Fraction(10) if kind == "folder" else None
    (ref,) = probe_source(str(source), "k", stages.profile.clip, (), rate, people=True)
    stages.ref = named(ref, b"key")
    outcome = stages.run()
    there = np.zeros_like(BODY)
    there[34:76, 94:106] = True
    assert isinstance(outcome, ReleasedClip), outcome
    stays = people == OPERATOR
    assert all(is_source(outcome, BODY)) == stays and is_source(outcome, there)[4] == stays
    assert outcome.certificate.excepted == (OPERATOR if stays else [])


def test_a_listed_person_who_is_not_masked_is_refused(tmp_path: Path) -> None:
    stages = staged(tmp_path, [Listed(4, *ELSEWHERE)])
    (candidate,) = from_table(stages.before_audit, CandidateClip, *OUTCOMES[1:])
    mask = candidate.evidence.mask.copy()
    mask[4, 50, 100] = False
    outcome = forged(stages, mask=mask)
    assert {gate.name: gate.score for gate in outcome.gates}["listed"] == 1
    assert "listed" in refused_by(outcome)


def test_a_certificate_proves_no_exception_that_the_policy_does_not_make(tmp_path: Path) -> None:
    outcome = staged(tmp_path, OPERATOR).run()
    good, policy = outcome.certificate, accepting()
    assert unproved(good, policy, BODY.shape, 0) == []
    for wrong in (
        {"consent": "C-18"},
        {"by": ""},
        {"frame": 99},
        {"consent": "/home/jane"},
        {"by": "Ann\u2028\u202eReo"},
    ):
        bad = replace(good, excepted=[replace(good.excepted[0], **wrong)])
        assert unproved(bad, policy, BODY.shape, 0), wrong
    x0, y0, x1, y1 = BOX
    for box in ((x1, y0, x0, y1), (x0, y1, x1, y0), (x0, y0, x0, y1), (900.0, y0, 950.0, y1), (-1e30, y0, 1e30, y1),
                (x0, -97.0, x1, y1), (x0, y0, 257.0, y1), (math.nan, y0, x1, y1), (x0, y0, math.inf, y1)):  # fmt: skip
        where = dict(zip(("x0", "y0", "x1", "y1"), box, strict=True))
        bad = replace(good, excepted=[*good.excepted, replace(good.excepted[0], **where)])
        assert unproved(bad, policy, BODY.shape, 0) == ["somebody is excepted where there is no picture"], box
    twice = replace(good, excepted=[*good.excepted, replace(good.excepted[0], by="somebody else")])
    assert unproved(twice, policy, BODY.shape, 0) == ["somebody is excepted twice"]
    beside = replace(good, excepted=[*good.excepted, replace(good.excepted[0], x0=-20.0, y1=140.0)])
    assert unproved(beside, policy, BODY.shape, 0) == [], "whoever is cut by the picture reaches beyond it"
    other = replace(good, policy_digest=policy_of("structhuman").digest())
    assert any("consents" in one for one in unproved(other, policy_of("structhuman"), BODY.shape, 0))
    with pytest.raises(ValueError, match="has not passed every gate"):
        replace(outcome, certificate=replace(good, excepted=[replace(OPERATOR[0], consent="C-18")]))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"name": "strict"}, "strict excepts nobody"),
        ({"variant": "structall"}, "structall makes all anew"),
        ({"rule": {"what": "face"}}, "except is of a person"),
        ({"rule": {"do": "blur"}}, "except is of a person"),
        ({"rule": {"where": [0, 0, 0.5, 1]}}, "except is of a person"),
        ({"rule": {"except": ["jane@example.org"]}}, "what except lists is published"),
        ({"rule": {"except": [""]}}, "what except lists is published"),
    ],
)
def test_an_exception_that_cannot_be_is_refused(change: dict[str, Any], message: str) -> None:
    settings = accepting().model_dump()
    settings["rules"][0] |= change.pop("rule", {})
    with pytest.raises(ValueError, match=message):
        Policy.model_validate(settings | change)


def test_a_faint_second_sight_lapses_nothing_but_is_not_spared() -> None:
    boxes = np.array([BOX, BOX], np.float32)
    patches = [Patch.of(BODY), Patch.of_box(boxes[1], BODY.shape)]
    seen = [InstanceMasks(boxes, np.array([0.9, 0.05], np.float32), patches)]
    poses = [
        PoseDetections(
            np.zeros((0, 4), np.float32), np.zeros(0, np.float32), np.zeros((0, 17, 3), np.float32)
        )
    ]
    left = spare((seen, poses), OPERATOR[:1], BODY.shape, accepting())
    assert left.cues[0][0].scores.tolist() == [np.float32(0.05)] and left.mask[0][BODY].all()
    surer = replace(seen[0], scores=np.array([0.9, 0.6], np.float32))
    assert not spare(([surer], poses), OPERATOR[:1], BODY.shape, accepting()).mask.any()


def test_the_gate_is_computed_for_every_clip(tmp_path: Path) -> None:
    outcome = staged(tmp_path, [], policy_of("structhuman")).run()
    (gate,) = [gate for gate in outcome.certificate.gates if gate.name == "listed"]
    assert gate == Gate.at_most("listed", 0, 0)


def test_a_consent_that_was_taken_back_since_planning_spares_nobody(tmp_path: Path) -> None:
    stages = staged(tmp_path, OPERATOR)
    Path(stages.ref.uri + PEOPLE).unlink()
    outcome = stages.run()
    assert isinstance(outcome, FailedClip) and "list of people has changed" in outcome.reason
