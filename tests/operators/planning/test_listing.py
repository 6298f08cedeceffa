"""What is found below an input, and under which name."""

import errno
import os
import socket
from pathlib import Path
from typing import Any

import pytest

from operators.planning.listing import list_sources, list_videos, unnameable
from operators.planning.probe import plan_source
from operators.storage import write_bytes
from schemas import words
from schemas.errors import UserError
from schemas.profile import Clips

CLIPS = Clips(frames=9, overlap=2, max_bytes=10**9)


def test_listing(tmp_path: Path) -> None:
    (tmp_path / "deep").mkdir()
    for name in ("b.mp4", "a.MKV", "deep/c.ts", "notes.txt", "._b.mp4"):
        (tmp_path / name).write_bytes(b"x")
    listing = list_videos(str(tmp_path))
    assert [video.name for video in listing.videos] == ["a.MKV", "b.mp4", "deep/c.ts"]
    assert listing.others == 2
    one = list_videos(str(tmp_path / "notes.txt"))
    assert [(video.uri, video.name) for video in one.videos] == [(str(tmp_path / "notes.txt"), "notes.txt")]


def test_names_do_not_depend_on_where_the_folder_lies(tmp_path: Path) -> None:
    for folder in ("here/videos/deep", "there/videos/deep"):
        (tmp_path / folder).mkdir(parents=True)
        (tmp_path / folder / "a.mp4").write_bytes(b"x")
    here, there = (list_sources([str(tmp_path / place / "videos")]).videos for place in ("here", "there"))
    assert [video.name for video in here] == [video.name for video in there] == ["deep/a.mp4"]


def test_inputs_that_share_names_are_told_apart_or_refused(tmp_path: Path) -> None:
    for folder in ("front", "rear", "other/front"):
        (tmp_path / folder).mkdir(parents=True)
        (tmp_path / folder / "a.mp4").write_bytes(b"x")
    front, rear, other = str(tmp_path / "front"), str(tmp_path / "rear"), str(tmp_path / "other/front")
    assert [video.name for video in list_sources([front, rear]).videos] == ["front/a.mp4", "rear/a.mp4"]
    (once,) = list_sources([front, front + "/", f"{front}/a.mp4"]).videos
    assert (once.uri, once.name) == (f"{front}/a.mp4", "a.mp4")
    with pytest.raises(UserError, match=r"front/a\.mp4: names 2 videos"):
        list_sources([front, other])


def test_a_place_without_videos_is_the_users_to_mend(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="does not exist"):
        list_videos(str(tmp_path / "nothing"))
    (tmp_path / "notes.txt").write_bytes(b"x")
    with pytest.raises(UserError, match="holds 1 files but no video"):
        list_videos(str(tmp_path))


@pytest.mark.parametrize("place", ["local", "s3", "gs"], indirect=True)
@pytest.mark.parametrize("wide", [1, 3, 40])
def test_every_folder_at_any_depth_is_found_once(place: str, wide: int) -> None:
    """Deep and narrow, or wider than the folders that are listed at once; on disk and in an object store."""
    names = [f"a/b{number}/c/{number}.mp4" for number in range(wide)] + [
        "a/b0/top.mp4",
        "a/x/y/z/w/deep.mp4",
        "first.mp4",
    ]
    for name in names:
        write_bytes(place, name, b"x")
    found = list_videos(place)
    assert {source.uri for source in found.videos} == {f"{place}/{name}" for name in names}
    assert list_videos(f"{place}/first.mp4").videos[0] in found.videos
    assert sorted(source.name for source in found.videos) == sorted(names)
    assert found.others == 0


def test_linked_folders_are_followed_once_and_hidden_ones_not(tmp_path: Path) -> None:
    """Loops end; what is reached by two names is one source; extensions are known in any case."""
    place = tmp_path / "videos"
    names = ("day/a.MP4", "day/b.3gp", "day/c.3GP", ".snapshot/hourly/a.mp4", "day/.cache/d.mp4", ".e.mp4")
    for name in (*names, "day/deep/f.vob"):
        (place / name).parent.mkdir(parents=True, exist_ok=True)
        (place / name).write_bytes(name.encode())
    outside = tmp_path / "outside"
    (outside / "more").mkdir(parents=True)
    (outside / "more/g.mp4").write_bytes(b"g")
    (place / "linked").symlink_to(outside)
    (place / "day/loop").symlink_to(place)
    (place / "day/here").symlink_to(place / "day")
    (place / "again").symlink_to(place / "day/deep")
    (outside / "back").symlink_to(outside)
    (place / "broken").symlink_to(tmp_path / "nowhere")
    found = [video.name for video in list_videos(str(place)).videos]
    assert found == ["again/f.vob", "day/a.MP4", "day/b.3gp", "day/c.3GP", "linked/more/g.mp4"]


def test_what_a_store_of_content_links_to_one_file_is_every_source(tmp_path: Path) -> None:
    """As git-annex, DVC and the Hub's cache do with files that are alike: one picture of a scene that stands still."""
    (tmp_path / "blobs").mkdir()
    (tmp_path / "blobs/one").write_bytes(b"alike")
    names = [*(f"front/{n}.jpg" for n in range(6)), *(f"rear/{n}.jpg" for n in range(4))]
    names += ["a.mp4", "b/c.mp4", "d.mcap", "log/metadata.yaml", "log/x.db3"]
    for name in names:
        (tmp_path / "in" / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "in" / name).symlink_to(tmp_path / "blobs/one")
    (tmp_path / "in/again").symlink_to(tmp_path / "in/front")
    found = list_videos(str(tmp_path / "in"))
    assert {(one.name, one.images) for one in found.videos} == {
        *(("a.mp4", 0), ("b/c.mp4", 0), ("d.mcap", 0), ("log/metadata.yaml", 0)),
        *(("again", 6), ("rear", 4)),  # what a linked folder holds is there once
    }


@pytest.mark.parametrize("folders", [2, 3, 6])
def test_folders_that_are_all_linked_with_each_other_have_an_end(tmp_path: Path, folders: int) -> None:
    """Of two with two links each there were 2^40 paths."""
    for one in range(folders):
        (tmp_path / f"{one:02}/deep/er").mkdir(parents=True)
        (tmp_path / f"{one:02}/deep/er/{one}.mp4").write_bytes(bytes([one]))
        for other in range(folders):
            (tmp_path / f"{one:02}/deep/to{other}").symlink_to(tmp_path / f"{other:02}")
            (tmp_path / f"{one:02}/too{other}").symlink_to(f"../{other:02}")
    found = [video.name.rpartition("/")[2] for video in list_videos(str(tmp_path)).videos]
    assert sorted(found) == sorted(f"{one}.mp4" for one in range(folders))


def test_what_is_no_file_is_listed_and_not_waited_for(tmp_path: Path) -> None:
    """A pipe, a socket, links to themselves and around: a name says that there is something."""
    (tmp_path / "a.mp4").write_bytes(b"x")
    os.mkfifo(tmp_path / "pipe.mp4")
    with socket.socket(socket.AF_UNIX) as open_one:
        open_one.bind(str(tmp_path / "s.mp4"))
        (tmp_path / "itself.mp4").symlink_to("itself.mp4")
        (tmp_path / "one.mp4").symlink_to("other.mp4")
        (tmp_path / "other.mp4").symlink_to("one.mp4")
        names = [video.name for video in list_videos(str(tmp_path)).videos]
    assert names == ["a.mp4", "itself.mp4", "one.mp4", "other.mp4", "pipe.mp4", "s.mp4"]
    (ref,) = plan_source(str(tmp_path / "itself.mp4"), "itself.mp4", b"key", CLIPS)
    assert "links" in ref.problem and ref.remedy


def test_a_folder_that_may_not_be_read_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "day/two").mkdir(parents=True)
    (tmp_path / "a.mp4").write_bytes(b"x")
    listed = os.scandir

    def scandir(path: str) -> Any:
        if str(path).rstrip("/").endswith("two"):
            raise PermissionError(errno.EACCES, "Permission denied", str(path))
        return listed(path)

    monkeypatch.setattr(os, "scandir", scandir)
    with pytest.raises(UserError, match=r"day/two.*Permission denied.*[Rr]eadable"):
        list_videos(str(tmp_path))


def test_a_name_that_cannot_be_written_down_is_one_record(tmp_path: Path) -> None:
    for name in (b"caf\xe9.mp4", b"a::b.mp4", b"c?versionId=1.mp4", "ü.mp4".encode()):
        Path(os.fsdecode(bytes(tmp_path) + b"/" + name)).write_bytes(name)
    videos = {video.name: video.problem for video in list_videos(str(tmp_path)).videos}
    assert videos == {
        "a::b.mp4": "",
        "c?versionId=1.mp4": "",
        "caf\\xe9.mp4": "its name is not UTF-8",
        "ü.mp4": "",
    }


@pytest.mark.parametrize(
    "name", ["x/../../y.mp4", "../y.mp4", "..", "x/./y.mp4", ".", "x//y.mp4", "/y.mp4", "y.mp4/", ""]
)
def test_a_key_that_leads_elsewhere_is_no_name(name: str) -> None:
    """An object store takes any; a file of that name would lie in another folder."""
    problem = "its name has a part that is empty, . or .."
    assert unnameable("s3://clips/in", name) == problem == words.reason(problem)
    assert not any(
        unnameable("s3://clips/in", fine) for fine in ("y.mp4", "x/y.mp4", "x../..y.mp4", "x/...mp4")
    )


def test_a_key_that_reads_as_a_version_is_one_record(s3: str) -> None:
    for name in ("a.mp4", "b?versionId=1.mp4", "c::d.mp4"):
        write_bytes(f"{s3}/keys", name, b"x")
    videos = {video.name: bool(video.problem) for video in list_videos(f"{s3}/keys").videos}
    assert videos == {"a.mp4": False, "b?versionId=1.mp4": True, "c::d.mp4": False}
