"""Labels of who is drawn: they fit the output and not the source, link nobody beyond the scope, hold nothing else."""

import io
import json
from argparse import Namespace
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from examples.trainer_reader import labels_of, mask_of
from jobs.options import read_settings
from operators.actor.background.plate import plate
from operators.actor.compose import cast, compose
from operators.conditioning.identity import pseudo_identity, scope_of
from operators.generation.labels import Labelling
from operators.release import json_form, parquet_form
from operators.release.checked import Demands
from operators.release.labels import MEMBERS, faults, is_alone, read, written
from operators.release.rle import runs, unrolled
from operators.release.shard_check import check_shard
from operators.release.shard_writer import write_shard
from operators.video.encode import decode_bytes
from schemas.actor import Actor
from schemas.arrow import from_table
from schemas.clip import CandidateClip, ClipRef, FailedClip, QuarantinedClip, ReleasedClip
from schemas.config import load
from schemas.errors import UserError
from schemas.person_label import PersonLabel
from schemas.policy import IdentityPolicy, Policy
from tests.cluster import toy
from tests.operators.actor.test_compose import _scene, _stander
from tests.operators.actor.walks import SIZE
from tests.operators.stages import FRAMES, HEIGHT, WIDTH, Stages, disguising
from tests.operators.stages import written as shard_of

NAME = "0123456789abcdef-00000"  # a clip's key


@pytest.fixture(scope="module")
def two() -> list[Actor]:
    """Of whom the second is nearer, and stands in front of the first."""
    blue = _stander("long-sleeved blue top, blue trousers", shift=30, larger=1.4)
    return [_stander("long-sleeved red top, red trousers"), replace(blue, seed=6)]


def seen(
    actors: Sequence[Actor], overlap: int = 1, hidden: bool = False
) -> tuple[np.ndarray, list[PersonLabel]]:
    frames, mask = _scene(mask_all=True)
    if hidden:
        mask[:, 250:] = False
    labelling = Labelling(overlap)
    made = compose(
        plate(frames, mask), mask, [cast(one, 0, frames, mask) for one in actors], None, labelling.see
    )
    return made, labelling.numbered()


@pytest.fixture(scope="module")
def both(two: list[Actor]) -> tuple[np.ndarray, list[PersonLabel]]:
    """What is drawn of the two, and its labels."""
    return seen(two)


@pytest.fixture
def labels(both: tuple[np.ndarray, list[PersonLabel]]) -> list[PersonLabel]:
    """Of the two."""
    return both[1]


def test_masks_are_where_people_show_and_the_nearer_one_hides_the_other(
    both: tuple[np.ndarray, list[PersonLabel]],
) -> None:
    made, labels = both
    assert [(label.frame, label.track) for label in labels] == [(t, n) for t in range(3) for n in (1, 2)]
    by_person = [[label for label in labels if label.track == number] for number in (1, 2)]
    red, blue = sorted(by_person, key=lambda own: own[0].visibility)
    for first, second in zip(red, blue, strict=True):
        a, b = (unrolled(one.mask, *SIZE) for one in (first, second))
        assert not (a & b).any()
        assert first.visibility < second.visibility == pytest.approx(1, abs=0.02)
        frame = made[first.frame + 1].astype(int)
        reddish = frame[..., 0] > frame[..., 2]
        assert reddish[a].mean() > 0.7 and reddish[b].mean() < 0.4
        assert 1.0 in first.keypoints[2::3], "somebody stands before a joint"


def test_what_the_mask_takes_is_not_labelled(two: list[Actor]) -> None:
    (whole, half) = [seen(two[:1], hidden=hidden)[1] for hidden in (False, True)]
    for one, other in zip(whole, half, strict=True):
        assert other.box[3] <= 250 < one.box[3]
        assert other.visibility < one.visibility
        assert {v for x, y, v in zip(*[iter(other.keypoints)] * 3, strict=True) if y > 251} == {1.0}


def test_looking_changes_no_pixel(two: list[Actor]) -> None:
    frames, mask = _scene()
    casts = [cast(one, 0, frames, mask) for one in two]
    plain = compose(plate(frames, mask), mask, casts)
    looked = compose(plate(frames, mask), mask, casts, None, Labelling(0).see)
    assert plain.tobytes() == looked.tobytes()


@pytest.mark.parametrize("scope", ["clip", "video", "rig", "release"])
def test_a_person_is_called_the_same_where_the_policy_gives_one_look_and_nowhere_else(
    two: list[Actor], scope: Any
) -> None:
    ref = replace(toy.make_ref(3), uri="s3://b/rig/a.mp4")
    others = {
        "clip": replace(ref, key=f"{ref.key[:20]}-000009"),
        "video": toy.make_ref(5, 5),
        "rig": replace(toy.make_ref(5), uri="s3://b/other/a.mp4"),
    }
    others["video"] = replace(others["video"], uri="s3://b/rig/b.mp4")

    frames, mask = _scene()
    one = cast(two[0], 0, frames, mask)

    def person(of: Any) -> str:
        seed = pseudo_identity(b"key", scope_of(of, IdentityPolicy(scope=scope)), 1)
        labelling = Labelling(0)
        labelling.see(0, replace(one, actor=replace(one.actor, seed=seed)), mask[0], 9)
        return labelling.numbered()[0].person

    wider = ["clip", "video", "rig", "release"].index(scope)
    same = [person(other) == person(ref) for other in others.values()]
    assert same == [number < wider for number in range(3)]


@pytest.mark.parametrize("form", MEMBERS)
def test_a_file_holds_the_labels_and_no_byte_more(labels: list[PersonLabel], form: str) -> None:
    shape = (3, *SIZE)
    data = written(labels, form, NAME, *shape)
    assert read(data, form) == labels
    assert is_alone(data, labels, form, NAME, *shape)
    assert not is_alone(data + b" ", labels, form, NAME, *shape)
    assert faults(labels, 2, *shape) == []
    none = written([], form, NAME, *shape)
    assert read(none, form) == [] and is_alone(none, [], form, NAME, *shape) and faults([], 0, *shape) == []


def test_coco_has_what_cocos_readers_ask_for(labels: list[PersonLabel]) -> None:
    told = json.loads(written(labels, "coco", NAME, 3, *SIZE))
    assert told["info"]["description"] and told["licenses"] == [], (
        "pycocotools' COCO.info() takes them for there"
    )
    assert len(told["categories"][0]["keypoints"]) == 17
    assert [(one["id"], one["frame"], one["file_name"], one["video"]) for one in told["images"]] == [
        (number, number, f"{NAME}/{number:06d}.png", f"{NAME}.mp4") for number in range(3)
    ]
    assert {one["image_id"] for one in told["annotations"]} <= {one["id"] for one in told["images"]}
    for one, label in zip(told["annotations"], labels, strict=True):
        x, y, wide, high = one["bbox"]
        mask = unrolled(one["segmentation"]["counts"], *one["segmentation"]["size"])
        assert one["area"] == mask.sum() == mask[y : y + high, x : x + wide].sum()
        assert one["num_keypoints"] == sum(v > 0 for v in one["keypoints"][2::3])
        assert one["track_id"] == label.track


SPOILT: dict[str, Callable[[list[PersonLabel]], list[PersonLabel]]] = {
    "in another order": lambda labels: labels[::-1],
    "twice": lambda labels: [labels[0], *labels],
    "somebody else by that number": lambda labels: [replace(labels[0], person="0" * 16), *labels[1:]],
    "a name": lambda labels: [replace(one, person="somebody by name") for one in labels],
    "a frame that there is not": lambda labels: [replace(one, frame=one.frame + 9) for one in labels],
    "track 0": lambda labels: [replace(one, track=one.track - 1) for one in labels],
    "a larger box": lambda labels: [replace(one, box=[0, 0, 9, 9]) for one in labels],
    "a box out of the frame": lambda labels: [replace(one, box=[-1, *one.box[1:]]) for one in labels],
    "a mask of another size": lambda labels: [replace(one, mask=[*one.mask, 1]) for one in labels],
    "a mask with empty runs": lambda labels: [replace(one, mask=[*one.mask, 0, 0]) for one in labels],
    "no mask": lambda labels: [replace(one, mask=[]) for one in labels],
    "too few joints": lambda labels: [replace(one, keypoints=one.keypoints[:48]) for one in labels],
    "a joint out of the frame": lambda labels: [
        replace(one, keypoints=[-5.0, *one.keypoints[1:]]) for one in labels
    ],
    "a joint said to show": lambda labels: [
        replace(one, keypoints=[1.0, 1.0, 2.0, *one.keypoints[3:]]) for one in labels
    ],
    "a joint that is no number": lambda labels: [
        replace(one, keypoints=[float("nan")] * 51) for one in labels
    ],
    "no number for how much shows": lambda labels: [replace(one, visibility=float("nan")) for one in labels],
    "numbers that begin late": lambda labels: [replace(one, track=one.track + 1) for one in labels],
    "a large number": lambda labels: [replace(one, track=10**40 + one.track) for one in labels],
    "numbers turned round": lambda labels: sorted(
        (replace(one, track=3 - one.track) for one in labels), key=lambda one: (one.frame, one.track)
    ),
    "a zero below zero": lambda labels: [
        replace(one, keypoints=[-0.0, -0.0, -0.0, *one.keypoints[3:]]) for one in labels
    ],
    "a joint finer than is written": lambda labels: [
        replace(one, keypoints=[one.keypoints[0] + 1e-9, *one.keypoints[1:]]) for one in labels
    ],
    "whole numbers of joints": lambda labels: [replace(one, keypoints=[0] * 51) for one in labels],
    "yes and no for joints": lambda labels: [replace(one, keypoints=[False] * 51) for one in labels],
    "yes for how much shows": lambda labels: [replace(one, visibility=True) for one in labels],
    "less than anything shows": lambda labels: [replace(one, visibility=1e-30) for one in labels],
    "no for a frame": lambda labels: [replace(one, frame=bool(one.frame)) for one in labels if one.frame < 2],
    "parts of a frame": lambda labels: [replace(one, frame=float(one.frame)) for one in labels],
    "parts of a box": lambda labels: [replace(one, box=[float(n) for n in one.box]) for one in labels],
    "parts of a run": lambda labels: [replace(one, mask=[float(n) for n in one.mask]) for one in labels],
    "words for a number": lambda labels: [replace(one, visibility="1.0") for one in labels],
    "more than all of somebody": lambda labels: [replace(one, visibility=1.5) for one in labels],
}


@pytest.mark.parametrize("fault", SPOILT)
def test_what_no_label_says_is_told(labels: list[PersonLabel], fault: str) -> None:
    assert faults(SPOILT[fault](labels), 2, 3, *SIZE)


def test_more_people_than_were_made_anew_are_told(labels: list[PersonLabel]) -> None:
    assert faults(labels, 1, 3, *SIZE) == ["labels name 2 people, and 1 were made anew"]


def test_none_at_all_are_told_where_somebody_was_drawn(labels: list[PersonLabel]) -> None:
    assert faults([], 2, 3, *SIZE, due=True) == ["labels name nobody, and 2 were made anew"]
    assert faults([], 2, 3, *SIZE) == faults([], 0, 3, *SIZE, due=True) == []
    assert faults([one for one in labels if one.track == 1], 2, 3, *SIZE, due=True) == [], "one is hidden"


@pytest.mark.parametrize("mask", [np.zeros((3, 4), bool), np.ones((3, 4), bool), np.eye(5, dtype=bool)])
def test_runs_are_undone(mask: np.ndarray) -> None:
    assert np.array_equal(unrolled(runs(mask), *mask.shape), mask)


@pytest.mark.parametrize("variant", [0, 1], ids=["structhuman", "structall"])
def test_a_released_clip_has_its_labels_beside_it(acted: list[Stages], variant: int) -> None:
    stages = acted[variant]
    outcome = stages.run()
    assert isinstance(outcome, ReleasedClip), outcome
    form = stages.policy.labels
    labels = read(outcome.labels, form)
    assert {label.frame for label in labels} == set(range(FRAMES))
    assert outcome.certificate.labels_published
    assert "labels" in {gate.name for gate in outcome.certificate.gates}
    files = shard_of(outcome)
    assert f"{outcome.ref.key}.{MEMBERS[form]}".encode() in files["shards/run-00000000.tar"]
    source = [
        person.boxes
        for person in from_table(stages.before_audit, CandidateClip, QuarantinedClip, FailedClip)[
            0
        ].evidence.people
    ]
    assert all(
        not np.array_equal(np.array(label.box, float), np.round(boxes[label.frame]))
        for label in labels
        for boxes in source
    )
    frames = decode_bytes(outcome.video)
    assert frames.shape[:3] == (FRAMES, HEIGHT, WIDTH)


def test_labels_outside_what_was_made_anew_are_refused(acted: list[Stages]) -> None:
    stages = acted[0]
    (clip,) = from_table(stages.before_audit, CandidateClip, QuarantinedClip, FailedClip)
    everywhere = np.ones((HEIGHT, WIDTH), bool)
    far = [
        replace(one, mask=runs(everywhere), box=[0, 0, WIDTH, HEIGHT], keypoints=[0.0] * 51)
        for one in clip.labels
    ]
    for labels in (far, [], clip.labels[::-1], [replace(one, person="?" * 16) for one in clip.labels]):
        with pytest.raises(Exception, match="labels"):
            stages.audit.audit(replace(clip, labels=labels))
    assert isinstance(stages.audit.audit(clip), ReleasedClip)


def test_the_strict_policy_publishes_none_and_a_disguise_has_none() -> None:
    assert load(Policy, "cluster/policies/strict.yaml").labels == "none"
    for name in ("driving", "robotics"):
        assert load(Policy, f"cluster/policies/{name}.yaml").labels == "none"


TOLD = {form: toy.POLICY.model_copy(update={"labels": form}) for form in MEMBERS}
KEY = toy.make_ref(5)


def told(form: str) -> bytes:
    """Labels of the toy's one person, in its five frames of 64x48."""
    mask = np.zeros((48, 64), bool)
    mask[10:40, 20:30] = True
    points = [22.0, 12.0, 2.0] * 17
    one = PersonLabel(0, 1, "0123456789abcdef", [20, 10, 30, 40], 1.0, points, runs(mask))
    return written([replace(one, frame=frame) for frame in range(5)], form, KEY.key, 5, 48, 64)


def breaches(
    made_by: Policy,
    labels: bytes,
    checked_by: Policy,
    edit: Callable[[bytes], bytes] | None = None,
    ref: ClipRef = KEY,
) -> list[str]:
    """What verify says of a shard with one clip."""
    row = toy.released(ref, toy.noise(ref, 0), policy=made_by, labels=labels)
    if edit:  # as whoever forges would write it
        object.__setattr__(row, "labels", edit(labels))
    files: dict[str, toy._File] = {}
    name = "0" * 32 + "-00000000"
    write_shard([row], [ref.clip_id], name, lambda path: toy._open(files, path))
    demands = Demands(checked_by, toy.PROFILE.digest())
    return [one.problem for one in check_shard(name, lambda path: files[path].data, demands).breaches]


@pytest.mark.parametrize("form", MEMBERS)
def test_verify_takes_labels_only_where_the_policy_publishes_them_and_demands_them_there(form: str) -> None:
    assert breaches(TOLD[form], told(form), TOLD[form]) == []
    assert breaches(toy.POLICY, b"", toy.POLICY) == []
    assert "has labels, although the policy publishes none" in breaches(TOLD[form], told(form), toy.POLICY)
    lacking = breaches(TOLD[form], told(form), TOLD[form], lambda _: b"")
    assert "has no labels, although the policy publishes them" in lacking
    alone = replace(KEY, overlap=0, pts=KEY.pts[1:])
    silent = breaches(TOLD[form], written([], form, KEY.key, 5, 48, 64), TOLD[form], ref=alone)
    assert silent == ["labels name nobody, and 1 were made anew"]
    other = next(name for name in MEMBERS if name != form)
    assert breaches(TOLD[form], told(form), TOLD[other])
    assert "holds more than labels" in breaches(TOLD[form], told(form), TOLD[form], _more[form])
    assert breaches(TOLD[form], told(form), TOLD[form], lambda _: b"no labels")


def _with_a_column(data: bytes) -> bytes:
    table = pq.read_table(io.BytesIO(data))
    return parquet_form.written(table.append_column("name", pa.array(["somebody"] * len(table))))


def _with_a_field(data: bytes) -> bytes:
    return json_form.written(json.loads(data) | {"info": "somebody"})


_more = {"parquet": _with_a_column, "coco": _with_a_field}


@pytest.mark.parametrize("form", MEMBERS)
def test_a_certificate_says_whether_labels_lie_beside_the_video(form: str) -> None:
    with pytest.raises(ValueError, match="other labels"):
        toy.released(KEY, toy.noise(KEY, 0), policy=TOLD[form])
    with pytest.raises(ValueError, match="other labels"):
        toy.released(KEY, toy.noise(KEY, 0), labels=told(form))


@pytest.mark.parametrize("form", MEMBERS)
def test_a_trainer_reads_them_without_recast(form: str) -> None:
    found = labels_of({MEMBERS[form]: told(form)})
    assert [(one["frame"], one["track"], one["box"]) for one in found] == [
        (t, 1, [20, 10, 30, 40]) for t in range(5)
    ]
    assert np.array_equal(mask_of(found[0]["mask"], 48, 64), unrolled(found[0]["mask"], 48, 64))
    assert labels_of({"mp4": b""}) == []


def test_a_profile_that_paints_people_has_no_labels() -> None:
    given = {"profile": "embedded", "policy": "driving", "variant": None}
    settings = ["policy.labels=coco", "generator.people=diffusion"]
    with pytest.raises(UserError, match="labels"):
        read_settings(Namespace(**given, set=settings))
    assert read_settings(Namespace(**given, set=settings[:1]))[1].labels == "coco"
    blurred = disguising(toy.POLICY, "blur").model_dump() | {"labels": "coco"}
    with pytest.raises(ValueError, match="there are none"):
        Policy.model_validate(blurred)
