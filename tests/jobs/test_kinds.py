"""Sources of several kinds that are called alike: each comes back in its own form, or is refused in words."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from mcap.reader import make_reader

from jobs.export import export
from jobs.plan import plan
from schemas.clip import ClipRef
from schemas.errors import UserError
from schemas.exports import Videos
from tests import bag_sets, videos
from tests.bag_sets import ROS, Bag, stored
from tests.cluster import toy
from tests.jobs.test_export import facts, manifests
from tests.jobs.test_plan import PROFILE, clips
from tests.operators.planning.test_folder import fill


def given_back(folder: Path, refuses: Callable[[ClipRef], bool] = lambda ref: False) -> dict[str, Any]:
    """`new`, of what lies in `in`: planned, released without looking but for what it `refuses`, and exported."""
    plan([f"{folder}/in"], f"{folder}/plan", PROFILE)
    policy = toy.POLICY.model_copy(update={"videos": Videos(names="source")})

    def end(ref: ClipRef) -> toy.Ended:
        if refuses(ref):
            return toy.failed(ref)
        return toy.released(ref, toy.noise(ref, 0), policy=policy)

    refs, out = clips(f"{folder}/plan"), f"{folder}/out"
    toy.write_output(f"{folder}/plan", out, len(refs), end=end, policy=policy, refs=refs)
    return export(out, facts(out), manifests(out), f"{folder}/plan", f"{folder}/in", f"{folder}/new")


def lay(tmp_path: Path) -> int:
    """A source of each kind; how many pictures the recordings have each."""
    fill(tmp_path / "in/a", [f"{number}.png" for number in range(3)])
    videos.write(tmp_path / "in/a.mp4", videos.pictures(9, 48, 64))
    jpegs = [stored(picture) for picture in np.zeros((4, 48, 64, 3), np.uint8)]
    bag = Bag(tmp_path / "in/a.mcap")
    bag.pictures("/a", "foxglove.CompressedImage", "protobuf", jpegs, "jpeg")
    bag.end()
    bag_sets.rosbag2(tmp_path / "in/b", {"/b": (ROS[0], jpegs, "jpeg")})
    fill(tmp_path / "in/b", ["1.png"])
    return len(jpegs)


@pytest.mark.usefixtures("in_process")
def test_a_folder_a_recording_and_a_video_called_alike_come_back(tmp_path: Path) -> None:
    count = lay(tmp_path)
    record = given_back(tmp_path)
    assert set(record["folders"]) == {"a", "b"} and set(record["videos"]) == {"a"}
    assert set(record["bags"]) == {"a.mcap", "b/metadata.yaml"}
    new = {
        str(path.relative_to(tmp_path / "new")) for path in (tmp_path / "new").rglob("*") if path.is_file()
    }
    pictures = {"a/0.png", "a/1.png", "a/2.png", "b/1.png"}
    assert new >= pictures | {"a.mp4", "a.json", "a.mcap", "b/metadata.yaml", "recast.json"}
    with (tmp_path / "new/a.mcap").open("rb") as file:
        assert len(list(make_reader(file).iter_messages())) == count


KINDS: dict[str, Callable[[ClipRef], bool]] = {
    "bags": lambda ref: bool(ref.topic),
    "folders": lambda ref: bool(ref.images) and not ref.topic,
    "videos": lambda ref: not ref.images,
}


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.usefixtures("in_process")
def test_a_kind_of_which_nothing_was_released_is_counted_and_the_others_come_back(
    tmp_path: Path, kind: str
) -> None:
    lay(tmp_path)
    record = given_back(tmp_path, KINDS[kind])
    assert set(record) == set(KINDS)
    new = {path.suffix for path in (tmp_path / "new").rglob("*") if path.is_file()}
    came = {"folders": ".png" in new, "videos": ".mp4" in new}
    assert came == {name: name != kind for name in came}
    for bag in record["bags"].values():
        for topic in bag["topics"].values():
            assert (topic["released"], topic["left out"]) == ((0, 4) if kind == "bags" else (4, 0))
    for folder in record["folders"].values():
        assert (folder["released"] == 0) == (kind == "folders")


@pytest.mark.usefixtures("in_process")
def test_nothing_released_of_any_kind_is_said(tmp_path: Path) -> None:
    lay(tmp_path)
    with pytest.raises(UserError, match="no picture was released"):
        given_back(tmp_path, lambda ref: True)
    assert not list((tmp_path / "new").rglob("*.*"))


@pytest.mark.parametrize(
    ("video", "pictures"),
    [("a.mp4", "a.json"), ("a.mkv", "a.mkv.mp4"), ("a.mov", "a.mov.json/deep"), ("x/a.mp4", "x/a.json")],
)
@pytest.mark.usefixtures("in_process")
def test_a_folder_of_pictures_called_like_a_video_that_is_given_back(
    tmp_path: Path, video: str, pictures: str
) -> None:
    fill(tmp_path / "in" / pictures, ["1.png", "2.png"])
    (tmp_path / "in" / video).parent.mkdir(exist_ok=True)
    videos.write(tmp_path / "in" / video, videos.pictures(9, 48, 64))
    with pytest.raises(UserError, match=r"a file and a folder.*Rename it"):
        given_back(tmp_path)
