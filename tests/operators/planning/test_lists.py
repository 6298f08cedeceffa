"""Lists of people beside folders of pictures, recordings and LeRobot videos: whose they are, and what is refused."""

import os
from collections.abc import Callable
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from jobs.plan import by_episodes
from operators import storage
from operators.planning.listing import Source, list_sources, list_videos
from operators.planning.people import PEOPLE, is_listed_as_planned
from operators.planning.probe import probe_source
from operators.video.decode import decode
from schemas import words
from schemas.clip import ClipRef
from schemas.errors import UserError
from schemas.listed import Listed
from schemas.profile import Clips
from tests import bag_sets, lerobot_sets
from tests.bag_sets import ROS, START, STEP, Bag, stored
from tests.videos import pictures, write

COUNT, HEIGHT, WIDTH = 12, 48, 64
CLIPS = Clips(frames=9, overlap=1, max_bytes=10**9)
BOX = {"x0": 1.0, "y0": 2.0, "x1": 30.5, "y1": 40.0, "consent": "", "by": ""}
SHOWN = pictures(COUNT, HEIGHT, WIDTH)
IMAGE = "foxglove.CompressedImage"


def name(number: int) -> str:
    return f"{number + 1}.png"  # 10 comes behind 9


def folder(place: Path) -> Path:
    place.mkdir(parents=True, exist_ok=True)
    for number, picture in enumerate(SHOWN):
        (place / name(number)).write_bytes(stored(picture, "PNG"))
    return place


def drive(path: Path, cut: bool = False) -> Path:
    bag, jpegs = Bag(path), [stored(picture) for picture in SHOWN]
    bag.pictures("/front", IMAGE, "protobuf", jpegs, "jpeg")
    bag.pictures("/rear", IMAGE, "json", [*jpegs[:4], jpegs[4][:99]] if cut else jpegs[:5], "jpeg")
    bag.beside()
    return bag.end()


def rosbag(place: Path) -> Path:
    if place.exists():
        return place
    jpegs = [stored(picture) for picture in SHOWN]
    return bag_sets.rosbag2(place, {"/front": (ROS[0], jpegs, "jpeg"), "/rear": (ROS[0], jpegs[:5], "jpeg")})


def of_picture(number: int) -> dict[str, Any]:
    """A row, without `frames`."""
    return BOX | {"name": name(number), "frames": COUNT}


def of_message(number: int, topic: str = "/front") -> dict[str, Any]:
    frames = COUNT if topic == "/front" else 5
    return BOX | {"topic": topic, "log_time": START + number * STEP, "frames": frames}


# A source below a folder, where its list lies, and a row of one of its frames.
KINDS: dict[str, tuple[Callable[[Path], Path], str, Callable[[int], dict[str, Any]]]] = {
    "folder": (lambda root: folder(root / "in/cam"), "cam", of_picture),
    "mcap": (lambda root: drive(root / "in/drive.mcap"), "drive.mcap", of_message),
    "rosbag2": (lambda root: rosbag(root / "in/log"), "log", of_message),
}
kinds = pytest.mark.parametrize("kind", list(KINDS))


def put(path: Path, rows: list[dict[str, Any]]) -> None:
    pq.write_table(pa.Table.from_pylist(rows), path)


def planned(source: Source, topics: tuple[str, ...] = ()) -> list[ClipRef]:
    rate = Fraction(10) if source.images else None
    refs = probe_source(source.uri, "k", CLIPS, source.cuts, rate, topics, source.people)
    assert all(words.reason(ref.problem) == ref.problem for ref in refs if ref.problem)
    assert all(words.remedy(ref.remedy) == ref.remedy for ref in refs if ref.remedy)
    return refs


def made(kind: str, root: Path, rows: list[dict[str, Any]], **columns: Any) -> list[ClipRef]:
    """The clips of a source with this list beside it; `columns` replace whole ones, None takes one away."""
    build, beside, _ = KINDS[kind]
    build(root)
    table = pa.Table.from_pylist(rows)
    for column, values in columns.items():
        table = table.drop_columns([column])
        table = table if values is None else table.append_column(column, values)
    pq.write_table(table, root / f"in/{beside}{PEOPLE}")
    (source,) = list_sources([str(root / "in")]).videos
    assert source.people
    return planned(source)


@kinds
def test_each_clip_has_those_of_its_window(kind: str, tmp_path: Path) -> None:
    row = KINDS[kind][2]
    refs = made(kind, tmp_path, [row(t) | {"x0": float(t)} for t in (11, 0, 8, 9)])
    first, second = (ref for ref in refs if ref.topic in ("", "/front"))
    assert first.listed == [Listed(t, float(t), 2, 30.5, 40) for t in (0, 8)]
    assert second.listed == [Listed(t - 8, float(t), 2, 30.5, 40) for t in (8, 9, 11)]
    assert not any(ref.listed for ref in refs if ref.topic == "/rear")


@kinds
def test_the_frame_is_that_of_the_picture_which_the_row_names(kind: str, tmp_path: Path) -> None:
    """The frame of the window is that of the picture or message which the row names."""
    first, *_ = made(kind, tmp_path, [KINDS[kind][2](3)])
    frames, ref = decode(first)
    (one,) = ref.listed
    distances = [np.abs(SHOWN[t].astype(int) - frames[one.frame]).mean() for t in range(COUNT)]
    assert np.argmin(distances) == 3


@kinds
@pytest.mark.parametrize("change", ["same", "gone", "added", "moved", "taken back", "unreadable", "lost"])
def test_a_list_that_changed_since_planning_is_another_source(kind: str, change: str, tmp_path: Path) -> None:
    row = KINDS[kind][2]
    spared = row(0) | {"consent": "C-1", "by": "board"}
    first, second, *_ = made(kind, tmp_path, [spared])
    beside = tmp_path / f"in/{KINDS[kind][1]}{PEOPLE}"
    rows = {
        "added": [spared, row(0)],
        "moved": [spared | {"x0": 3.0}],
        "taken back": [row(0)],
        "same": [spared],
    }
    beside.unlink()
    if change == "unreadable":
        beside.write_bytes(b"no table")
    if change == "lost":
        beside.symlink_to("nowhere")
    if change in rows:
        put(beside, rows[change])
    assert is_listed_as_planned(first) == (change == "same")
    assert is_listed_as_planned(second) == (change in (*rows, "gone"))


@kinds
def test_a_list_that_came_since_planning_counts(kind: str, tmp_path: Path) -> None:
    build, beside, row = KINDS[kind]
    build(tmp_path)
    (source,) = list_sources([str(tmp_path / "in")]).videos
    first, *_ = planned(source)
    assert is_listed_as_planned(first) and not source.people
    put(tmp_path / f"in/{beside}{PEOPLE}", [row(0)])
    assert not is_listed_as_planned(first)
    (other,) = list_sources([str(tmp_path / "in")]).videos
    assert other.people and other.stamp != source.stamp


PICTURES = "its list of people is not of 12 pictures, as many as it has"
NONE = "row 2 of its list of people is of no picture that it has"
NO_BOX = "row 2 of its list of people is no box in its pictures"
UNSIGNED = "row 2 of its list of people has no consent that may be published"


@kinds
@pytest.mark.parametrize(
    ("change", "problem"),
    [
        ({"frames": 13}, PICTURES),
        ({"frames": None}, PICTURES),
        ({"name": "13.png", "log_time": START + 1}, NONE),
        ({"name": "1.PNG", "log_time": START + COUNT * STEP}, NONE),
        ({"name": None, "log_time": None}, NONE),
        ({"x0": float("nan")}, NO_BOX),
        ({"x0": 64.0, "x1": 90.0}, NO_BOX),
        ({"y1": 1e30}, NO_BOX),
        ({"consent": "C-1"}, UNSIGNED),
        ({"by": "me"}, UNSIGNED),
        ({"consent": "C-1", "by": "me@x.org"}, UNSIGNED),
    ],
)
def test_a_row_that_cannot_be_obeyed_is_the_sources_problem(
    kind: str, change: dict[str, Any], problem: str, tmp_path: Path
) -> None:
    row = KINDS[kind][2](0)
    (ref,) = made(kind, tmp_path, [row, row | {name: change[name] for name in change if name in row}])
    assert (ref.problem, ref.pts) == (problem, [])


@kinds
def test_a_column_that_is_missing_or_of_another_type(kind: str, tmp_path: Path) -> None:
    row = KINDS[kind][2](0)
    for column, value in row.items():
        (ref,) = made(kind, tmp_path, [row], **{column: None})
        assert ref.problem == "its list of people lacks a column, or has one twice", column
        (ref,) = made(kind, tmp_path, [row], **{column: [[1 if isinstance(value, str) else "one"]]})
        assert ref.problem == "its list of people has a column of another type", column


@pytest.mark.parametrize("other", ["folder", "mcap"])
def test_the_list_of_another_kind_of_source_is_refused(other: str, tmp_path: Path) -> None:
    (tmp_path / "in").mkdir()
    write(tmp_path / "in/a.mp4", SHOWN)
    put(tmp_path / "in/a.mp4.people.parquet", [KINDS[other][2](0)])
    (ref,) = planned(list_sources([str(tmp_path / "in")]).videos[0])
    assert ref.problem == "its list of people lacks a column, or has one twice"


def test_a_time_that_is_no_whole_number_is_refused(tmp_path: Path) -> None:
    row = of_message(0)
    (ref,) = made("mcap", tmp_path, [row], log_time=[[float(row["log_time"])]])
    assert ref.problem == "its list of people has a column of another type"


def test_rows_of_a_damaged_picture_are_of_nobody_who_is_shown(tmp_path: Path) -> None:
    """Who lists all pictures does not know which of them cannot be decoded; the count is that of all."""
    cam = folder(tmp_path / "in/cam")
    (cam / name(3)).write_bytes((cam / name(3)).read_bytes()[:99])
    put(tmp_path / f"in/cam{PEOPLE}", [of_picture(t) | {"x0": float(t)} for t in range(COUNT)])
    first, second, bad = planned(list_sources([str(tmp_path / "in")]).videos[0])
    assert "cannot be decoded" in bad.problem and not bad.listed
    assert [one.x0 for one in first.listed] == [0, 1, 2, 4, 5, 6, 7, 8, 9]
    assert [one.frame for one in first.listed] == list(range(9))
    assert [one.x0 for one in second.listed] == [9, 10, 11]


def test_a_topic_that_is_not_there_is_refused_and_one_that_is_not_planned_is_not(tmp_path: Path) -> None:
    rear = of_message(4, "/rear")
    drive(tmp_path / "in/drive.mcap")
    put(tmp_path / f"in/drive.mcap{PEOPLE}", [of_message(0), rear])
    (source,) = list_sources([str(tmp_path / "in")]).videos
    assert [len(ref.listed) for ref in planned(source)] == [1, 0, 1]
    assert [len(ref.listed) for ref in planned(source, ("/front",))] == [1, 0]
    for topic in ("/gps", "/left", "front", ""):
        put(tmp_path / f"in/drive.mcap{PEOPLE}", [of_message(0), rear | {"topic": topic}])
        (ref,) = planned(source)
        assert ref.problem == "row 2 of its list of people is of no topic of pictures that it has"


def test_a_row_of_two_messages_at_one_time_is_refused(tmp_path: Path) -> None:
    bag = Bag(tmp_path / "in/drive.mcap")
    bag.channel("/front", IMAGE, "protobuf")
    for picture in SHOWN[:2]:
        bag.add("/front", START, bag_sets.message(IMAGE, "protobuf", START, stored(picture), "jpeg"))
    bag.end()
    put(tmp_path / f"in/drive.mcap{PEOPLE}", [of_message(0) | {"frames": 2}])
    (ref,) = planned(list_sources([str(tmp_path / "in")]).videos[0])
    assert ref.problem == "row 1 of its list of people is of several pictures of one time"


@kinds
def test_the_list_of_the_input_itself_counts(kind: str, tmp_path: Path) -> None:
    build, beside, row = KINDS[kind]
    source = build(tmp_path)
    (without,) = list_videos(str(source)).videos
    put(tmp_path / f"in/{beside}{PEOPLE}", [row(0)])
    listing = list_videos(str(source))
    (found,) = listing.videos
    assert found.people and found.stamp != without.stamp and not without.people
    assert len(planned(found)[0].listed) == 1
    (among,) = list_videos(str(tmp_path / "in")).videos
    assert found.uri == among.uri and (kind == "rosbag2" or found.stamp == among.stamp)


@kinds
@pytest.mark.parametrize("ending", [".People.parquet", ".PEOPLE.PARQUET", ".people.parquet/part-0.parquet"])
@pytest.mark.parametrize("inside", [True, False])
def test_what_looks_like_a_list_and_is_none_is_refused(
    kind: str, ending: str, inside: bool, tmp_path: Path
) -> None:
    build, beside, row = KINDS[kind]
    source = build(tmp_path)
    path = tmp_path / f"in/{beside}{ending}"
    path.parent.mkdir(exist_ok=True)
    put(path, [row(0)])
    with pytest.raises(UserError, match="list"):
        list_videos(str(tmp_path / "in" if inside else source))


@pytest.mark.parametrize(
    "name", ["other.people.parquet", "cam/1.png.people.parquet", "notes.people.parquet", "in.people.parquet"]
)
def test_a_list_of_nothing_is_refused(name: str, tmp_path: Path) -> None:
    folder(tmp_path / "in/cam")
    (tmp_path / "in/notes").mkdir()
    (tmp_path / "in/notes/a.txt").write_text("x")
    put(tmp_path / "in" / name, [of_picture(0)])
    with pytest.raises(UserError, match="lists people of nothing that is beside it"):
        list_videos(str(tmp_path / "in"))


def test_a_list_of_two_is_refused(tmp_path: Path) -> None:
    folder(rosbag(tmp_path / "in/log"))
    put(tmp_path / f"in/log{PEOPLE}", [of_picture(0)])
    with pytest.raises(UserError, match="both pictures and a recording"):
        list_videos(str(tmp_path / "in"))


@kinds
def test_a_list_that_is_a_link_to_nowhere_is_the_sources_problem(kind: str, tmp_path: Path) -> None:
    build, beside, _ = KINDS[kind]
    source = build(tmp_path)
    (tmp_path / f"in/{beside}{PEOPLE}").symlink_to("nowhere")
    for place in (tmp_path / "in", source):
        (found,) = list_sources([str(place)]).videos
        assert found.people
        (ref,) = planned(found)
        assert ref.problem


def test_one_list_may_be_that_of_several_by_links(tmp_path: Path) -> None:
    (tmp_path / "in").mkdir()
    for name in ("a.mp4", "b.mp4"):
        write(tmp_path / "in" / name, SHOWN if name == "a.mp4" else SHOWN[::-1])
    put(tmp_path / "in/a.mp4.people.parquet", [BOX | {"frame": 0, "frames": COUNT}])
    os.symlink("a.mp4.people.parquet", tmp_path / "in/b.mp4.people.parquet")
    os.symlink("../in", tmp_path / "in/again")
    folder(tmp_path / "more/x")
    put(tmp_path / f"more/x{PEOPLE}", [of_picture(0)])
    os.symlink("../more", tmp_path / "in/more")
    assert [source.people for source in list_videos(str(tmp_path / "in")).videos] == [True, True, True]


def test_a_list_beside_one_of_the_videos_of_a_lerobot_dataset_counts_all_of_its_episodes(
    tmp_path: Path,
) -> None:
    """As beside any video: frames of the file, in which episodes lie behind each other."""
    dataset = lerobot_sets.write(tmp_path / "set", (6, 8), ("front", "top"))
    video = dataset / "videos/front/chunk-000/file-000.mp4"
    rows = [BOX | {"frame": t, "frames": 14, "x0": float(t)} for t in (5, 6)]
    put(Path(f"{video}{PEOPLE}"), rows)
    place = str(dataset)
    front, top = by_episodes([place], list_sources([place]), ()).videos
    assert front.people and front.cuts and not top.people
    first, second = planned(front)
    assert (len(first.pts), len(second.pts)) == (6, 8)
    assert first.listed == [Listed(5, 5.0, 2, 30.5, 40)] and second.listed == [Listed(0, 6.0, 2, 30.5, 40)]
    put(Path(f"{video}{PEOPLE}"), [rows[0] | {"frames": 6}])
    (ref,) = planned(front)
    assert ref.problem == "its list of people is not of 14 frames, as many as it has"
    assert not is_listed_as_planned(second)


def test_lists_in_a_store(s3: str, tmp_path: Path) -> None:
    for number in range(3):
        storage.write_bytes(f"{s3}/lists", f"cam/{name(number)}", stored(SHOWN[number], "PNG"))
    storage.write_bytes(f"{s3}/lists", "drive.mcap", drive(tmp_path / "drive.mcap").read_bytes())
    for beside, row in (("cam", of_picture(0) | {"frames": 3}), ("drive.mcap", of_message(0))):
        put(tmp_path / "list", [row])
        storage.write_bytes(f"{s3}/lists", f"{beside}{PEOPLE}", (tmp_path / "list").read_bytes())
    found = list_sources([f"{s3}/lists"]).videos
    assert [source.people for source in found] == [True, True]
    assert [len(planned(source)[0].listed) for source in found] == [1, 1]
    assert [list_videos(f"{s3}/lists/{one}").videos[0].people for one in ("cam", "drive.mcap")] == [
        True,
        True,
    ]
    assert all(is_listed_as_planned(planned(source)[0]) for source in found)
    storage.write_bytes(f"{s3}/lists", f"gone{PEOPLE}", b"x")
    with pytest.raises(UserError, match="lists people of nothing"):
        list_videos(f"{s3}/lists")
