"""Whole videos from released clips: every frame at its time, of three policies, and what stands in the record."""

import io
import json
import tracemalloc
from collections.abc import Callable, Sequence
from dataclasses import replace
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest

from operators import storage
from operators.formats.ended import Ended
from operators.formats.videos import VideoExport
from operators.planning.cut import cut, nothing
from operators.planning.frames import Frames
from operators.planning.probe import named, plan_source
from operators.video import mp4_layout
from operators.video.encode import decode_bytes, encode_video, inspect_video
from operators.video.mp4_boxes import layout_of
from schemas.certificate import Timing
from schemas.clip import GRAY, ClipRef
from schemas.errors import UserError
from schemas.exports import Videos
from schemas.profile import Clips
from tests import videos

WINDOWS = Clips(frames=5, overlap=1, max_bytes=10**7)
_ENCODED: dict[tuple[Any, ...], bytes] = {}
UNEVEN = [0, 7, 9, 30, 31, 50, 51, 52, 90, 92, 93, 140, 141]  # 13 frames: clips of 5, 4 and 4


def planned(
    folder: Path, frames: int = 13, pts: list[int] | None = None, size: tuple[int, int] = (48, 64)
) -> list[ClipRef]:
    path = videos.write(
        folder / "a.mkv",
        videos.pictures(frames, *size),
        pts=pts,
        time_base=Fraction(1, 1000) if pts else Fraction(1, 10),
        pix_fmt="yuv444p" if size[0] % 2 else "yuv420p",
    )
    return plan_source(str(path), "a.mkv", b"key", WINDOWS)


def encoded(ref: ClipRef, preset: str = "veryfast", crf: int = 20) -> bytes:
    """A clip as it was released, the same whenever it is asked for: something else in each frame."""
    which = (
        ref.first_frame,
        tuple(ref.pts),
        ref.overlap,
        ref.height,
        preset,
        crf,
        ref.time_base,
        ref.sample_aspect,
    )
    if which not in _ENCODED:
        frames = videos.pictures(ref.first_frame + len(ref.pts), ref.height, ref.width)[-ref.frames :]
        about = (ref.moments("source"), ref.time_base, ref.fps, crf, preset, ref.sample_aspect)
        _ENCODED[which] = encode_video(frames, *about)
    return _ENCODED[which]


def write(
    refs: list[ClipRef],
    target: Path,
    rules: Videos | None = None,
    refused: Sequence[int] = (),
    timing: Timing = "source",
    video: Callable[[ClipRef], bytes] = encoded,
) -> tuple[dict[str, Any], dict[str, Any], bytes]:
    """One video given back, with the clips `refused` by number; what is said of it, its record and its bytes."""
    ended = {
        ref.key: Ended(
            "quarantined" if number in refused else "failed" if ref.problem else "released", "", ""
        )
        for number, ref in enumerate(refs)
    }
    export = VideoExport(rules or Videos(), timing, ended, lambda _: "new", video, str(target))
    said = export.write([refs])["new"]
    record, made = json.loads((target / "new.json").read_text()), target / "new.mp4"
    return said, record, made.read_bytes() if made.exists() else b""


def sound(video: bytes, refs: list[ClipRef], shown: Sequence[int]) -> np.ndarray:
    """The video's frames, which are shown when the source's of the numbers `shown` are; there is nothing else in it."""
    facts, pts = inspect_video(video), [at for ref in refs for at in ref.pts[ref.overlap :]]
    assert facts.boxes == [] and facts.streams == ["video"] and facts.tags == []
    assert [at * facts.time_base for at in facts.pts] == [
        (pts[number] - pts[shown[0]]) * refs[0].time_base for number in shown
    ]
    assert facts.sample_aspect == refs[0].sample_aspect
    frames = decode_bytes(video)
    assert frames.shape[1:3] == (refs[0].height, refs[0].width)
    return frames


@pytest.mark.parametrize("size", [(48, 64), (47, 63)], ids=["even", "odd"])
@pytest.mark.parametrize("pts", [None, UNEVEN], ids=["steady", "uneven"])
@pytest.mark.parametrize("frames", [13, 10, 9], ids=["whole tail", "tail of one", "no tail"])
def test_all_that_was_released_comes_back_as_it_was_audited(
    tmp_path: Path, frames: int, pts: list[int] | None, size: tuple[int, int]
) -> None:
    refs = planned(tmp_path, frames, pts and pts[:frames], size)
    said, record, video = write(refs, tmp_path / "out")
    shown = sound(video, refs, range(frames))
    assert np.array_equal(shown, np.concatenate([decode_bytes(encoded(ref)) for ref in refs]))
    due = [unit for ref in refs for unit in layout_of(encoded(ref)).slices]
    assert layout_of(video).slices == due, "not encoded again"
    assert (record["frames"], record["begins"], record["encoded_again"]) == (frames, 0, False)
    assert [span["state"] for span in record["spans"]] == ["released"] * len(refs)
    assert (said["released"], said["unreleased"]) == (frames, [])


@pytest.mark.parametrize("refused", [0, 1, 2])
@pytest.mark.parametrize("unreleased", ["gray", "cut", "stop"])
def test_what_was_not_released_is_what_the_policy_says(tmp_path: Path, unreleased: Any, refused: int) -> None:
    refs = planned(tmp_path, pts=UNEVEN)
    said, record, video = write(refs, tmp_path / "out", Videos(unreleased=unreleased), [refused])
    ends = np.cumsum([0, *(ref.frames for ref in refs)])
    own = range(ends[refused], ends[refused + 1])
    kept = {
        "gray": list(range(13)),
        "cut": [n for n in range(13) if n not in own],
        "stop": list(range(own.start)),
    }[unreleased]
    states = [span["state"] for span in record["spans"]]
    assert f"clip {refs[refused].key} was quarantined" == record["spans"][refused]["reason"]
    assert said["gray"] + said["left out"] + said["released"] == 13
    if not kept:
        assert (video, states, said["sha256"]) == (b"", ["left out"] * 3, "")
        return
    frames = sound(video, refs, kept)
    assert record["encoded_again"] is False
    assert record["begins"] == UNEVEN[kept[0]]
    for span, ref in zip(record["spans"], refs, strict=True):
        if span["state"] == "left out":
            assert "first" not in span and span["reason"]
            continue
        there = frames[span["first"] : span["first"] + span["frames"]]
        assert kept[span["first"]] == span["source_frame"]
        if span["state"] == "gray":
            assert ref is refs[refused] and abs(there.astype(int) - GRAY).max() <= 2
        else:
            assert np.array_equal(there, decode_bytes(encoded(ref)))


@pytest.mark.parametrize("preset", ["ultrafast", "veryfast", "medium", "slow"])
@pytest.mark.parametrize("crf", [12, 18, 26, 33])
def test_gray_is_encoded_as_the_clips_were(tmp_path: Path, preset: str, crf: int) -> None:
    refs = planned(tmp_path)
    _, record, video = write(refs, tmp_path / "out", refused=[1], video=lambda ref: encoded(ref, preset, crf))
    assert record["encoded_again"] is False
    sound(video, refs, range(13))


@pytest.mark.parametrize("refused", [[], [1]])
def test_clips_that_are_coded_differently_are_encoded_again(tmp_path: Path, refused: list[int]) -> None:
    refs = planned(tmp_path, pts=UNEVEN)

    def differing(ref: ClipRef) -> bytes:
        return encoded(ref, crf=20 + ref.first_frame % 3)

    _, record, video = write(refs, tmp_path / "out", refused=refused, video=differing)
    assert record["encoded_again"] is True
    frames = sound(video, refs, range(13))
    assert np.abs(frames[:5].astype(int) - decode_bytes(encoded(refs[0]))).mean() < 4


def test_key_frames_alone_behind_each_other_are_told_apart(tmp_path: Path) -> None:
    """Two that follow each other must not be taken for one picture's, which the numbers in their slices may say."""
    one = planned(tmp_path)[0]
    refs = [replace(one, first_frame=n, pts=[n * 100], key=f"{one.key[:20]}-{n:06d}") for n in range(6)]
    _, _, video = write(refs, tmp_path / "out")
    shown = sound(video, refs, range(6))
    assert np.array_equal(shown, np.concatenate([decode_bytes(encoded(ref)) for ref in refs]))


def test_nominal_times_are_those_of_the_rate(tmp_path: Path) -> None:
    refs = planned(tmp_path, pts=UNEVEN)
    _, _, video = write(refs, tmp_path / "out", timing="nominal")
    due = replace(refs[0], pts=list(range(13)), overlap=0).moments("nominal")
    assert inspect_video(video).pts == due


def test_missing_frames_and_a_clock_that_starts_again_are_told(tmp_path: Path) -> None:
    runs, shape = [[0, 10, 20, 30, 40, 50, 60], [5, 15, 25]], {"width": 64, "height": 48, "rotation": 0}
    kind = {
        "mirrored": False,
        "sample_aspect": Fraction(4, 3),
        "stream": 0,
        "counted": True,
        "interlaced": False,
    }
    more = {"transfer": "", "missing": 3, "others": []}
    source = Frames(runs=runs, time_base=Fraction(1, 100), fps=Fraction(10), **shape, **kind, **more)
    refs = [named(ref, b"key") for ref in cut(source, WINDOWS, nothing("/in/a.avi", "ab" * 10, "00"))]
    said, record, video = write(refs, tmp_path / "out")
    assert inspect_video(video).pts == list(range(0, 100, 10))
    assert record["clock_starts_again"] == [7]
    assert record["spans"][-1] | {"clip": ""} == {
        "clip": "",
        "source_frame": 10,
        "frames": 3,
        "state": "left out",
        "reason": refs[-1].problem,
    }
    assert (said["released"], said["left out"]) == (10, 3)


def test_what_cannot_be_planned_or_was_refused_as_a_whole_is_a_record_alone(tmp_path: Path) -> None:
    refs = planned(tmp_path)
    said, record, video = write(refs, tmp_path / "none", refused=[0, 1, 2])
    assert (video, said["left out"], said["gray"], "video" in record) == (b"", 13, 0, False)
    bad = replace(refs[0], pts=[], problem="no readable video", remedy="Replace it")
    said, record, video = write([bad], tmp_path / "bad")
    assert (video, record["spans"][0]["reason"]) == (b"", "no readable video")


def test_frames_too_far_apart_for_an_mp4_are_told(tmp_path: Path) -> None:
    refs = planned(tmp_path)
    far = [replace(refs[-1], pts=[at + (1 << 40) for at in refs[-1].pts])]
    said, record, video = write(refs[:-1] + far, tmp_path / "out")
    assert (video, said["left out"]) == (b"", 13)
    assert "apart" in record["spans"][0]["reason"]


def test_a_clip_that_is_not_what_was_released_stops_it(tmp_path: Path) -> None:
    refs = planned(tmp_path)
    for number, spoilt in enumerate(
        (lambda _: b"", lambda ref: encoded(ref)[:-9], lambda ref: encoded(replace(ref, pts=ref.pts[:-1])))
    ):
        with pytest.raises(UserError, match="does not hold the planned pictures"):
            write(refs, tmp_path / str(number), video=spoilt)
        assert not (tmp_path / str(number) / "new.mp4").exists()


def test_what_does_not_decode_to_its_clips_is_never_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    head = mp4_layout.head

    def shuffled(index: mp4_layout.Index, marks: Sequence[bytes] = ()) -> bytes:
        whole = len(index.sizes) == 13
        return head(replace(index, durations=index.durations[::-1]) if whole else index, marks)

    monkeypatch.setattr(mp4_layout, "head", shuffled)
    said, record, video = write(planned(tmp_path, pts=UNEVEN), tmp_path / "out")
    assert (video, said["released"]) == (b"", 0)
    assert "another time" in record["spans"][0]["reason"]


def test_two_videos_of_one_name_are_refused(tmp_path: Path) -> None:
    refs = planned(tmp_path)
    ended = {ref.key: Ended("released", "", "") for ref in refs}
    export = VideoExport(Videos(), "source", ended, lambda _: "new", encoded, str(tmp_path / "out"))
    with pytest.raises(UserError, match="two videos"):
        export.write([refs, refs])


def test_a_video_called_like_the_record_of_all_is_refused(tmp_path: Path) -> None:
    refs = planned(tmp_path)
    ended = {ref.key: Ended("released", "", "") for ref in refs}
    for name in ("recast", "deep/recast"):
        export = VideoExport(
            Videos(), "source", ended, lambda _, name=name: name, encoded, str(tmp_path / "out")
        )
        if name != "recast":
            assert name in export.write([refs])
            continue
        with pytest.raises(UserError, match="the record of all"):
            export.write([refs])
        assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    "names",
    [("x", "x.json/b"), ("x.json/b", "x"), ("x.mov", "x.mov.mp4/deep/b"), ("y/x.mp4/b", "y/x")],
    ids=str,
)
def test_a_video_called_like_the_folder_of_another_is_refused(tmp_path: Path, names: tuple[str, str]) -> None:
    refs = planned(tmp_path)
    ended, left = {ref.key: Ended("released", "", "") for ref in refs}, list(names)
    export = VideoExport(Videos(), "source", ended, lambda _: left.pop(0), encoded, str(tmp_path / "out"))
    with pytest.raises(UserError, match="a file and a folder"):
        export.write([refs, refs])


def test_a_file_beyond_32_bits_has_offsets_of_64(tmp_path: Path) -> None:
    """A hole in the place of most frames; the last ones are looked at."""
    refs = planned(tmp_path)
    layout = layout_of(encoded(refs[0]))
    hole, index = [(1 << 31) - 1] * 3, layout.index
    large = replace(
        index,
        sizes=[*index.sizes, *hole, *index.sizes],
        keys=[*index.keys, False, False, False, *index.keys],
        durations=[10**6] * (2 * len(index.sizes) + 3),
    )
    head = mp4_layout.head(large)
    assert b"co64" in head and b"stco" not in head
    with (tmp_path / "large.mp4").open("wb") as file:
        file.write(head)
        file.writelines(mp4_layout.samples(layout.slices))
        file.seek(sum(hole), io.SEEK_CUR)
        file.writelines(mp4_layout.samples(layout.slices))
    with av.open(str(tmp_path / "large.mp4")) as container:
        stream = container.streams.video[0]
        assert stream.frames == 2 * len(index.sizes) + 3
        container.seek(10**6 * (len(index.sizes) + 3), stream=stream)
        frames = [frame.to_ndarray(format="rgb24") for frame in container.decode(stream)]
    assert np.array_equal(np.stack(frames), decode_bytes(encoded(refs[0])))
    assert (tmp_path / "large.mp4").stat().st_size > 1 << 32
    (tmp_path / "large.mp4").unlink()


@pytest.mark.parametrize("place", ["local", "s3", "gs"], indirect=True)
def test_videos_in_a_store_come_back_there(place: str, tmp_path: Path) -> None:
    refs = planned(tmp_path)
    write(refs, tmp_path / "out", refused=[1])
    ended = {ref.key: Ended("released" if n != 1 else "failed", "", "") for n, ref in enumerate(refs)}
    VideoExport(Videos(), "source", ended, lambda _: "b/new", encoded, f"{place}/out").write([refs])
    assert storage.read_bytes(f"{place}/out", "b/new.mp4") == (tmp_path / "out/new.mp4").read_bytes()


def test_a_store_that_fails_midway_holds_no_half_of_a_video(s3: str) -> None:
    class Torn(io.BytesIO):
        def read(self, size: int | None = -1) -> bytes:
            if self.tell():
                raise OSError("gone")
            return super().read(size)

    with pytest.raises(UserError):
        storage.write_stream(f"{s3}/torn", "new.mp4", Torn(bytes(2 * storage.RANGE)))
    assert not storage.exists(f"{s3}/torn", "new.mp4")


def test_a_long_video_takes_no_more_memory_than_a_short_one(tmp_path: Path) -> None:
    """All that Python and numpy hold; 150 clips of which each is 40 kB."""
    one = planned(tmp_path, size=(96, 128))[0]
    noise = np.random.default_rng(0).integers(0, 255, (5, 96, 128, 3), np.uint8)
    video = encode_video(noise, one.moments("source"), one.time_base, one.fps, 20, "veryfast")
    assert len(video) > 25_000

    def peak(count: int) -> int:
        refs = [
            replace(
                one,
                first_frame=5 * n,
                pts=list(range(500 * n, 500 * n + 500, 100)),
                key=f"{one.key[:20]}-{n:06d}",
            )
            for n in range(count)
        ]
        tracemalloc.start()
        said, _, made = write(refs, tmp_path / str(count), refused=[3], video=lambda _: video)
        used = tracemalloc.get_traced_memory()[1] - len(made)  # read by the test
        tracemalloc.stop()
        assert (said["released"], said["gray"]) == (5 * count - 5, 5)
        return used

    assert peak(150) < peak(15) + 1_000_000 < 150 * len(video) / 3
