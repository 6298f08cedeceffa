"""Bags given back: the same topics, forms and times, of the source nothing that is not named, and nothing lost."""

import io
import json
import random
from collections.abc import Callable
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest
from foxglove_schemas_protobuf.CompressedImage_pb2 import CompressedImage
from foxglove_schemas_protobuf.CompressedVideo_pb2 import CompressedVideo
from mcap.reader import make_reader
from mcap.stream_reader import StreamReader
from mcap.writer import CompressionType
from mcap_protobuf.decoder import DecoderFactory
from PIL import Image
from rosbags.highlevel import AnyReader
from rosbags.rosbag2 import CompressionMode, StoragePlugin

from operators import storage
from operators.formats.bags import BagExport
from operators.formats.ended import Ended
from operators.video import units
from operators.video.encode import encode_video
from schemas.clip import ClipRef
from schemas.errors import UserError
from schemas.exports import Bags, OtherStreams
from tests import bag_sets
from tests.bag_sets import FRAME, ROS, SECRET, START, STEP, STORE, Bag, stored
from tests.operators.planning import test_bag
from tests.operators.planning.test_bag import COUNT, IMAGE, JPEGS, VIDEO, groups, plan

LEVEL = 200  # of all that was released
FORMS = [
    (IMAGE, "protobuf", "jpeg"),
    (IMAGE, "json", "png"),
    (ROS[0], "cdr", "bgr8; jpeg compressed bgr8"),
    (ROS[1], "cdr", "webp"),
    *((VIDEO, "protobuf", codec) for codec in units.CODECS),
    (VIDEO, "json", "h264"),
    (ROS[2], "cdr", "h264"),
]
Released = Callable[[ClipRef], bool]


def generated(ref: ClipRef) -> bytes:
    frames = np.full((ref.frames, ref.height, ref.width, 3), LEVEL, np.uint8)
    return encode_video(frames, ref.moments("source"), ref.time_base, ref.fps, 20, "veryfast")


def export(
    place: Path,
    target: Path,
    rules: Bags | None = None,
    others: OtherStreams | None = None,
    released: Released = lambda ref: True,
    refs: list[ClipRef] | None = None,
) -> dict[str, Any]:
    refs = plan(place) if refs is None else refs
    ended = {
        ref.key: Ended("failed" if ref.problem else "released" if released(ref) else "quarantined", "", "")
        for ref in refs
    }
    made = BagExport(
        str(place), rules or Bags(), others or OtherStreams(), refs, ended, generated, str(target)
    ).write()
    assert made == json.loads((target / "recast.json").read_text())
    return dict(made["bags"])


def data_of(said: str) -> list[bytes]:
    """A topic's pictures, or units of a video, in that format."""
    if said in units.CODECS:
        return groups(said)
    kind = "JPEG" if "jpeg" in said else said.upper()
    return [stored(picture, kind) for picture in test_bag.STREET]


def topic_of(schema: str, encoding: str, said: str) -> str:
    return f"/{schema}/{encoding}/{said.partition(';')[0]}"


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A bag with a topic of every form, and other things beside."""
    folder = tmp_path_factory.mktemp("bags")
    bag = Bag(folder / "drive" / "a.mcap")
    bag.beside()
    for schema, encoding, said in FORMS:
        bag.pictures(topic_of(schema, encoding, said), schema, encoding, data_of(said), said)
    bag.end()
    return folder / "drive"


def messages(path: Path) -> dict[str, list[tuple[Any, Any, Any]]]:
    """Schema, channel and message, by topic."""
    found: dict[str, list[tuple[Any, Any, Any]]] = {}
    with path.open("rb") as file:
        for schema, channel, message in make_reader(file, validate_crcs=True).iter_messages(
            log_time_order=False
        ):
            found.setdefault(channel.topic, []).append((schema, channel, message))
    return found


def everything(path: Path) -> bytes:
    """All that stands in an MCAP file, unpacked."""
    with path.open("rb") as file:
        return path.read_bytes() + repr(list(StreamReader(file).records)).encode()


def levels(form: tuple[str, str, str], raw: list[bytes]) -> list[tuple[float, int, tuple[int, int]]]:
    """Mean, spread and size of the picture in each message, and that its header is the source's."""
    schema, encoding, said = form
    pictures = []
    for moment, data in zip(bag_sets.moments(COUNT), raw, strict=True):
        if encoding == "json":
            held = json.loads(data)
            assert set(held) == {"timestamp", "frame_id", "data", "format"}
            stamp = (held["timestamp"]["sec"], held["timestamp"]["nsec"])
            frame, kind, picture = held["frame_id"], held["format"], bag_sets.base64.b64decode(held["data"])
        elif encoding == "protobuf":
            read = (CompressedVideo if schema == VIDEO else CompressedImage).FromString(data)
            stamp = (read.timestamp.seconds, read.timestamp.nanos)
            frame, kind, picture = read.frame_id, read.format, read.data
        else:
            ros: Any = STORE.deserialize_cdr(data, schema)
            header = getattr(ros, "header", ros)
            time = header.stamp if hasattr(ros, "header") else ros.timestamp
            stamp, frame, kind, picture = (
                (time.sec, time.nanosec),
                header.frame_id,
                ros.format,
                ros.data.tobytes(),
            )
        assert (stamp, frame, kind) == (bag_sets.stamp(moment), "", said)
        pictures.append(picture)
    if said in units.CODECS:
        context = av.CodecContext.create(units.CODECS[said], "r")
        context.flags |= av.codec.context.Flags.low_delay
        frames = [frame for each in pictures for frame in context.decode(av.Packet(each))]
        frames += context.decode(None)
        shown = [frame.to_ndarray(format="rgb24") for frame in frames]
    else:
        opened = [Image.open(io.BytesIO(each)) for each in pictures]
        assert {image.format.lower() for image in opened} == {"jpeg" if "jpeg" in said else said}
        shown = [np.asarray(image) for image in opened]
    return [(float(each.mean()), int(np.ptp(each)), each.shape[:2]) for each in shown]


def test_every_form_comes_back_in_the_same_form_with_the_same_times(whole: Path, tmp_path: Path) -> None:
    record = export(whole, tmp_path)
    source, new = messages(whole / "a.mcap"), messages(tmp_path / "a.mcap")
    assert set(new) == set(source) - {"/gps"}
    for form in FORMS:
        topic = topic_of(*form)
        for (schema, channel, old), (made_schema, made_channel, made) in zip(
            source[topic], new[topic], strict=True
        ):
            assert (made.log_time, made.publish_time) == (old.log_time, old.publish_time)
            assert (made_schema.name, made_schema.encoding) == (schema.name, schema.encoding)
            assert made_channel.message_encoding == channel.message_encoding
            assert made_channel.metadata == {}
        assert [made.sequence for _, _, made in new[topic]] == list(range(COUNT))
        for mean, spread, size in levels(form, [message.data for _, _, message in new[topic]]):
            assert abs(mean - LEVEL) <= 4 and spread <= 12 and size == (48, 64)
        assert record["a.mcap"]["topics"][topic] == {
            "released": 20,
            "black": 0,
            "left out": 0,
            "unreleased": [],
        }
    assert record["a.mcap"]["left_out"] == {"topics": 1, "messages": 4, "attachments": 2, "metadata": 2}


def test_of_the_source_there_is_nothing_that_is_not_named(whole: Path, tmp_path: Path) -> None:
    export(whole, tmp_path)
    assert SECRET.encode() in everything(whole / "a.mcap")
    found = everything(tmp_path / "a.mcap") + (tmp_path / "recast.json").read_bytes()
    for word in (SECRET, FRAME, "/gps", "hall 3", "notes.txt", "driver", "Fix"):
        assert word.encode() not in found, word
    with (tmp_path / "a.mcap").open("rb") as file:
        header = make_reader(file).get_header()
    assert header.library.startswith("recast ") and header.profile == "ros2"
    decoded = make_reader((tmp_path / "a.mcap").open("rb"), decoder_factories=[DecoderFactory()])
    assert (
        next(iter(decoded.iter_decoded_messages(topics=[topic_of(*FORMS[0])]))).decoded_message.format
        == "jpeg"
    )


def test_what_the_policy_names_is_given_back_as_it_is(whole: Path, tmp_path: Path) -> None:
    others = OtherStreams(topics=["/gps"], attachments=["notes.txt"], metadata=["site"], frame_ids=[FRAME])
    record = export(whole, tmp_path, others=others)["a.mcap"]
    source, new = messages(whole / "a.mcap"), messages(tmp_path / "a.mcap")
    for (schema, _, old), (made_schema, channel, made) in zip(source["/gps"], new["/gps"], strict=True):
        assert (made.data, made.log_time, made.publish_time) == (old.data, old.log_time, old.publish_time)
        assert (made_schema.name, made_schema.data, channel.metadata) == (schema.name, schema.data, {})
    with (tmp_path / "a.mcap").open("rb") as file:
        reader = make_reader(file)
        assert [(one.name, one.data) for one in reader.iter_attachments()] == [("notes.txt", SECRET.encode())]
        assert [(one.name, one.metadata) for one in reader.iter_metadata()] == [("site", {"name": "hall 3"})]
    assert record["given_back"] == {"/gps": 4}
    assert record["left_out"] == {"topics": 0, "messages": 0, "attachments": 1, "metadata": 1}
    frames = {CompressedImage.FromString(one.data).frame_id for _, _, one in new[topic_of(*FORMS[0])]}
    assert frames == {FRAME}


def test_pictures_are_not_given_back_as_they_are_whatever_the_policy_names(tmp_path: Path) -> None:
    bag = Bag(tmp_path / "in/a.mcap")
    bag.pictures("/cam", IMAGE, "protobuf", JPEGS, "jpeg")
    bag.pictures("/rear", ROS[0], "cdr", JPEGS, "jpeg")
    bag.channel("/raw", "sensor_msgs/msg/Image", "cdr", ("", b""))
    bag.add("/raw", START, b"picture")
    bag.beside()
    bag.end()
    export(tmp_path / "in", tmp_path / "all", others=OtherStreams(topics=["/raw"]))
    assert set(messages(tmp_path / "all/a.mcap")) == {"/cam", "/rear"}
    refs = plan(tmp_path / "in", ("/cam",))
    for number, name in enumerate(("/raw", "/rear")):
        with pytest.raises(UserError, match="never given back as they are"):
            export(tmp_path / "in", tmp_path / str(number), others=OtherStreams(topics=[name]), refs=refs)
    with pytest.raises(UserError, match="a picture or a video"):
        export(tmp_path / "in", tmp_path / "face", others=OtherStreams(attachments=["face.jpg"]), refs=refs)
    assert not list(tmp_path.glob("[01f]*/recast.json"))
    export(tmp_path / "in", tmp_path / "one", refs=refs)
    assert set(messages(tmp_path / "one/a.mcap")) == {"/cam"}


def footage() -> dict[str, bytes]:
    """Pictures and videos in whatever stands around them."""
    video = generated(plan_of_one())
    made = {
        "mp4": video,
        "mp4 without its index": video[: len(video) // 2],
        "units": b"".join(groups("h264")),
    }
    for kind in ("matroska", "mpegts"):
        file = io.BytesIO()
        with av.open(io.BytesIO(video)) as old, av.open(file, "w", format=kind) as new:
            stream = new.add_stream_from_template(old.streams.video[0])
            for packet in old.demux(video=0):
                if packet.dts is not None:
                    packet.stream = stream
                    new.mux(packet)
        made[kind] = file.getvalue()
    bag = b"\x89MCAP0\r\n" + bytes(40)
    return made | {"recording": bag, "jpeg": JPEGS[0], "jpeg cut short": JPEGS[0][:400]}


def plan_of_one() -> ClipRef:
    """A clip to make a video of."""
    return ClipRef(
        clip_id=1,
        key="k-000000",
        uri="",
        source_digest="",
        source_hmac="",
        first_frame=0,
        overlap=0,
        pts=list(range(9)),
        time_base_num=1,
        time_base_den=10,
        fps_num=10,
        fps_den=1,
        width=64,
        height=48,
        rotation=0,
    )


def test_attachments_of_footage_are_told_by_their_bytes(tmp_path: Path) -> None:
    others = OtherStreams(attachments=["calib"])
    said: dict[str, str] = {}
    (tmp_path / "other.mp4").write_bytes(generated(plan_of_one()))
    path = tmp_path / "other.mp4"
    playlists = {
        "m3u": f"#EXTM3U\n#EXT-X-TARGETDURATION:5\n#EXTINF:1,\n{path}\n#EXT-X-ENDLIST\n".encode(),
        "concat": f"ffconcat version 1.0\nfile '{path}'\n".encode(),
    }
    notes = playlists | {
        "json": b'{"k": [1, 2]}' * 40,
        "yaml": b"k: [1]\n" * 90,
        "zeros": bytes(4000),
        "nothing": b"",
    }
    for number, (name, data) in enumerate((footage() | notes).items()):
        bag = Bag(tmp_path / f"{number}/a.mcap")
        bag.pictures("/cam", IMAGE, "protobuf", JPEGS[:6], "jpeg")
        bag._writer.add_attachment(START, START, "calib", "application/octet-stream", data)
        bag.end()
        try:
            export(tmp_path / str(number), tmp_path / f"{number}-out", others=others)
            said[name] = ""
        except UserError as error:
            said[name] = str(error)
    assert {name for name, problem in said.items() if not problem} == notes.keys()


@pytest.mark.parametrize(
    "written",
    [
        {"sec": 5, "nanosec": 6},
        {"sec": 1.5, "nsec": 0},
        {"sec": "7", "nsec": 8},
        {"sec": 7},
        {},
        "2024-01-01",
        5,
    ],
    ids=str,
)
def test_a_stamp_that_would_come_back_as_another_is_no_message(tmp_path: Path, written: object) -> None:
    bag = Bag(tmp_path / "in/a.mcap")
    bag.pictures("/cam", IMAGE, "json", JPEGS[:3], "jpeg")
    held = json.loads(bag_sets.message(IMAGE, "json", START, JPEGS[4], "jpeg")) | {"timestamp": written}
    bag.add("/cam", START + 9 * STEP, json.dumps(held).encode())
    bag.end()
    told = export(tmp_path / "in", tmp_path / "out")["a.mcap"]["topics"]["/cam"]
    assert (told["released"], told["left out"]) == (3, 1)
    assert told["unreleased"][0]["reason"] == "1 pictures are no messages of their schema"


def test_a_recording_in_a_folder_called_like_the_record_of_all_is_refused(tmp_path: Path) -> None:
    bag = Bag(tmp_path / "in/recast.json/a.mcap")
    bag.pictures("/cam", IMAGE, "protobuf", JPEGS[:3], "jpeg")
    bag.end()
    with pytest.raises(UserError, match="the record of all"):
        export(tmp_path / "in", tmp_path / "out")


def test_what_is_in_a_topic_without_a_name_is_a_record(tmp_path: Path) -> None:
    bag = Bag(tmp_path / "in/a.mcap")
    bag.pictures("", IMAGE, "protobuf", JPEGS[:3], "jpeg")
    bag.pictures("/cam", IMAGE, "protobuf", JPEGS[:3], "jpeg")
    bag.end()
    refs = plan(tmp_path / "in")
    assert test_bag.refused(refs) == {"3 pictures are of a topic without a name": 3}
    told = export(tmp_path / "in", tmp_path / "out", refs=refs)["a.mcap"]
    assert told["reasons"] == ["3 pictures are of a topic without a name"]
    assert (told["topics"]["/cam"]["released"], told["left_out"]["messages"]) == (3, 3)


@pytest.mark.parametrize("form", FORMS, ids=lambda form: topic_of(*form))
@pytest.mark.parametrize("unreleased", ["omit", "black"])
def test_what_was_not_released_is_left_out_or_black_and_counted(
    tmp_path: Path, form: tuple[str, str, str], unreleased: str
) -> None:
    schema, encoding, said = form
    bag = Bag(tmp_path / "in/a.mcap")
    bag.pictures("/cam", schema, encoding, data_of(said), said)
    bag.end()
    rules = Bags(unreleased=unreleased)
    record = export(tmp_path / "in", tmp_path / "new", rules, released=lambda ref: ref.first_frame != 7)[
        "a.mcap"
    ]
    held = list(range(9, 16))
    state = "black" if unreleased == "black" else "left out"
    told = record["topics"]["/cam"]
    assert (told["released"], told[state]) == (13, 7)
    (one,) = told["unreleased"]
    assert (one["state"], one["messages"]) == (state, held) and "was quarantined" in one["reason"]
    new = messages(tmp_path / "new/a.mcap")["/cam"]
    due = [
        moment
        for number, moment in enumerate(bag_sets.moments(COUNT))
        if state == "black" or number not in held
    ]
    assert [message.log_time for _, _, message in new] == due
    assert [message.sequence for _, _, message in new] == [(moment - START) // STEP for moment in due]
    if state == "black":
        found = levels(form, [message.data for _, _, message in new])
        assert [mean < 3 for mean, _, _ in found] == [number in held for number in range(COUNT)]


@pytest.mark.parametrize("name", test_bag.TABLE)
def test_every_message_of_a_spoilt_bag_is_counted_once(tmp_path: Path, name: str) -> None:
    spoil = test_bag.TABLE[name][0]
    (tmp_path / "in").mkdir()
    spoil(tmp_path / "in")
    refs = plan(tmp_path / "in")
    if not test_bag.released(refs):
        with pytest.raises(UserError, match="no picture was released"):
            export(tmp_path / "in", tmp_path / "new")
        return
    record = export(tmp_path / "in", tmp_path / "new", Bags(unreleased="black"))["a.mcap"]
    told = record["topics"].values()
    assert sum(one["released"] for one in told) == test_bag.released(refs)
    lost = sum(len(part["messages"]) for one in told for part in one["unreleased"])
    assert lost == sum(test_bag.refused(refs).values()) == sum(one["left out"] for one in told)
    assert (record["reasons"] != []) == (name == "chunk cut short")
    with (tmp_path / "new/a.mcap").open("rb") as file:
        assert make_reader(file).get_summary().statistics.message_count == test_bag.released(refs)


@pytest.mark.parametrize("seed", range(16))
def test_bits_that_fell_over_lose_no_message_and_let_none_through(tmp_path: Path, seed: int) -> None:
    rng = random.Random(seed)
    bag = Bag(tmp_path / "in/a.mcap", compression=list(CompressionType)[seed % 3], use_chunking=seed % 4 > 0)
    bag.pictures("/cam", IMAGE, "protobuf", JPEGS, "jpeg")
    bag.pictures("/video", VIDEO, "json", groups("h264"), "h264")
    bag.beside()
    path = bag.end()
    whole = bytearray(path.read_bytes())
    for _ in range(rng.choice([1, 3, 9])):
        at = rng.randrange(len(whole))
        kind = rng.choice(["flip", "flip", "lose", "gain"])
        if kind == "flip":
            whole[at] ^= 1 << rng.randrange(8)
        else:
            whole[at : at + rng.randrange(300) * (kind == "lose")] = rng.randbytes(40 * (kind == "gain"))
    path.write_bytes(whole)
    refs = plan(tmp_path / "in")
    if not test_bag.released(refs):
        assert test_bag.refused(refs)
        return
    told = (record := export(tmp_path / "in", tmp_path / "new", refs=refs)["a.mcap"])["topics"].values()
    assert sum(one["released"] for one in told) == test_bag.released(refs)
    assert sum(one["left out"] for one in told) == sum(test_bag.refused(refs).values())
    assert record["reasons"] or sum(one["released"] + one["left out"] for one in told) == 2 * COUNT
    assert SECRET.encode() not in everything(tmp_path / "new/a.mcap")


@pytest.mark.parametrize("mode", [CompressionMode.FILE, CompressionMode.MESSAGE])
def test_a_compressed_rosbag2_is_read(tmp_path: Path, mode: CompressionMode) -> None:
    topics = {"/cam": (ROS[0], JPEGS, "jpeg")}
    bag_sets.rosbag2(tmp_path / "in/ros", topics, compression=mode)
    record = export(tmp_path / "in", tmp_path / "new")
    assert record["ros/metadata.yaml"]["topics"]["/cam"]["released"] == COUNT
    with AnyReader([tmp_path / "new/ros"]) as new:
        assert [at for _, at, _ in new.messages()] == list(bag_sets.moments(COUNT))


def test_a_rosbag2_comes_back_as_one(tmp_path: Path) -> None:
    topics = {"/cam": (ROS[0], JPEGS, "jpeg"), "/video": (ROS[2], groups("h264"), "h264")}
    source = bag_sets.rosbag2(tmp_path / "in/ros", topics)
    record = export(tmp_path / "in", tmp_path / "new", others=OtherStreams(topics=["/chatter"]))
    assert record["ros/metadata.yaml"]["given_back"] == {"/chatter": 3}
    assert {path.name for path in (tmp_path / "new/ros").iterdir()} == {"metadata.yaml", "ros.db3"}
    with AnyReader([source]) as old, AnyReader([tmp_path / "new/ros"]) as new:
        one, other = list(old.messages()), list(new.messages())
        assert [(c.topic, c.msgtype, at) for c, at, _ in one] == [
            (c.topic, c.msgtype, at) for c, at, _ in other
        ]
        for (connection, at, before), (_, _, after) in zip(one, other, strict=True):
            made: Any = new.deserialize(after, connection.msgtype) if connection.topic == "/cam" else None
            if connection.topic == "/chatter":
                assert before == after
            if made:
                assert (made.header.stamp.sec, made.header.stamp.nanosec) == bag_sets.stamp(at)
                assert abs(np.asarray(Image.open(io.BytesIO(made.data))).mean() - LEVEL) < 3
    record = export(source, tmp_path / "alone")
    assert record["metadata.yaml"]["left_out"] == {
        "topics": 1,
        "messages": 3,
        "attachments": 0,
        "metadata": 0,
    }
    assert SECRET.encode() not in b"".join(path.read_bytes() for path in (tmp_path / "alone").rglob("*.*"))


def test_a_rosbag2_in_mcap_comes_back_with_its_metadata(tmp_path: Path) -> None:
    topics = {"/cam": (ROS[0], JPEGS, "jpeg"), "/video": (ROS[2], groups("h264"), "h264")}
    source = bag_sets.rosbag2(tmp_path / "in/ros", topics, StoragePlugin.MCAP)
    export(tmp_path / "in", tmp_path / "new")
    assert {path.name for path in (tmp_path / "new/ros").iterdir()} == {"metadata.yaml", "ros.mcap"}
    for made in (tmp_path / "new/ros", tmp_path / "new/ros/ros.mcap"):
        with AnyReader([source]) as old, AnyReader([made]) as new:
            kept = [(c.topic, c.msgtype, at) for c, at, _ in old.messages() if c.topic != "/chatter"]
            assert [(c.topic, c.msgtype, at) for c, at, _ in new.messages()] == kept
            counts = {name: (topic.msgtype, topic.msgcount) for name, topic in new.topics.items()}
            assert counts == {"/cam": (ROS[0], COUNT), "/video": (ROS[2], COUNT)}
            assert (new.start_time, new.end_time, new.message_count) == (
                START,
                START + 19 * STEP + 1,
                2 * COUNT,
            )
    assert SECRET.encode() not in b"".join(path.read_bytes() for path in (tmp_path / "new").rglob("*.*"))


def test_a_bag_that_changed_since_it_was_planned_is_not_given_back(tmp_path: Path) -> None:
    (tmp_path / "in").mkdir()
    test_bag.made(tmp_path / "in")
    refs = plan(tmp_path / "in")
    for number, data in enumerate((JPEGS[::-1], JPEGS[:9], [*JPEGS, JPEGS[0]])):
        test_bag.made(tmp_path / "in", data)
        with pytest.raises(UserError, match="has changed since it was planned"):
            export(tmp_path / "in", tmp_path / f"new{number}", refs=refs)
        assert not (tmp_path / f"new{number}/recast.json").exists()


def test_of_several_bags_one_that_cannot_be_read_is_told_and_the_others_come_back(tmp_path: Path) -> None:
    (tmp_path / "in").mkdir()
    test_bag.made(tmp_path / "in")
    (tmp_path / "in/none.mcap").write_bytes(b"none")
    broken = bag_sets.rosbag2(tmp_path / "in/ros", {"/cam": (ROS[0], JPEGS, "jpeg")})
    good = plan(tmp_path / "in")
    (broken / "ros.db3").write_bytes(b"none")
    with pytest.raises(UserError, match="cannot be read any more"):
        export(tmp_path / "in", tmp_path / "late", refs=good)
    record = export(tmp_path / "in", tmp_path / "new")
    assert {path.name for path in (tmp_path / "new").rglob("*")} == {"a.mcap", "recast.json"}
    assert {name: bool(said["reasons"]) for name, said in record.items()} == {
        "a.mcap": False,
        "none.mcap": True,
        "ros/metadata.yaml": True,
    }


@pytest.mark.parametrize("place", ["local", "s3", "gs"], indirect=True)
def test_a_bag_in_a_store_comes_back_there(place: str, tmp_path: Path) -> None:
    storage.write_bytes(f"{place}/in", "drive/a.mcap", test_bag.made(tmp_path).read_bytes())
    refs = plan(f"{place}/in")
    assert test_bag.shown(refs, "/cam").shape[0] == COUNT
    ended = {ref.key: Ended("released", "", "") for ref in refs}
    rules = (Bags(), OtherStreams(), refs, ended, generated)
    BagExport(f"{place}/in", *rules, f"{place}/out").write()
    (tmp_path / "new.mcap").write_bytes(storage.read_bytes(f"{place}/out", "drive/a.mcap"))
    assert [one.log_time for _, _, one in messages(tmp_path / "new.mcap")["/cam"]] == list(
        bag_sets.moments(COUNT)
    )


def test_a_video_of_another_size_is_not_taken_apart(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "in").mkdir()
    test_bag.made(tmp_path / "in")
    other = encode_video(
        np.zeros((1, 48, 64, 3), np.uint8), [0], Fraction(1, 10), Fraction(10), 20, "veryfast"
    )
    monkeypatch.setitem(globals(), "generated", lambda ref: other)
    with pytest.raises(UserError, match="does not hold the planned pictures"):
        export(tmp_path / "in", tmp_path / "new")
