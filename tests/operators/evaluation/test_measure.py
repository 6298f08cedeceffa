"""One source measured as the job does it, through the real stages with known masks."""

import io
import json
import tarfile
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq
import pytest

from operators.evaluation.judges.models import JudgeModels
from operators.evaluation.measure import Exchanged, Measure, Places
from operators.evaluation.store import Store
from operators.evaluation.watch import watched
from operators.evaluation.who import who
from operators.models.people.ensemble import People
from operators.models.witnesses.reid import SIZE
from operators.release import reader
from operators.release.attestation import sha256
from operators.release.layout import source_of
from schemas.arrow import to_table
from schemas.certificate import Step
from schemas.clip import ClipRef, Followed, ReleasedClip
from schemas.config import load
from schemas.cues import Patch
from schemas.errors import UserError
from schemas.evaluation import CONTROL, RECAST, SOURCE, Judges
from tests.operators.clips import SOMEBODY, evidence
from tests.operators.stages import BODY, HEIGHT, WIDTH, Joints, Stages, written

Place = tuple[Places, Stages, dict[str, Any]]
JUDGES = load(Judges, "cluster/judges/embedded.yaml", ["every=2"])


def somebody(frames: np.ndarray) -> list[People]:
    """Who stands in every frame, whatever it shows."""
    (pose, *_) = Joints().pose(frames[:1])
    return [People(pose.boxes, pose.scores, pose.keypoints, [Patch.of(BODY)]) for _ in frames]


def mean_colour(pictures: list[np.ndarray]) -> np.ndarray:
    """An embedder that knows nothing but colours, in parts of a picture."""
    cells = (
        np.stack(pictures)
        .astype(np.float32)
        .reshape(len(pictures), 4, SIZE[0] // 4, SIZE[1], 3)
        .mean(axis=(2, 3))
    )
    vectors = cells.reshape(len(pictures), -1) - 128 + 1e-3
    return vectors / np.linalg.norm(vectors, axis=1, keepdims=True)


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Place:
    """A plan of one clip, the dataset that was made of it, and the row that the job gives of it."""
    folder = tmp_path_factory.mktemp("measure")
    stages = Stages(folder, "structhuman actors")
    outcome = stages.run()
    assert isinstance(outcome, ReleasedClip), outcome
    for path, data in written(outcome).items():
        (folder / "out" / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / "out" / path).write_bytes(data)
    (folder / "plan/clips").mkdir(parents=True)
    pq.write_table(to_table([stages.ref], ClipRef), folder / f"plan/clips/{stages.ref.key[:2]}-0.parquet")
    held = reader.members(str(folder / "out"), "run-00000000", stages.ref.key)
    digests = {"sha256": sha256(held["mp4"]), "record_sha256": sha256(held["json"])}
    clip = {"key": stages.ref.key, "shard": "run-00000000", **digests}
    row = {"source": source_of(stages.ref.key), "clips": [clip]}
    return Places(str(folder / "plan"), str(folder / "out")), stages, row


def measure_of(place: Place, store: Store) -> Measure:
    places, stages, _ = place
    models = JudgeModels(somebody, {"colour": mean_colour}, lambda frames: frames.mean(axis=3), 2)
    return Measure(
        stages.profile, stages.policy, b"key", JUDGES, ["blackout"], places, store, models, stages.condition
    )


@pytest.mark.parametrize("name", ["sha256", "record_sha256"])
def test_a_clip_that_somebody_exchanged_is_not_measured(place: Place, tmp_path: Path, name: str) -> None:
    """The figures are signed, for the dataset that its manifests tell of."""
    store = Store(str(tmp_path), "stamp")
    clip = place[2]["clips"][0] | {name: "0" * 64}
    with pytest.raises(Exchanged, match="is not what was released"):
        measure_of(place, store)(place[2] | {"clips": [clip]})
    assert not list(store.read())


def test_a_source_is_measured_once_by_every_method(place: Place, tmp_path: Path) -> None:
    store = Store(str(tmp_path), "stamp")
    places, stages, row = place
    measure_of(place, store)(row)
    assert store.sources() == {row["source"]} and Store(str(tmp_path), "other").sources() == set()
    (found,) = store.read()
    assert (found.clips, found.unmeasured) == ([stages.ref.key], [])
    assert {look.method for look in found.looks} == {SOURCE, RECAST, CONTROL, "blackout"}
    exposed = {
        one.method: one.numerator / one.denominator
        for one in found.ratios
        if one.name == "exposed, all heights"
    }
    assert exposed == {RECAST: 0, CONTROL: 1, "blackout": 0}
    names = {one.name for one in found.ratios if one.method == RECAST}
    assert names >= {
        "warping",
        "flicker",
        "sharpness",
        "seam",
        "frozen",
        "jumping",
        "original pixels, 48-96 px",
        "detector recall, 48-96 px",
        "detector recall",
        "pose",
        "depth",
        "masked",
    }
    (clip,) = watched(places, {row["source"]: row["clips"]}, [{"clip": stages.ref.key}])
    assert all(data[4:8] == b"ftyp" for data in clip["videos"].values())


def test_masks_are_made_again_by_the_steps_of_the_certificate(place: Place, tmp_path: Path) -> None:
    _, stages, _ = place
    measure = measure_of(place, Store(str(tmp_path), "stamp"))
    steps = [{"name": "larger mask", "reason": "audit"}]
    plain, larger = (
        measure._evidence(stages.ref, json.dumps({"certificate": {"steps": told}}).encode()).mask.sum()
        for told in ([], steps)
    )
    assert larger > plain
    assert measure.condition.ladder.steps(0) == [Step("larger mask", "audit")]


def test_a_clip_that_cannot_be_measured_is_said_and_the_others_are(place: Place, tmp_path: Path) -> None:
    places, stages, row = place
    broken = tmp_path / "out/shards/run-00000000.tar"
    broken.parent.mkdir(parents=True)
    with tarfile.open(broken, "w") as tar:
        for name, data in ((f"{stages.ref.key}.mp4", b"nothing"), (f"{stages.ref.key}.json", b"{}")):
            member = tarfile.TarInfo(name)
            member.size = len(data)
            tar.addfile(member, io.BytesIO(data))
    store = Store(str(tmp_path), "stamp")
    measure = measure_of((Places(places.plan, str(tmp_path / "out")), stages, row), store)
    clip = row["clips"][0] | {"sha256": sha256(b"nothing"), "record_sha256": sha256(b"{}")}
    measure(row | {"clips": [clip]})
    (found,) = store.read()
    assert [one.partition(":")[0] for one in found.unmeasured] == [stages.ref.key]
    assert found.ratios == found.looks == []
    assert store.sources() == {row["source"]} and store.whole() == set(), "it is tried again"


def test_people_who_were_followed_are_the_same_in_every_clip_of_their_scope(place: Place) -> None:
    """Or somebody's other clips would count as strangers', and whoever finds them there as mistaken."""
    _, stages, _ = place
    boxes = np.tile(np.float32([50, 20, 74, 76]), (9, 1)) + np.float32([12, 0, 12, 0]) * np.arange(9)[:, None]
    somebody = replace(SOMEBODY, boxes=boxes, keypoints=np.zeros((9, 17, 3), np.float32))
    known = evidence(
        **{name: np.zeros((9, HEIGHT, WIDTH), bool) for name in ("mask", "body")}, people=[somebody]
    )
    alone = who(stages.ref, known, scope="video")
    assert alone.people == [(f"{stages.ref.key}:{SOMEBODY.track}",) * 2]
    seen = Followed(5, stages.ref.overlap, boxes)
    followed = replace(stages.ref, followed="video", people=[seen])
    assert who(followed, known, scope="video").people == [("video:5",) * 2]
    missed = replace(followed, people=[])
    assert stages.ref.key in who(missed, known, scope="video").people[0][0], (
        "who was not found is of this clip alone"
    )


def test_ground_truth_is_that_of_the_clips_frames(place: Place, tmp_path: Path) -> None:
    _, stages, _ = place
    known = evidence(mask=np.zeros((9, HEIGHT, WIDTH), bool), people=[SOMEBODY])
    with pytest.raises(UserError, match=r"holds no a\.masks\.npz"):
        who(stages.ref, known, str(tmp_path))
    masks = np.tile(BODY.astype(np.uint8), (12, 1, 1))
    np.savez(tmp_path / "a.masks.npz", masks=masks)
    assert who(stages.ref, known, str(tmp_path)).people == [("a:1", "a:1")]
    (tmp_path / "a.json").write_text(json.dumps({"people": [{"identity_seed": 7, "outfit_seed": 8}]}))
    found = who(stages.ref, known, str(tmp_path))
    assert found.people == [("7", "8")] and found.masks.shape == (9, HEIGHT, WIDTH)
    np.savez(tmp_path / "a.masks.npz", masks=masks[:4])
    with pytest.raises(UserError, match="Give the truth of these frames"):
        who(stages.ref, known, str(tmp_path))
