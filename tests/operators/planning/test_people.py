"""The list of people beside a video: what of it reaches the clips, and what is said of one that cannot be obeyed."""

from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from cluster.ledger import plans
from jobs.plan import cut, probe
from operators.planning.listing import list_sources, list_videos
from operators.planning.people import is_listed_as_planned
from operators.planning.probe import named, probe_source
from schemas import words
from schemas.arrow import from_table
from schemas.clip import ClipRef
from schemas.errors import UserError
from schemas.listed import Listed
from schemas.profile import Clips
from tests.videos import pictures, write

FRAMES, HEIGHT, WIDTH = 12, 48, 64
CLIPS = Clips(frames=9, overlap=1, max_bytes=10**9)
ROW = {"frame": 0, "frames": FRAMES, "x0": 1.0, "y0": 2.0, "x1": 30.5, "y1": 40.0, "consent": "", "by": ""}


def video(folder: Path) -> None:
    write(folder / "a.mp4", pictures(FRAMES, HEIGHT, WIDTH))


def listed(folder: Path, rows: list[dict[str, Any]], **columns: Any) -> list[ClipRef]:
    """The clips of a video with this list beside it; `columns` replace whole ones, None takes one away."""
    video(folder)
    table = pa.Table.from_pylist(rows)
    for name, values in columns.items():
        table = table.drop_columns([name])
        table = table if values is None else table.append_column(name, values)
    pq.write_table(table, folder / "a.mp4.people.parquet")
    return probe_source(str(folder / "a.mp4"), "k", CLIPS, people=True)


def test_each_clip_has_those_of_its_window(tmp_path: Path) -> None:
    rows = [ROW | {"frame": t, "x0": float(t)} for t in (11, 0, 8, 9)]
    rows[0] |= {"consent": "C-1", "by": "ethics board"}
    first, second = listed(tmp_path, rows)
    assert (first.first_frame, second.first_frame, second.overlap) == (0, 8, 1)
    assert first.listed == [Listed(t, float(t), 2, 30.5, 40) for t in (0, 8)]
    last = Listed(3, 11.0, 2, 30.5, 40, "C-1", "ethics board")
    assert second.listed == [Listed(0, 8.0, 2, 30.5, 40), Listed(1, 9.0, 2, 30.5, 40), last]


def test_a_row_that_is_there_twice_says_the_same_once(tmp_path: Path) -> None:
    row = ROW | {"consent": "C-1", "by": "ethics board"}
    (first, _) = listed(tmp_path, [row, ROW, row])
    assert [one.consent for one in first.listed] == ["C-1", ""]


def test_a_clip_with_other_people_listed_is_another_clip(tmp_path: Path) -> None:
    made = [
        [named(ref, b"key").clip_id for ref in listed(tmp_path, [ROW | change])]
        for change in ({}, {}, {"x0": 3.0}, {"consent": "C-1", "by": "me"})
    ]
    assert made[0] == made[1]
    assert len({ids[0] for ids in made}) == 3 and len({ids[1] for ids in made}) == 1


@pytest.mark.parametrize(
    ("change", "problem"),
    [
        ({"frame": 12}, "row 2 of its list of people is of no frame that it has"),
        ({"frame": -1}, "row 2 of its list of people is of no frame that it has"),
        ({"frame": None}, "row 2 of its list of people is of no frame that it has"),
        ({"frames": 13}, "its list of people is not of 12 frames, as many as it has"),
        ({"frames": None}, "its list of people is not of 12 frames, as many as it has"),
        *(
            ({name: value}, "row 2 of its list of people is no box in its pictures")
            for name, value in [
                ("x0", float("nan")),
                ("y1", float("inf")),
                ("x1", None),
                ("x0", 31.0),
                ("x0", 30.0),
                ("y1", 2.0),
                ("x1", -5.0),
                ("x0", -65.0),
                ("x0", -1e30),
                ("y1", 97.0),
                ("y1", 1e30),
            ]
        ),
        ({"x0": 64.0, "x1": 90.0}, "row 2 of its list of people is no box in its pictures"),
        ({"consent": "C-1"}, "row 2 of its list of people has no consent that may be published"),
        ({"by": "me"}, "row 2 of its list of people has no consent that may be published"),
        (
            {"consent": "s3://x/y", "by": "me"},
            "row 2 of its list of people has no consent that may be published",
        ),
        (
            {"consent": "C-1", "by": "me@x.org"},
            "row 2 of its list of people has no consent that may be published",
        ),
        *(
            (
                {"consent": "C-1", "by": f"Ann{unseen}Roe"},
                "row 2 of its list of people has no consent that may be published",
            )
            for unseen in "\u2028\u202e\u200b\u00ad\x1b\n"
        ),
    ],
)
def test_a_row_that_cannot_be_obeyed_is_the_videos_problem(
    change: dict[str, Any], problem: str, tmp_path: Path
) -> None:
    (ref,) = listed(tmp_path, [ROW, ROW | change])
    assert (ref.problem, ref.pts) == (problem, [])
    assert ref.remedy == "Mend the list of people beside it, or take it away, and plan again"
    assert words.reason(ref.problem) == problem and words.remedy(ref.remedy) == ref.remedy


@pytest.mark.parametrize("name", list(ROW))
def test_a_column_that_is_missing_or_of_another_type(name: str, tmp_path: Path) -> None:
    (ref,) = listed(tmp_path, [ROW], **{name: None})
    assert ref.problem == "its list of people lacks a column, or has one twice"
    other = [[1]] if name in ("consent", "by") else [["one"]]
    (ref,) = listed(tmp_path, [ROW], **{name: other})
    assert ref.problem == "its list of people has a column of another type"
    assert words.reason(ref.problem) == ref.problem


def test_what_is_no_parquet_file_and_what_is_gone(tmp_path: Path) -> None:
    video(tmp_path)
    (ref,) = probe_source(str(tmp_path / "a.mp4"), "k", CLIPS, people=True)
    assert ref.problem == "the file cannot be read (FileNotFoundError)"
    (tmp_path / "a.mp4.people.parquet").write_text("frame,x0\n1,2\n")
    (ref,) = probe_source(str(tmp_path / "a.mp4"), "k", CLIPS, people=True)
    assert ref.problem == "its list of people is no Parquet file"


@pytest.mark.parametrize("spoilt", range(4, 600, 60))
def test_a_list_with_spoilt_bytes_is_said_to_be_one(tmp_path: Path, spoilt: int) -> None:
    video(tmp_path)
    sound = listed(tmp_path, [ROW])
    path = tmp_path / "a.mp4.people.parquet"
    written = bytearray(path.read_bytes())
    written[spoilt : spoilt + 60] = b"\xff" * 60
    path.write_bytes(written[: path.stat().st_size])
    found = probe_source(str(tmp_path / "a.mp4"), "k", CLIPS, people=True)
    assert [ref.listed for ref in found] == [ref.listed for ref in sound] or (
        len(found) == 1 and "its list of people" in found[0].problem
    )


def test_the_list_counts_for_the_stamp_and_is_no_other_file(tmp_path: Path) -> None:
    video(tmp_path)
    without = list_videos(str(tmp_path))
    listed(tmp_path, [ROW])
    (found,), one = list_videos(str(tmp_path)).videos, list_videos(str(tmp_path / "a.mp4"))
    assert found.people and one.videos == [found]
    assert list_videos(str(tmp_path)).others == 0
    assert found.stamp != without.videos[0].stamp and not without.videos[0].people


@pytest.mark.parametrize("name", ["b.mp4.people.parquet", "a.people.parquet", "a.txt.people.parquet"])
def test_a_list_of_no_video_is_refused(name: str, tmp_path: Path) -> None:
    video(tmp_path)
    (tmp_path / "a.txt").write_text("x")
    (tmp_path / name).write_bytes(b"x")
    with pytest.raises(UserError, match=r"people\.parquet: lists people of nothing that is beside it"):
        list_videos(str(tmp_path))


def test_the_plan_has_it(tmp_path: Path) -> None:
    """As the job does it, through the rows that Ray carries and the plan's own list of sources."""
    (tmp_path / "in").mkdir()
    listed(tmp_path / "in", [ROW])
    sources = list_sources([str(tmp_path / "in")]).videos
    (piece,) = cut(sources, b"key", 10)
    made = probe(piece, CLIPS, 10, ())
    refs = from_table(pa.ipc.open_stream(made["clips"]).read_all(), ClipRef)
    assert [len(ref.listed) for ref in refs] == [1, 0]
    plans.write_sources(str(tmp_path / "plan"), sources, {"format": 1})
    assert list(plans.read_sources(str(tmp_path / "plan"), {"format": 1}).values()) == sources


@pytest.mark.parametrize("change", ["gone", "added", "moved", "taken back", "unreadable", "lost"])
def test_a_list_that_changed_since_planning_is_another_source(change: str, tmp_path: Path) -> None:
    spared = ROW | {"consent": "C-1", "by": "board"}
    first, second = listed(tmp_path, [spared])
    assert is_listed_as_planned(first) and is_listed_as_planned(second)
    beside = tmp_path / "a.mp4.people.parquet"
    rows = {"added": [spared, ROW], "moved": [spared | {"x0": 3.0}], "taken back": [ROW]}
    beside.unlink()
    if change == "unreadable":
        beside.write_bytes(b"no table")
    if change == "lost":
        beside.symlink_to("nowhere")
    if change in rows:
        pq.write_table(pa.Table.from_pylist(rows[change]), beside)
    assert not is_listed_as_planned(first)
    # Of the second's window these lists say what the first one said.
    assert is_listed_as_planned(second) == (change in (*rows, "gone"))


def test_a_list_that_came_since_planning_counts(tmp_path: Path) -> None:
    video(tmp_path)
    first, *_ = probe_source(str(tmp_path / "a.mp4"), "k", CLIPS)
    assert is_listed_as_planned(first)
    pq.write_table(pa.Table.from_pylist([ROW]), tmp_path / "a.mp4.people.parquet")
    assert not is_listed_as_planned(first)


@pytest.mark.parametrize(
    "name", ["a.mp4.People.parquet", "a.mp4.PEOPLE.PARQUET", "a.mp4.people.parquet/part-0.parquet"]
)
def test_what_looks_like_a_list_and_is_none_is_refused(name: str, tmp_path: Path) -> None:
    video(tmp_path)
    (tmp_path / name).parent.mkdir(exist_ok=True)
    pq.write_table(pa.Table.from_pylist([ROW]), tmp_path / name)
    with pytest.raises(UserError, match="list"):
        list_videos(str(tmp_path))


def test_a_list_that_is_a_link_to_nowhere_is_the_videos_problem(tmp_path: Path) -> None:
    video(tmp_path)
    (tmp_path / "a.mp4.people.parquet").symlink_to("nowhere")
    for place in (tmp_path, tmp_path / "a.mp4"):
        (source,) = list_sources([str(place)]).videos
        assert source.people
    (ref,) = probe_source(str(tmp_path / "a.mp4"), "k", CLIPS, people=True)
    assert ref.problem


def test_a_video_that_is_a_link_to_nowhere_is_one_record(tmp_path: Path) -> None:
    video(tmp_path)
    (tmp_path / "annex.mp4").symlink_to("nowhere")
    assert [source.name for source in list_sources([str(tmp_path)]).videos] == ["a.mp4", "annex.mp4"]
    (ref,) = probe_source(str(tmp_path / "annex.mp4"), "k", CLIPS)
    assert ref.problem and not ref.pts
