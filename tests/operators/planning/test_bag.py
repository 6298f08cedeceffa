"""Bags: each picture of each topic in a clip once, in order and with its time, or in a record that says why not."""

import io
import os
import shutil
import tempfile
from collections.abc import Callable
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
from mcap.writer import CompressionType, IndexType
from PIL import Image

from operators import storage
from operators.bags import local
from operators.bags.read import size_of
from operators.planning.listing import list_sources
from operators.planning.probe import named, probe_source, source_key
from operators.video import units
from operators.video.decode import DecodeError, decode, decode_clip
from operators.video.encode import decode_bytes, encode_video
from schemas import words
from schemas.clip import ClipRef
from schemas.policy import Sources
from schemas.profile import Clips
from tests import bag_sets
from tests.bag_sets import ROS, START, STEP, Bag, stored
from tests.lerobot_sets import street

CLIPS = Clips(frames=9, overlap=2, max_bytes=10**7)
COUNT = 20
STREET = street(COUNT)
JPEGS = [stored(picture) for picture in STREET]
MP4 = encode_video(STREET, list(range(COUNT)), Fraction(1, 10), Fraction(10), 20, "veryfast")
SHOWN = decode_bytes(MP4)
IMAGE, VIDEO = "foxglove.CompressedImage", "foxglove.CompressedVideo"


def plan(place: Path | str, topics: tuple[str, ...] = ()) -> list[ClipRef]:
    """As jobs.plan does it, but for Ray."""
    refs = [
        named(ref, b"key")
        for source in list_sources([str(place)]).videos
        for ref in probe_source(source.uri, source_key(source.name, b"key"), CLIPS, topics=topics)
    ]
    for ref in refs:
        assert not ref.problem or words.reason(ref.problem) == ref.problem
        assert not ref.remedy or words.remedy(ref.remedy) == ref.remedy
    assert len({ref.clip_id for ref in refs}) == len({ref.key for ref in refs}) == len(refs)
    return refs


def shown(refs: list[ClipRef], topic: str) -> np.ndarray:
    """All pictures of a topic that clips release, decoded; their log times are in order."""
    own = [ref for ref in refs if ref.topic == topic and not ref.problem]
    return np.concatenate([decode_clip(ref)[ref.overlap :] for ref in own])


def released(refs: list[ClipRef]) -> int:
    return sum(ref.frames for ref in refs if not ref.problem)


def refused(refs: list[ClipRef]) -> dict[str, int]:
    return {ref.problem: len(ref.pts) for ref in refs if ref.problem}


def groups(codec: str, length: int = 10) -> list[bytes]:
    """A video's units, with a key frame every `length` frames."""
    made: list[bytes] = []
    for first in range(0, COUNT, length):
        part = STREET[first : first + length]
        mp4 = encode_video(part, list(range(len(part))), Fraction(1, 10), Fraction(10), 20, "veryfast")
        made += units.encoded(mp4, decode_bytes(mp4), codec)
    return made


@pytest.mark.parametrize(
    ("schema", "encoding"), [(IMAGE, "protobuf"), (IMAGE, "json"), (ROS[0], "cdr"), (ROS[1], "cdr")]
)
@pytest.mark.parametrize("kind", ["JPEG", "PNG"])
def test_pictures_of_every_form_are_the_messages_own(
    tmp_path: Path, schema: str, encoding: str, kind: str
) -> None:
    data = [stored(picture, kind) for picture in STREET]
    bag = Bag(tmp_path / "a.mcap")
    bag.pictures("/cam", schema, encoding, data, kind.lower())
    bag.beside()
    bag.end()
    refs = plan(tmp_path)
    assert released(refs) == COUNT and refused(refs) == {}
    due = [np.asarray(Image.open(io.BytesIO(each)).convert("RGB")) for each in data]
    assert np.array_equal(shown(refs, "/cam"), np.stack(due))
    assert refs[0].other_streams == ["/gps: Fix, 4 messages"]
    assert [ref.pts[0] * ref.time_base for ref in refs] == [0, Fraction(7, 10), Fraction(14, 10)]
    assert {ref.fps for ref in refs} == {Fraction(10)} or abs(refs[0].fps - 10) < 0.01


@pytest.mark.parametrize("codec", units.CODECS)
@pytest.mark.parametrize(("schema", "encoding"), [(VIDEO, "protobuf"), (VIDEO, "json"), (ROS[2], "cdr")])
def test_video_is_decoded_from_the_key_frame_before_a_clip(
    tmp_path: Path, codec: str, schema: str, encoding: str
) -> None:
    data = groups(codec)
    bag = Bag(tmp_path / "a.mcap")
    bag.pictures("/cam", schema, encoding, data, codec)
    bag.end()
    refs = plan(tmp_path)
    assert released(refs) == COUNT and refused(refs) == {}
    whole = [
        frame.to_ndarray(format="rgb24") for frame in units.decoded((codec, each) for each in data) if frame
    ]
    assert np.array_equal(shown(refs, "/cam"), np.stack(whole))
    assert max(len(ref.images) - len(ref.pts) for ref in refs) == 7, "and from nowhere earlier"


def test_topics_of_other_sizes_and_forms_lie_side_by_side_and_some_can_be_chosen(tmp_path: Path) -> None:
    bag = Bag(tmp_path / "a.mcap")
    bag.pictures("/front", IMAGE, "protobuf", JPEGS, "jpeg")
    bag.pictures("/rear", ROS[0], "cdr", [stored(picture[:, :30]) for picture in STREET[:7]], "jpeg")
    bag.channel("/empty", IMAGE, "protobuf")
    bag.end()
    bag_sets.rosbag2(tmp_path / "ros", {"/top": (ROS[0], JPEGS[:5], "jpeg")})
    refs = plan(tmp_path)
    assert {(ref.topic, ref.width) for ref in refs} == {("/front", 64), ("/rear", 30), ("/top", 64)}
    assert (released(refs), refused(refs)) == (32, {})
    assert f"/empty: {IMAGE}, 0 messages" in refs[0].other_streams
    chosen = plan(tmp_path / "a.mcap", ("/rear",))
    assert {ref.topic for ref in chosen} == {"/rear"}
    assert f"/front: {IMAGE}, 20 messages" in chosen[0].other_streams


@pytest.mark.parametrize(
    "options",
    [
        {"use_chunking": False},
        {"index_types": IndexType.NONE, "use_statistics": False},
        {"compression": CompressionType.LZ4, "chunk_size": 100},
        {"repeat_channels": False, "repeat_schemas": False, "enable_data_crcs": True},
    ],
)
def test_files_without_chunks_or_without_an_index(tmp_path: Path, options: dict) -> None:
    bag = Bag(tmp_path / "a.mcap", **options)
    bag.pictures("/cam", IMAGE, "protobuf", JPEGS, "jpeg")
    bag.end()
    refs = plan(tmp_path)
    assert shown(refs, "/cam").shape[0] == COUNT
    assert refused(refs) == {}


def test_no_clip_lies_across_a_clock_that_goes_back_or_stands_still(tmp_path: Path) -> None:
    bag = Bag(tmp_path / "a.mcap")
    bag.channel("/cam", IMAGE, "protobuf")
    steps = [*range(6), *range(2, 8), 7, 10**9]
    for step, data in zip(steps, JPEGS, strict=False):
        moment = START + step * STEP
        bag.add("/cam", moment, bag_sets.message(IMAGE, "protobuf", moment, data, "jpeg"))
    bag.end()
    refs = plan(tmp_path)
    assert [len(ref.pts) for ref in refs] == [6, 6, 1, 1]
    due = [np.asarray(Image.open(io.BytesIO(each))) for each in JPEGS[: len(steps)]]
    assert np.array_equal(shown(refs, "/cam"), np.stack(due))


Spoil = Callable[[Path], None]


def made(
    folder: Path,
    data: list[bytes] = JPEGS,
    schema: str = IMAGE,
    said: str = "jpeg",
    encoding: str = "protobuf",
) -> Path:
    bag = Bag(folder / "a.mcap", compression=CompressionType.NONE)
    bag.pictures("/cam", schema, encoding, data, said)
    return bag.end()


def unknown(folder: Path, schema: str, encoding: str) -> None:
    bag = Bag(folder / "a.mcap")
    bag.channel("/cam", schema, encoding, ("", b""))
    for number in range(COUNT):
        bag.add("/cam", START + number * STEP, b"picture")
    bag.pictures("/good", IMAGE, "protobuf", JPEGS, "jpeg")
    bag.end()


def cut(folder: Path) -> None:
    path = made(folder)
    path.write_bytes(path.read_bytes()[: path.stat().st_size * 6 // 10])


def flipped(folder: Path, keep_summary: bool = True) -> None:
    """A byte in the pictures of the second chunk."""
    path = made(folder)
    whole = bytearray(path.read_bytes())
    at = whole.index(JPEGS[7]) + len(JPEGS[7]) // 2
    whole[at] ^= 1
    path.write_bytes(whole if keep_summary else whole[:-40])


def depth(folder: Path) -> None:
    file = io.BytesIO()
    Image.fromarray(np.full((4, 4), 9000, np.uint16)).save(file, "PNG")
    made(folder, [*JPEGS[:5], file.getvalue()])


def holed(codec: str) -> list[bytes]:
    """A video of which the third frame is spoilt."""
    data = groups(codec)
    return [*data[:3], b"\0\0\0\1\x41", *data[4:]]


TABLE: dict[str, tuple[Callable[[Path], object], int, dict[str, int]]] = {
    "chunk cut short": (
        cut,
        -1,
        {"the bag is cut short, or damaged where nobody can tell what is missing": 0},
    ),
    "bad CRC": (flipped, -1, {"pictures lie in a chunk that is damaged": -1}),
    "raw pictures": (
        lambda folder: unknown(folder, "sensor_msgs/msg/Image", "cdr"),
        COUNT,
        {"20 pictures are of a form that is not read": 20},
    ),
    "another encoding": (
        lambda folder: unknown(folder, IMAGE, "flatbuffer"),
        COUNT,
        {"20 pictures are of a form that is not read": 20},
    ),
    "a schema that is not the messages'": (
        lambda folder: unknown(folder, ROS[0], "cdr"),
        COUNT,
        {"20 pictures are no messages of their schema": 20},
    ),
    "a picture that does not decode": (
        lambda folder: made(folder, [*JPEGS[:5], JPEGS[5][:300], b"", *JPEGS[7:]]),
        18,
        {"2 pictures cannot be decoded": 2},
    ),
    "depth": (depth, 5, {"1 pictures are no footage but labels, bits or measurements such as depth": 1}),
    "an unknown codec": (
        lambda folder: made(folder, JPEGS[:5], VIDEO, "theora"),
        0,
        {"5 pictures are of a form that is not read": 5},
    ),
    "video without its first key frame": (
        lambda folder: made(folder, groups("h264")[4:], VIDEO, "h264"),
        10,
        {"6 pictures cannot be decoded": 6},
    ),
    "video with a hole": (
        lambda folder: made(folder, holed("h264"), VIDEO, "h264"),
        13,
        {"1 pictures cannot be decoded": 1, "6 pictures lean on one that is missing or cannot be decoded": 6},
    ),
    "no pictures": (
        lambda folder: (bag := Bag(folder / "a.mcap"), bag.beside(), bag.end()),
        0,
        {"there is no topic of pictures in it": 0},
    ),
    "an empty file": (
        lambda folder: (folder / "a.mcap").write_bytes(b""),
        0,
        {"the bag is cut short, or damaged where nobody can tell what is missing": 0},
    ),
    "no MCAP": (
        lambda folder: (folder / "a.mcap").write_bytes(b"\x89PNG" * 999),
        0,
        {"the bag is cut short, or damaged where nobody can tell what is missing": 0},
    ),
}


@pytest.mark.parametrize("name", TABLE)
def test_what_cannot_be_read_is_one_record_and_the_others_are_there(tmp_path: Path, name: str) -> None:
    spoil, whole, due = TABLE[name]
    spoil(tmp_path)
    refs = plan(tmp_path)
    for ref in refs:
        if not ref.problem:
            assert decode_clip(ref).shape[0] == len(ref.pts)
            with pytest.raises(DecodeError) if due and ref.missing else pytest.MonkeyPatch.context():
                decode(ref, Sources(incomplete="refuse"))
    found = refused(refs)
    assert len(found) == len(due)
    for (problem, count), (said, number) in zip(found.items(), due.items(), strict=True):
        assert problem.endswith(said)
        assert count == number or number < 0 < count
    if whole >= 0:
        assert released(refs) == whole
    elif name == "bad CRC":
        assert released(refs) + sum(found.values()) == COUNT, "nothing is lost"
        assert 0 < sum(found.values()) < COUNT
    else:
        assert 0 < released(refs) < COUNT


def test_a_bag_that_changed_since_it_was_planned_is_not_decoded(tmp_path: Path) -> None:
    made(tmp_path)
    refs = plan(tmp_path)
    made(tmp_path, JPEGS[::-1])
    for ref in refs:
        with pytest.raises(DecodeError, match="has changed"):
            decode_clip(ref)
    (tmp_path / "a.mcap").write_bytes(b"")
    with pytest.raises(DecodeError):
        decode_clip(refs[0])


SPOILT: dict[str, tuple[str, Callable[[bytes], bytes | None]]] = {
    "empty": ("ros.db3", lambda _: b""),
    "a head alone": ("ros.db3", lambda _: b"SQLite format 3\0" + bytes(4000)),
    "cut short": ("ros.db3", lambda data: data[: len(data) * 6 // 10]),
    "zeros in the middle": ("ros.db3", lambda data: data[: len(data) // 2] + bytes(len(data) // 2)),
    "no database": ("ros.db3", lambda _: None),
    "no yaml": ("metadata.yaml", lambda _: b": no yaml {"),
    "another yaml": ("metadata.yaml", lambda _: b"a: 1"),
}


@pytest.mark.parametrize("kind", SPOILT)
def test_a_rosbag2_that_cannot_be_read_is_one_record(tmp_path: Path, kind: str) -> None:
    """That says what is wrong with it, and what can be done."""
    folder = bag_sets.rosbag2(tmp_path / "ros", {"/cam": (ROS[0], JPEGS, "jpeg")})
    assert released(plan(tmp_path)) == COUNT
    name, spoil = SPOILT[kind]
    data = spoil((folder / name).read_bytes())
    (folder / name).unlink() if data is None else (folder / name).write_bytes(data)
    if kind == "no database":
        (folder / "other.db3").write_bytes(b"")  # without any the folder is no rosbag2 in SQLite
    (ref,) = plan(tmp_path)
    assert ref.pts == [] and ref.problem == "the bag's database or its metadata.yaml is damaged or missing"
    assert ".recover" in ref.remedy and words.reason(ref.problem) == ref.problem


@pytest.fixture
def copies(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder for temporary files, in which nothing is held yet."""
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "tmp"))
    (tmp_path / "tmp").mkdir()
    monkeypatch.setattr(local, "_HELD", {})
    return tmp_path / "tmp"


def test_a_rosbag2_in_sqlite_is_read_from_a_store(s3: str, tmp_path: Path, copies: Path) -> None:
    """As from a disk, by one copy for all clips, which goes with the next bag; what lies beside it is not copied."""
    for name in ("one", "two"):
        bag_sets.rosbag2(tmp_path / name, {"/front": (ROS[0], JPEGS, "jpeg")})
        for file in (tmp_path / name).iterdir():
            storage.write_bytes(f"{s3}/ros2/{name}", file.name, file.read_bytes())
        storage.write_bytes(f"{s3}/ros2/{name}", "notes.txt", b"x")
    refs, there = plan(f"{s3}/ros2/one"), plan(tmp_path / "one")
    assert [(ref.pts, ref.images, ref.problem) for ref in refs] == [
        (ref.pts, ref.images, ref.problem) for ref in there
    ]
    assert np.array_equal(shown(refs, "/front"), shown(there, "/front")) and released(refs) == COUNT
    (held,) = copies.iterdir()
    assert sorted(file.name for file in held.iterdir()) == ["metadata.yaml", "one.db3"]
    assert held.stat().st_mode & 0o777 == 0o700
    killed = held.with_name(
        f"{held.name.removesuffix(str(os.getpid()))}{2**22 + 1}"
    )  # no process has that number
    killed.mkdir()
    assert size_of(refs[0].uri) > 0 and not refused(plan(f"{s3}/ros2/two"))
    assert list(copies.iterdir()) == [held], "nor that of who was killed"
    assert sorted(file.name for file in held.iterdir()) == ["metadata.yaml", "two.db3"]
    storage.delete(f"{s3}/ros2/one", ["metadata.yaml"])
    with pytest.raises(DecodeError):
        decode_clip(refs[0])


def test_a_rosbag2_in_a_store_for_which_there_is_no_room(
    s3: str, tmp_path: Path, copies: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Is one record that says so, and no clip of it is made; no part of it stays."""
    bag_sets.rosbag2(tmp_path / "log", {"/front": (ROS[0], JPEGS, "jpeg")})
    for file in (tmp_path / "log").iterdir():
        storage.write_bytes(f"{s3}/full/log", file.name, file.read_bytes())
    (good, *_) = plan(f"{s3}/full/log")
    monkeypatch.setattr(local, "_HELD", {})
    usage = shutil.disk_usage(tmp_path)._replace(free=99)
    monkeypatch.setattr(shutil, "disk_usage", lambda _: usage)
    assert refused(plan(f"{s3}/full/log")) == {"there is no room for a copy of it on the local disk": 0}
    with pytest.raises(DecodeError, match="no room"):
        decode_clip(good)
    assert not list(copies.iterdir())
