"""Folders of pictures: each picture in a clip once, in order and with its time, or in a record that says why not."""

import io
import os
import shutil
from collections.abc import Callable, Sequence
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from operators import storage
from operators.planning.folder import order
from operators.planning.listing import list_sources
from operators.planning.probe import named, probe_source, source_key
from operators.video.decode import DecodeError, decode, decode_clip
from schemas import words
from schemas.arrow import to_table
from schemas.clip import ClipRef
from schemas.policy import Sources
from schemas.profile import Clips
from tests.videos import pictures, write

CLIPS = Clips(frames=9, overlap=2, max_bytes=10**6)
RATE = Fraction(10)


def picture(number: int, size: tuple[int, int] = (51, 37), mode: str = "RGB") -> bytes:
    """Of one level that tells it from others."""
    file = io.BytesIO()
    Image.new("RGB", size, (number * 7 % 256,) * 3).convert(mode).save(file, "PNG")
    return file.getvalue()


def fill(folder: Path, names: Sequence[str], **how: object) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    for number, name in enumerate(names):
        (folder / name).write_bytes(picture(number, **how))
    return folder


def plan(place: Path | str, rate: Fraction = RATE) -> list[ClipRef]:
    """As jobs.plan does it."""
    refs = [
        named(ref, b"key")
        for source in list_sources([str(place)]).videos
        for ref in probe_source(
            source.uri, source_key(source.name, b"key"), CLIPS, (), rate if source.images else None
        )
    ]
    said = [ref for ref in refs if ref.problem]
    assert all(
        words.reason(ref.problem) == ref.problem and words.remedy(ref.remedy) == ref.remedy for ref in said
    )
    return refs


def shown(refs: list[ClipRef]) -> list[str]:
    """Names in the order of release, each of which was decoded."""
    names = []
    for ref in refs:
        if not ref.problem:
            assert decode_clip(ref).shape == (len(ref.pts), ref.height, ref.width, 3)
            names += [image.name for image in ref.images[ref.overlap :]]
    return names


def refused(refs: list[ClipRef]) -> dict[str, list[str]]:
    return {ref.problem: [image.name for image in ref.images] for ref in refs if ref.problem}


@pytest.mark.parametrize("place", ["local", "s3", "gs"], indirect=True)
def test_a_folder_is_a_source_in_natural_order(place: str) -> None:
    names = [f"frame{number}.{('jpg', 'JPG', 'jpeg')[number % 3]}" for number in range(1, 25)]
    for number, name in enumerate(names):
        storage.write_bytes(f"{place}/drive/cam", name, picture(number))
    storage.write_bytes(place, "drive/cam/notes.txt", b"about it")
    listing = list_sources([place])
    assert [(one.uri, one.name, one.images) for one in listing.videos] == [
        (f"{place}/drive/cam", "drive/cam", 24)
    ]
    assert listing.others == 1
    refs = plan(place)
    assert shown(refs) == names
    assert [len(ref.pts) for ref in refs] == [9, 9, 9, 3]
    assert [ref.first_frame for ref in refs] == [0, 7, 14, 21]
    for ref in refs:
        levels = [int(frame[0, 0, 0]) for frame in decode_clip(ref)]
        assert levels == [7 * names.index(image.name) for image in ref.images], "each frame is its picture"
    assert [ref.fps for ref in refs] == [RATE] * 4
    assert [moment * ref.time_base for ref in refs for moment in ref.pts[ref.overlap :]] == [
        Fraction(number, 10) for number in range(24)
    ]


@given(st.lists(st.integers(0, 10**6), min_size=2, unique=True), st.sampled_from(["{}", "{:06d}", "a{}_7"]))
def test_numbers_count_by_value(numbers: list[int], form: str) -> None:
    names = [form.format(number) + ".png" for number in numbers]
    assert sorted(names, key=order) == [form.format(number) + ".png" for number in sorted(numbers)]


def test_what_is_called_otherwise_is_another_sequence(tmp_path: Path) -> None:
    """Two cameras in one folder, and masks beside pictures: no clip holds both."""
    names = [f"{number}{part}" for number in range(12) for part in ("_left.jpg", "_right.JPG", "_left.png")]
    refs = plan(fill(tmp_path / "in", names))
    assert sorted(shown(refs)) == sorted(names)
    assert {len({image.name.lstrip("0123456789") for image in ref.images}) for ref in refs} == {1}
    assert shown(refs)[:24] == [name for part in ("_left.jpg", "_left.png") for name in names if part in name]


def test_sizes_and_orientations_part_clips(tmp_path: Path) -> None:
    folder = fill(tmp_path, [f"{number}.png" for number in range(12)])
    (folder / "5.png").write_bytes(picture(5, (20, 30)))
    (folder / "6.png").write_bytes(picture(6, mode="L"))
    (folder / "12.png").write_bytes(picture(12, (1, 1)))
    turned = io.BytesIO()
    tags = Image.Exif()
    tags[0x0112] = 6
    Image.new("RGB", (51, 37)).save(turned, "PNG", exif=tags)
    (folder / "13.png").write_bytes(turned.getvalue())
    refs = plan(folder)
    assert shown(refs) == [f"{number}.png" for number in range(14)]
    assert [(ref.width, ref.height, ref.gray, len(ref.pts)) for ref in refs] == [
        (51, 37, False, 5),
        (20, 30, False, 1),
        (51, 37, True, 1),
        (51, 37, False, 5),
        (1, 1, False, 1),
        (37, 51, False, 1),
    ]
    assert [ref.overlap for ref in refs] == [0] * 6
    assert len({ref.clip_id for ref in refs}) == len({ref.key for ref in refs}) == 6


def test_what_cannot_be_shown_is_counted_by_its_reason(tmp_path: Path) -> None:
    folder = fill(tmp_path, [f"{number:03d}.png" for number in range(20)])
    (folder / "003.png").write_bytes(picture(3)[:60])
    (folder / "011.png").write_bytes(b"")
    (folder / "012.png").write_bytes(picture(12, mode="P"))
    (folder / "013.png").write_bytes(picture(13, (500, 500)))
    os.mkfifo(folder / "021.png")
    Path(folder, b"020caf\xe9.png".decode(errors="surrogateescape")).write_bytes(picture(20))
    refs = plan(folder)
    bad = [3, 11, 12, 13]
    assert shown(refs) == [f"{number:03d}.png" for number in range(20) if number not in bad]
    assert refused(refs) == {
        "2 pictures cannot be decoded": ["003.png", "011.png"],
        "1 pictures cannot be read": ["021.png"],
        "1 pictures are no footage but labels, bits or measurements such as depth": ["012.png"],
        "1 pictures are too large for the profile's clip.max_bytes": ["013.png"],
        "1 pictures have names that cannot be written down": ["020caf\\xe9.png"],
    }
    assert sum(ref.frames for ref in refs) == 22
    assert [pts for ref in refs if not ref.problem for pts in ref.pts[ref.overlap :]] == [
        number for number in range(20) if number not in bad
    ], "who is there keeps his time"
    with pytest.raises(DecodeError, match="6 frames of the source are missing"):
        decode(refs[0], Sources(incomplete="refuse"))


def test_hidden_files_covers_and_other_files_are_no_pictures(tmp_path: Path) -> None:
    fill(tmp_path, ["1.png", "._1.png", "a.jpg", "b.jpg", "notes.txt", "c.gif", "png"])
    fill(tmp_path / ".thumbnails", ["1.png"])
    write(tmp_path / "a.mp4", pictures(9))
    listing = list_sources([str(tmp_path)])
    assert [(one.name, one.images) for one in listing.videos] == [(".", 2), ("a.mp4", 0)]
    assert listing.others == 5
    assert sorted(shown([ref for ref in plan(tmp_path) if ref.images])) == ["1.png", "b.jpg"]


def test_inputs_that_are_folders_of_pictures_are_told_apart(tmp_path: Path) -> None:
    for name in ("front", "rear"):
        fill(tmp_path / name, ["1.png"])
    both = list_sources([str(tmp_path / "front"), str(tmp_path / "rear")])
    assert [one.name for one in both.videos] == ["front", "rear"]


SECONDS = [100.0, 100.1, 100.25, 100.3, 100.5]
KITTI = "\n".join(f"2011-09-26 13:02:{second - 75:012.9f}" for second in SECONDS)
TIMES: dict[str, tuple[str, str]] = {
    "KITTI raw": ("../timestamps.txt", KITTI),
    "KITTI odometry": ("../times.txt", "\n".join(f"{second - 100:e}" for second in SECONDS)),
    "TUM": ("../data.txt", "# timestamp filename\n" + "\n".join(f"{s} data/{n}.png" for n, s in enumerate(SECONDS))),
    "EuRoC": ("../data.csv", "#timestamp [ns],filename\r\n" + "\r\n".join(
        f"{round(s * 10**6) * 1000 + 14 * 10**17},{n}.png" for n, s in enumerate(SECONDS))),
    "names first": ("timestamps.csv", "name,seconds\n" + "\n".join(f"{n}.png,{s}" for n, s in enumerate(SECONDS))),
    "milliseconds": ("timestamps.txt", "\n".join(str(round(s * 1000) + 16 * 10**11) for s in SECONDS) + "\n\n"),
}  # fmt: skip


@pytest.mark.parametrize("kind", TIMES)
def test_times_are_those_of_the_file_beside(tmp_path: Path, kind: str) -> None:
    folder = fill(tmp_path / "data", [f"{number}.png" for number in range(5)])
    name, text = TIMES[kind]
    (folder / name).write_text(text)
    (ref,) = plan(folder)
    assert ref.problem == "" and shown([ref]) == [f"{number}.png" for number in range(5)]
    assert [float((pts - ref.pts[0]) * ref.time_base) for pts in ref.pts] == [0, 0.1, 0.25, 0.3, 0.5]
    assert ref.fps == 8
    assert plan(tmp_path)[0].pts == ref.pts, "also where the input is above"
    before = list_sources([str(folder)]).videos
    (folder / name).write_text(text.replace("5", "6"))
    assert list_sources([str(folder)]).videos != before, "it counts for what has changed"


BAD_TIMES: dict[str, tuple[str, str]] = {
    "too few": ("1\n2\n3\n4\n", "has 4 lines for 5 pictures"),
    "no time": ("1\n2\nthree\n4\n5\n", "line 3 of its timestamps file is no time"),
    "no date": ("2011-02-30 00:00:00\n" * 5, "a date that is none"),
    "twice": ("".join(f"{n} 1.png\n" for n in range(5)), "twice, or not at all"),
    "nothing": ("", "holds no time"),
    "a head alone": ("#timestamp [ns],filename\n", "holds no time"),
    "a time beyond all": ("1\n2\n3\n4\n1e99\n", "line 5 of its timestamps file is no time"),
    "a first time beyond all": ("-1e12\n2\n3\n4\n5\n", "line 1 of its timestamps file is no time"),
    "digits without end": ("1\n2\n" + "9" * 5000 + "\n4\n5\n", "line 3 of its timestamps file is no time"),
    "half of names": ("1 0.png\n2\n3\n4\n5\n", "twice, or not at all"),
}


@pytest.mark.parametrize("kind", BAD_TIMES)
def test_times_that_do_not_fit_are_one_record(tmp_path: Path, kind: str) -> None:
    text, said = BAD_TIMES[kind]
    folder = fill(tmp_path / "data", [f"{number}.png" for number in range(5)])
    (folder / "timestamps.txt").write_text(text)
    (ref,) = plan(tmp_path)
    assert said in ref.problem and words.reason(ref.problem) == ref.problem


def test_the_latest_time_that_there_is_fits_into_a_plan(tmp_path: Path) -> None:
    folder = fill(tmp_path / "data", ["1.png", "2.png"])
    (folder / "timestamps.txt").write_text("-999999999999.9\n999999999999.9\n")
    assert to_table(plan(tmp_path), ClipRef).num_rows == 2


@pytest.mark.parametrize("place", ["data/timestamps.txt", "data/times.txt", "timestamps.csv"])
def test_times_that_were_not_fetched_are_not_made_up(tmp_path: Path, place: str) -> None:
    fill(tmp_path / "data", [f"{number}.png" for number in range(5)])
    (tmp_path / place).symlink_to("nowhere")
    (ref,) = plan(tmp_path)
    assert ref.problem == "the file cannot be read (FileNotFoundError)"


def test_a_list_that_is_called_like_the_folder_is_no_clock(tmp_path: Path) -> None:
    fill(tmp_path / "data", [f"{number}.png" for number in range(5)])
    (tmp_path / "data.txt").write_text("".join(f"data/{n}.png\n" for n in range(5)))
    (ref,) = plan(tmp_path)
    assert (ref.problem, ref.fps) == ("", RATE)


def test_a_clock_parts_clips_and_names_what_is_not_there(tmp_path: Path) -> None:
    """It goes back, stands still, waits for months; names a picture that is missing, and another not."""
    folder = fill(tmp_path, [f"{number}.png" for number in range(10)])
    times = [5, 6, 7, 1, 2, 2, 3, 3 + 10**7, 4 + 10**7]
    lines = [f"{second} {number}.png" for number, second in enumerate(times)]
    (folder / "timestamps.txt").write_text("\n".join([*lines, "9 lost.png"]))
    refs = plan(folder)
    runs = [[image.name[0] for image in ref.images] for ref in refs if not ref.problem]
    assert runs == [["0", "1", "2"], ["3", "4"], ["5", "6"], ["7", "8"]] or runs == [
        ["0", "1", "2"], ["3", "4"], ["5", "6", "7", "8"]]  # fmt: skip
    assert refused(refs) == {
        "1 pictures are named in the timestamps file and not there": ["lost.png"],
        "1 pictures are not named in the timestamps file": ["9.png"],
    }
    assert all(one < other for ref in refs for one, other in zip(ref.pts, ref.pts[1:], strict=False))


CHANGES: dict[str, Callable[[Path], object]] = {
    "changed": lambda path: path.write_bytes(picture(99)),
    "gone": lambda path: path.unlink(),
}


@pytest.mark.parametrize("kind", CHANGES)
def test_a_picture_that_is_not_as_planned_fails_its_clips_alone(tmp_path: Path, kind: str) -> None:
    folder = fill(tmp_path / "a", [f"{number}.png" for number in range(30)])
    refs = plan(folder)
    CHANGES[kind](folder / "0.png")
    with pytest.raises(DecodeError) as caught:
        decode(refs[0])
    assert words.reason(caught.value.reason) == caught.value.reason
    assert "changed since" in caught.value.reason if kind == "changed" else True
    assert shown(refs[1:]) == [f"{number}.png" for number in range(9, 30)]


def test_ids_depend_on_names_and_bytes_and_not_on_the_place(tmp_path: Path) -> None:
    fill(tmp_path / "one/cam", [f"{number}.png" for number in range(12)])
    shutil.copytree(tmp_path / "one", tmp_path / "other")
    one, other = plan(tmp_path / "one"), plan(tmp_path / "other")
    assert [(ref.clip_id, ref.key, ref.source_hmac) for ref in one] == [
        (ref.clip_id, ref.key, ref.source_hmac) for ref in other
    ]
    np.testing.assert_array_equal(decode_clip(one[0]), decode_clip(other[0]))
    (tmp_path / "other/cam/3.png").rename(tmp_path / "other/cam/2b.png")
    assert {ref.clip_id for ref in plan(tmp_path / "other")}.isdisjoint(ref.clip_id for ref in one)
