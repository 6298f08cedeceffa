"""Bags through the real jobs: planned, anonymized, verified, given back, and read by three libraries."""

import io
import json
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest
import ray
from mcap.reader import make_reader
from PIL import Image
from rosbags.highlevel import AnyReader
from rosbags.rosbag2 import StoragePlugin

from operators.video.units import encoded
from tests import bag_sets
from tests.bag_sets import ROS, SECRET, Bag, stored
from tests.jobs import here
from tests.jobs.small import cut_video, settings

IMAGE, VIDEO = "foxglove.CompressedImage", "foxglove.CompressedVideo"
OTHERS = ["--set", "policy.other_streams.topics=[/gps]", "--set", "policy.bags.unreleased=black"]


@pytest.fixture(scope="module")
def done(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A drive of somebody, a bag with two cameras and a rosbag2 with one, and what the jobs made of it."""
    folder = tmp_path_factory.mktemp("bags")
    video = cut_video(folder / "a.mp4", 9).read_bytes()
    with av.open(io.BytesIO(video)) as container:
        pictures = [frame.to_ndarray(format="rgb24") for frame in container.decode(video=0)]
    jpegs = [stored(picture) for picture in pictures]
    bag = Bag(folder / "in/drive.mcap")
    bag.pictures("/front", IMAGE, "protobuf", [*jpegs[:6], jpegs[6][:999], *jpegs[7:]], "jpeg")
    bag.pictures("/video", VIDEO, "protobuf", encoded(video, np.stack(pictures), "h264"), "h264")
    bag.beside()
    bag.end()
    bag_sets.rosbag2(folder / "in/ros", {"/rear": (ROS[0], jpegs[:5], "bgr8; jpeg compressed bgr8")})
    bag_sets.rosbag2(folder / "in/log", {"/top": (ROS[0], jpegs[:5], "jpeg")}, StoragePlugin.MCAP)
    (folder / "in/stills").mkdir()
    for number, jpeg in enumerate(jpegs[:5]):
        (folder / f"in/stills/{number}.jpg").write_bytes(jpeg)
    sources, plan, out, new = (f"{folder}/{name}" for name in ("in", "plan", "out", "new"))
    options = [*settings(folder), *OTHERS]
    planned = here.job("plan", sources, "--plan", plan, *options)
    assert planned.returncode == 0, planned.stderr
    assert "1 pictures cannot be decoded" in planned.stdout
    assert f"left out: {sources}/drive.mcap: /gps: Fix, 4 messages" in planned.stdout
    assert "nothing has changed" in here.job("plan", sources, "--plan", plan, *options).stdout
    run = here.job("anonymize", "--plan", plan, "--output", out, *options)
    assert run.returncode in (0, 1), run.stderr
    assert here.job("verify", out).returncode == 0
    given = here.job("export", out, "--plan", plan, "--source", sources, "--to", new)
    assert given.returncode == 0, given.stderr + given.stdout
    assert "left out: drive.mcap: /front: 1 pictures: 1 pictures cannot be decoded" in given.stdout
    return folder


def record(done: Path) -> dict[str, Any]:
    return dict(json.loads((done / "new/recast.json").read_text())["bags"])


def read(path: Path) -> list[tuple[str, int, int, bytes]]:
    with path.open("rb") as file:
        found = make_reader(file, validate_crcs=True).iter_messages()
        return [(channel.topic, one.log_time, one.publish_time, one.data) for _, channel, one in found]


def test_every_message_is_accounted_for_and_its_times_are_the_sources(done: Path) -> None:
    told = record(done)["drive.mcap"]["topics"]
    assert {topic: one["released"] + one["black"] + one["left out"] for topic, one in told.items()} == {
        "/front": 9,
        "/video": 9,
    }
    assert told["/front"]["left out"] == 1 and told["/front"]["released"] + told["/video"]["released"] > 0
    source, new = read(done / "in/drive.mcap"), read(done / "new/drive.mcap")
    lost = bag_sets.START + 6 * bag_sets.STEP
    assert [one[:3] for one in new] == [one[:3] for one in source if one[:2] != ("/front", lost)]
    assert [one for one in new if one[0] == "/gps"] == [one for one in source if one[0] == "/gps"]
    for (_, _, _, before), (topic, _, _, after) in zip(
        (one for one in source if one[:2] != ("/front", lost)), new, strict=True
    ):
        assert (before == after) == (topic == "/gps"), "every picture is another one"


def test_pictures_beside_the_recordings_come_back_with_them(done: Path) -> None:
    told = json.loads((done / "new/recast.json").read_text())
    assert set(told) == {"bags", "folders"} and set(told["bags"]) == {
        "drive.mcap",
        "log/log.mcap",
        "ros/metadata.yaml",
    }
    assert len(list((done / "new/stills").glob("*.jpg"))) == told["folders"]["stills"]["released"]


def test_ray_reads_it(done: Path, cluster: None) -> None:
    """On a Ray of the tests' own: the one that Ray would look for may be what a crash left in its notes."""
    rows = ray.data.read_mcap(str(done / "new/drive.mcap"), topics=["/front"]).take_all()
    assert [row["log_time"] for row in rows] == [
        one[1] for one in read(done / "new/drive.mcap") if one[0] == "/front"
    ]
    assert {(row["schema_name"], row["message_encoding"]) for row in rows} == {(IMAGE, "protobuf")}


def test_rosbags_reads_both(done: Path) -> None:
    with AnyReader([done / "in/ros"]) as old, AnyReader([done / "new/ros"]) as new:
        kept = [(connection.topic, at) for connection, at, _ in old.messages() if connection.topic == "/rear"]
        assert [(connection.topic, at) for connection, at, _ in new.messages()] == kept
        for connection, at, data in new.messages():
            made: Any = new.deserialize(data, connection.msgtype)
            assert (made.header.stamp.sec, made.header.stamp.nanosec) == bag_sets.stamp(at)
            assert made.format == "bgr8; jpeg compressed bgr8"
            assert Image.open(io.BytesIO(made.data)).size == (112, 184)
    with AnyReader([done / "new/log"]) as bag:
        assert {connection.topic for connection, _, _ in bag.messages()} == {"/top"}


def test_nothing_of_the_bag_but_what_is_named_is_published(done: Path) -> None:
    gone = [SECRET, bag_sets.FRAME, "hall 3", "notes.txt", "/chatter"]
    with (done / "new/drive.mcap").open("rb") as file:
        reader = make_reader(file)
        held = [
            schema.data + repr(channel).encode() + (one.data if channel.topic != "/gps" else b"")
            for schema, channel, one in reader.iter_messages()
        ]
        assert not list(reader.iter_attachments()) and not list(reader.iter_metadata())
    files = [path.read_bytes() for path in done.glob("out/**/*") if path.is_file()]
    files += [path.read_bytes() for path in done.glob("new/ros/*")]
    whole = b"".join([*held, *files, (done / "new/recast.json").read_bytes()])
    assert [word for word in gone if word.encode() in whole] == []
    assert b"/front" not in b"".join(files), "topics are names of the source's, too"
