"""Probing and cutting; every awkward file ends as clips or as one clear record."""

from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from operators.planning.cut import windows
from operators.planning.probe import plan_source, probe_source
from operators.video.decode import DecodeError, decode_clip
from schemas.clip import ClipRef
from schemas.profile import Clips
from tests.videos import pictures, write, write_audio

CLIPS = Clips(frames=17, overlap=5, max_bytes=10**9)


def plan(path: Path, clips: Clips = CLIPS) -> list[ClipRef]:
    return plan_source(str(path), path.name, b"key", clips)


def released(refs: list[ClipRef]) -> np.ndarray:
    """What the clips release, put together."""
    return np.concatenate([decode_clip(ref)[ref.overlap :] for ref in refs])


@given(st.integers(1, 400), st.integers(1, 20).map(lambda k: 4 * k + 1), st.data())
def test_windows_part_the_frames(frames: int, length: int, data: st.DataObject) -> None:
    overlap = data.draw(st.integers(0, length - 1))
    cuts = windows(frames, length, overlap)
    new = [range(first + (overlap if number else 0), stop) for number, (first, stop) in enumerate(cuts)]
    assert [frame for part in new for frame in part] == list(range(frames))
    assert all(len(part) > 0 for part in new)
    assert all(stop - first == length for first, stop in cuts[:-1])


@given(st.sets(st.integers(0, 31), max_size=6), st.sampled_from([Fraction(1, 10), Fraction(1, 90000)]))
def test_no_clip_lies_across_a_cut(
    tmp_path_factory: pytest.TempPathFactory, at: set[int], unit: Fraction
) -> None:
    """Cuts are moments, at the 30 frames of a video at 10 frames/s or behind them, a little inexact."""
    folder = tmp_path_factory.getbasetemp()
    path = folder / f"cuts-{unit.denominator}.mp4"
    if not path.exists():
        write(path, pictures(30), time_base=unit, pts=[int(Fraction(n, 10) / unit) for n in range(30)])
    cuts = [number / 10 + 1e-6 * (-1) ** number for number in at]
    refs = probe_source(str(path), "key", CLIPS, cuts)
    shown = [
        range(ref.first_frame + ref.overlap, ref.first_frame + len(ref.pts))
        for ref in refs
        if not ref.problem
    ]
    assert [frame for part in shown for frame in part] == list(range(30))
    begins = {ref.first_frame for ref in refs if not ref.overlap}
    assert begins == {0} | {number for number in at if number < 30}
    for ref in refs:
        whole = range(ref.first_frame, ref.first_frame + len(ref.pts))
        assert not [number for number in at if number in whole[1:]], "nor does its context"


SOURCES: dict[str, dict[str, Any]] = {
    "plain.mp4": {},
    "no-frame-count.mkv": {"time_base": Fraction(1, 1000), "pts": [100 * n for n in range(30)]},
    "stream.ts": {"time_base": Fraction(1, 90000), "pts": [9000 * n + 90000 for n in range(30)]},
    "variable-rate.mp4": {"time_base": Fraction(1, 600), "pts": [n * 60 + n * n for n in range(30)]},
    "ten-bit.mp4": {"pix_fmt": "yuv420p10le"},
    "gray.mp4": {"pix_fmt": "gray"},
    "b-frames.mp4": {"options": {"bf": "3"}},
}


@pytest.mark.parametrize("name", SOURCES)
def test_every_frame_is_planned_once_and_decoded_as_it_is(tmp_path: Path, name: str) -> None:
    frames = pictures(30)
    refs = plan(write(tmp_path / name, frames, **SOURCES[name]))
    assert [ref.problem for ref in refs] == ["", "", ""]
    assert [len(ref.pts) for ref in refs] == [17, 17, 6]
    assert refs[0].pts[12:] == refs[1].pts[:5]
    got = released(refs).astype(float)
    assert got.shape == frames.shape
    wanted = frames.mean(axis=-1, keepdims=True).repeat(3, -1) if name == "gray.mp4" else frames
    nearest = [int(np.argmin(np.abs(got[t] - wanted).mean((1, 2, 3)))) for t in range(30)]
    assert nearest == list(range(30))


def test_variable_frame_times_are_planned_exactly(tmp_path: Path) -> None:
    pts = SOURCES["variable-rate.mp4"]["pts"]
    refs = plan(write(tmp_path / "a.mp4", pictures(30), **SOURCES["variable-rate.mp4"]))
    planned = [moment * ref.time_base for ref in refs for moment in ref.pts[ref.overlap :]]
    assert [moment - planned[0] for moment in planned] == [Fraction(p, 600) for p in pts]


@pytest.mark.parametrize("rotation", [90, 180, 270])
def test_frames_are_as_displayed(tmp_path: Path, rotation: int) -> None:
    frames = pictures(5)
    (ref,) = plan(write(tmp_path / "a.mp4", frames, rotation=rotation))
    assert ref.rotation in {90, 180, 270}
    upright = np.rot90(frames, ref.rotation // 90, axes=(1, 2))
    assert (ref.height, ref.width) == upright.shape[1:3]
    assert np.abs(decode_clip(ref).astype(float) - upright).mean() < 6


def test_odd_sizes_and_a_single_frame(tmp_path: Path) -> None:
    (ref,) = plan(write(tmp_path / "a.mp4", pictures(1, 143, 175), pix_fmt="yuv444p"))
    assert (ref.width, ref.height, ref.frames) == (175, 143, 1)
    assert decode_clip(ref).shape == (1, 143, 175, 3)


def test_large_pictures_make_shorter_clips(tmp_path: Path) -> None:
    path = write(tmp_path / "a.mp4", pictures(30))
    small = plan(path, Clips(frames=17, overlap=5, max_bytes=96 * 128 * 3 * 10))
    assert max(len(ref.pts) for ref in small) == 9
    (none,) = plan(path, Clips(frames=17, overlap=5, max_bytes=96 * 128 * 3 * 5))
    assert "too large" in none.problem
    assert "clip.max_bytes" in none.remedy


def bad_files(folder: Path) -> dict[str, Path]:
    """Name of the trouble -> file."""
    whole = write(folder / "whole.mp4", pictures(30)).read_bytes()
    (folder / "empty.mp4").write_bytes(b"")
    (folder / "truncated.mp4").write_bytes(whole[: len(whole) // 2])
    (folder / "text.mp4").write_text("this is not a video\n" * 50)
    write_audio(folder / "audio.mp4")
    return {name: folder / f"{name}.mp4" for name in ("empty", "truncated", "text", "audio")}


@pytest.mark.parametrize(
    ("name", "what"),
    [
        ("empty", "empty"),
        ("truncated", "no readable video"),
        ("text", "no readable video"),
        ("audio", "no video stream"),
    ],
)
def test_a_file_that_is_no_video_is_one_record(tmp_path: Path, name: str, what: str) -> None:
    (ref,) = plan(bad_files(tmp_path)[name])
    assert what in ref.problem
    assert ref.remedy
    assert ref.frames == 0
    assert str(tmp_path) not in ref.problem + ref.remedy


def test_damage_in_the_middle_fails_the_clip_that_has_it(tmp_path: Path) -> None:
    path = write(tmp_path / "a.mp4", pictures(30), options={"g": "6"})
    data = bytearray(path.read_bytes())
    begin, end = data.index(b"mdat"), data.index(b"moov") - 4
    data[(begin + end) // 2 : end] = bytes(end - (begin + end) // 2)
    path.write_bytes(data)
    refs = plan(path)
    with pytest.raises(DecodeError) as caught:
        released(refs)
    assert "decoded" in caught.value.reason
    assert str(tmp_path) not in caught.value.reason


def test_ids_and_keys(tmp_path: Path) -> None:
    path = write(tmp_path / "a.mp4", pictures(30))
    copy = tmp_path / "b.mp4"
    copy.write_bytes(path.read_bytes())
    first, again, other = plan(path), plan(path), plan(copy)
    assert first == again
    assert len({ref.clip_id for ref in first + other}) == 6
    assert len({ref.key for ref in first + other}) == 6
    assert "a" not in {ref.key.split("-")[0] for ref in first}
    keyed = plan_source(str(path), "a.mp4", b"another key", CLIPS)
    assert {ref.key for ref in keyed}.isdisjoint(ref.key for ref in first)


def test_tags_in_a_foreign_encoding_do_no_harm(tmp_path: Path) -> None:
    path = write(tmp_path / "a.mkv", pictures(5), title="XXXXXXXX")
    path.write_bytes(path.read_bytes().replace(b"XXXXXXXX", "Stra\xdfe \xfc ".encode("latin-1")[:8]))
    (ref,) = plan(path)
    assert ref.problem == ""
    assert len(decode_clip(ref)) == 5


def test_what_comes_before_the_first_keyframe_is_not_planned(tmp_path: Path) -> None:
    whole = write(
        tmp_path / "a.ts",
        pictures(60),
        time_base=Fraction(1, 90000),
        pts=[9000 * n for n in range(60)],
        options={"g": "20", "bf": "2"},
    ).read_bytes()
    path = tmp_path / "cut.ts"
    path.write_bytes(whole[len(whole) // 188 // 3 * 188 :])
    refs = plan(path)
    with av.open(str(path)) as container:
        shown = [frame.pts for frame in container.decode(video=0)]
    assert 10 < len(shown) < 45
    assert [moment for ref in refs for moment in ref.pts[ref.overlap :]] == shown
    assert len(released(refs)) == len(shown)


def test_a_container_that_mistimes_its_frames_is_refused(tmp_path: Path) -> None:
    # AVI holds no presentation times: B-frames of H.264 come out with those of the order of decoding.
    (ref,) = plan(write(tmp_path / "a.avi", pictures(30), options={"bf": "2"}))
    assert "order" in ref.problem


@pytest.mark.parametrize("name", ["a.mp4", "a.mkv", "a.ts"])
def test_a_clip_decodes_to_the_same_pixels_as_the_whole(tmp_path: Path, name: str) -> None:
    """Open groups of pictures: the frames before a sought keyframe lean on ones that were not decoded."""
    options = {"x264-params": "open-gop=1:keyint=12:bframes=3"}
    path = write(
        tmp_path / name,
        pictures(60),
        time_base=Fraction(1, 90000),
        pts=[9000 * n for n in range(60)],
        options=options,
    )
    refs = plan(path)
    with av.open(str(path)) as container:
        whole = np.stack([frame.to_ndarray(format="rgb24") for frame in container.decode(video=0)])
    np.testing.assert_array_equal(released(refs), whole)
