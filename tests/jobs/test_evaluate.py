"""A real run, signed by a command and marked; its dataset evaluated on Ray, published and verified.

That keys and labels pass from worker to worker of Ray is in test_canaries.py.
"""

import hashlib
import json
import re
import tarfile
from pathlib import Path

import numpy as np
import pytest

from examples.trainer_reader import labels_of
from operators import storage
from operators.models.boxes import box_iou
from operators.models.people.ensemble import PeopleEnsemble
from operators.video.encode import decode_bytes
from tests.jobs import here
from tests.jobs.small import cut_video, job, settings
from tests.keys import make_key, make_signer_and_marker, signed_and_marked


@pytest.fixture(scope="module")
def marked(cluster: None, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with `in`, `plan` and `out`, the signer's key.pem and key.pub, the marker's chain.pem and c2pa.pem."""
    folder = tmp_path_factory.mktemp("marked")
    (folder / "in").mkdir()
    cut_video(folder / "in/jane-doe.mp4", 5)
    make_signer_and_marker(folder)
    own = labelled(folder)
    assert here.job("plan", f"{folder}/in", "--plan", f"{folder}/plan", *own).returncode == 0
    done = here.job("anonymize", *places(folder), *own, *signed_and_marked(folder))
    assert done.returncode == 0, done.stderr
    return folder


def labelled(folder: Path) -> list[str]:
    return [*settings(folder), "--set", "policy.labels=parquet"]


def places(folder: Path) -> list[str]:
    return ["--plan", f"{folder}/plan", "--output", f"{folder}/out"]


def test_a_run_signed_by_a_command_and_marked(marked: Path) -> None:
    """Nothing of the keys is in the output."""
    output = f"{marked}/out"
    proved = here.job("verify", output, "--public-key", f"{marked}/key.pub")
    assert proved.returncode == 0, proved.stdout
    made = json.loads(storage.read_bytes(output, "dataset.json"))
    assert made["marker"]["digest"] == hashlib.sha256((marked / "chain.pem").read_bytes()).hexdigest()
    assert made["released"]["clips"] > 0 and made["people"] > 0
    secrets = [(marked / name).read_text().splitlines()[1].encode() for name in ("key.pem", "c2pa.pem")]
    for path in storage.list_files(output):
        assert not any(secret in storage.read_bytes(output, path) for secret in secrets), path
    again = here.job("anonymize", *places(marked), *labelled(marked), *signed_and_marked(marked)[:4])
    assert again.returncode == 2 and "another marker" in again.stderr


def test_labels_lie_beside_the_video_and_are_where_a_detector_sees_somebody(marked: Path) -> None:
    """As a trainer reads them."""
    (shard,) = (marked / "out/shards").glob("*.tar")
    with tarfile.open(shard) as archive:
        files = {one.name: archive.extractfile(one).read() for one in archive if one.isfile()}  # type: ignore[union-attr]
    (key,) = {name.split(".")[0] for name in files}
    frames = decode_bytes(files[f"{key}.mp4"])
    labels = labels_of({name.removeprefix(f"{key}."): data for name, data in files.items()})
    assert {one["frame"] for one in labels} == set(range(len(frames)))
    seen = PeopleEnsemble(Path("cluster/weights/embedded/cues"))(frames)
    shared = [box_iou(np.array(one["box"]), seen[one["frame"]].boxes).max(initial=0) for one in labels]
    assert np.mean(shared) > 0.7, shared


def test_a_dataset_is_evaluated_once_and_verified_with_its_evidence(marked: Path, tmp_path: Path) -> None:
    own, where, key = labelled(marked), places(marked), f"{marked}/key.pem"
    few = ["--against", "blackout", "--attacks", "parrot", "--report", f"{tmp_path}/report"]
    done = job("evaluate", *where, *own, *few, "--key", key, "--card")
    assert done.returncode == 0, done.stderr
    (kept,) = (tmp_path / "report/measured").rglob("*.parquet")
    written = kept.stat().st_mtime_ns
    found = json.loads((tmp_path / "report/evaluation.json").read_text())
    assert (found["sources"], found["clips"], found["unmeasured"]) == (1, 1, 0)
    assert list(found["methods"]) == ["blackout", "pass-through", "recast"]
    control = found["methods"]["pass-through"]["figures"]["exposed, all heights"]
    assert control["value"] == 1 and found["methods"]["recast"]["figures"]["lost"]["value"] == 0
    keyed = [
        found["methods"]["recast"]["figures"][f"linked with {key} key"] for key in ("the release", "another")
    ]
    assert [one["value"] for one in keyed] == [1, 0]
    for name in ("evaluation.dsse.json", "croissant.json"):
        assert "jane-doe" not in (marked / "out" / name).read_text()
    assert here.job("verify", f"{marked}/out").returncode == 0
    assert here.job("evaluate", *where, *own, *few).returncode == 0
    assert kept.stat().st_mtime_ns == written, "it is measured already"
    inside = here.job("evaluate", *where, *own, "--report", f"{marked}/out/report")
    assert inside.returncode == 2 and "lies in or around the output" in inside.stderr
    other = here.job("evaluate", *where, *own, *few, "--key", str(make_key(tmp_path / "other.pem")))
    assert other.returncode == 2 and "is not the key that the dataset is signed by" in other.stderr
    unknown = here.job("evaluate", *where, *own, *few[2:], "--against", "smear")
    assert unknown.returncode == 2 and "smear: not known" in unknown.stderr


def test_what_somebody_sees_in_drawn_frames_joins_the_figures(marked: Path, tmp_path: Path) -> None:
    own, where = labelled(marked), [*places(marked), "--report", f"{tmp_path}/report"]
    few = ["--against", "", "--attacks", ""]
    assert here.job("evaluate", *where, *own, "--draw", "3").returncode == 0
    page = (tmp_path / "report/label.html").read_text()
    assert page.count("<article") == 3 and "jane-doe" not in page
    shown = re.findall(r'data-key="([^"]+)" data-frame="(\d+)"', page)
    labels = [{"key": key, "frame": int(frame), "exposed": False, "by": "R. V"} for key, frame in shown]
    (tmp_path / "labels.json").write_text(json.dumps([*labels[1:], labels[1]]))
    chosen = here.job("evaluate", *where, *own, *few, "--labels", f"{tmp_path}/labels.json")
    (tmp_path / "labels.json").write_text(json.dumps(labels))
    done = here.job("evaluate", *where, *own, *few, "--labels", f"{tmp_path}/labels.json")
    assert done.returncode == 0, done.stderr
    found = json.loads((tmp_path / "report/evaluation.json").read_text())
    by_eye = found["methods"]["recast"]["figures"]["exposed by eye"]
    assert (by_eye["value"], by_eye["count"]) == (0, 3) and by_eye["high"] > 0.9  # one source tells little
    assert "exposed by eye" in (tmp_path / "report/evaluation.md").read_text()
    assert chosen.returncode == 2 and "that were drawn" in chosen.stderr
