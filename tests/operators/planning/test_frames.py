"""Which frames a source has: by whichever clock, of whichever stream, and those that are only promised."""

import io
import struct
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest
from scipy.spatial.distance import cdist

from operators.planning.frames import frames_of
from operators.planning.probe import plan_source
from operators.planning.promised import container_size
from operators.video.decode import DecodeError, decode_clip
from schemas.clip import ClipRef
from schemas.profile import Clips
from tests.videos import pictures, write

CLIPS = Clips(frames=17, overlap=5, max_bytes=10**9)


def plan(path: Path) -> list[ClipRef]:
    return plan_source(str(path), path.name, b"key", CLIPS)


def released(refs: list[ClipRef]) -> np.ndarray:
    return np.concatenate([decode_clip(ref)[ref.overlap :] for ref in refs if not ref.problem])


def nearest(shown: np.ndarray, frames: np.ndarray) -> list[int]:
    """Which of `frames` each shown one is."""
    small, whole = (some[:, ::4, ::4].reshape(len(some), -1).astype(float) for some in (shown, frames))
    return [int(one) for one in cdist(small, whole, "cityblock").argmin(1)]


def transport(path: Path, frames: np.ndarray, start: int, bframes: int = 2) -> Path:
    """A transport stream at 10 frames/s whose clock starts at `start` frames."""
    return write(
        path,
        frames,
        time_base=Fraction(1, 90000),
        pts=[9000 * (start + n) for n in range(len(frames))],
        options={"bf": str(bframes)},
    )


@pytest.mark.parametrize("bframes", [0, 2])
@pytest.mark.parametrize("starts", [(0, 0), (100, 0), (0, 20), (0, 40), (50, 50, 50), (0, 39)])
def test_every_frame_of_recordings_behind_each_other_is_in_a_clip(
    tmp_path: Path, starts: tuple[int, ...], bframes: int
) -> None:
    """Clocks that start again, earlier, within the first recording or right behind it: no clip mixes two."""
    frames = pictures(40 * len(starts))
    parts = [
        transport(tmp_path / f"{n}.ts", frames[40 * n : 40 * n + 40], start, bframes).read_bytes()
        for n, start in enumerate(starts)
    ]
    path = tmp_path / "all.ts"
    path.write_bytes(b"".join(parts))
    refs = plan(path)
    if any(ref.problem for ref in refs):  # where the clocks touch, it may not be told: one record says where
        assert len(refs) == 1 and "frame" in refs[0].problem and refs[0].remedy and starts == (0, 39)
        return
    assert sum(ref.frames for ref in refs) == len(frames)
    assert nearest(released(refs), frames) == list(range(len(frames)))
    assert all(ref.pts == sorted(set(ref.pts)) for ref in refs)
    if starts != (0, 40):
        mixed = [ref for ref in refs if len({n // 40 for n in span(ref)}) > 1]
        assert not mixed and len({ref.clip_id for ref in refs}) == len(refs)


@pytest.mark.parametrize("bframes", [0, 3])
def test_a_recording_that_begins_in_its_middle_is_not_painted_over_the_one_before(
    tmp_path: Path, bframes: int
) -> None:
    """Its frames until its first key frame are counted as missing, all others are in clips, each in order."""
    frames = pictures(80)
    first, second = (
        transport(tmp_path / f"{n}.ts", frames[40 * n : 40 * n + 40], 20, bframes).read_bytes()
        for n in (0, 1)
    )
    begun = 188 * (len(second) // 188 // 8)  # within the first of its groups of twelve frames
    path = tmp_path / "all.ts"
    path.write_bytes(first + second[begun:])
    refs = plan(path)
    good, (bad,) = refs[:-1], refs[-1:]
    assert nearest(released(good), frames) == [*range(40), *range(52, 80)]
    assert 0 < bad.frames < 12 and f"{bad.frames} frames" in bad.problem
    assert all(span(ref).stop <= 40 or span(ref).start >= 40 for ref in good)


def span(ref: ClipRef) -> range:
    return range(ref.first_frame, ref.first_frame + len(ref.pts))


def test_frames_of_one_time_are_two(tmp_path: Path) -> None:
    pts = [100 * n for n in range(20)] + [100 * n for n in range(19, 30)]
    frames = pictures(31)
    refs = plan(
        write(tmp_path / "a.mkv", frames, time_base=Fraction(1, 1000), pts=pts, codec="ffv1", pix_fmt="bgr0")
    )
    assert sum(ref.frames for ref in refs) == 31
    assert nearest(released(refs), frames) == list(range(31))


def with_cover(path: Path, *, cover: bool, default: bool = True, before: bool = True) -> Path:
    """A video of 30 frames, and a still of one frame in a stream before or behind it, as an attached picture or not."""
    from av.stream import Disposition

    with av.open(str(path), "w") as container:
        streams = {}
        for name in ("still", "video") if before else ("video", "still"):
            streams[name] = container.add_stream("mjpeg" if name == "still" else "libx264", rate=10)
            streams[name].width, streams[name].height = (64, 48) if name == "still" else (128, 96)
            streams[name].pix_fmt = "yuvj420p" if name == "still" else "yuv420p"
        if cover:
            streams["still"].disposition = Disposition.attached_pic
        streams["video"].disposition = Disposition.default if default else Disposition(0)
        for name, shown in (("still", pictures(1, 48, 64)), ("video", pictures(30))):
            for number, picture in enumerate(shown):
                frame = av.VideoFrame.from_ndarray(picture, format="rgb24").reformat(
                    format=streams[name].pix_fmt
                )
                frame.pts, frame.time_base = number, Fraction(1, 10)
                container.mux(streams[name].encode(frame))
            container.mux(streams[name].encode())
    return path


@pytest.mark.parametrize("ending", ["mkv", "mp4"])
@pytest.mark.parametrize("cover", [True, False])
@pytest.mark.parametrize("before", [True, False])
def test_the_video_is_taken_and_not_the_cover(tmp_path: Path, ending: str, cover: bool, before: bool) -> None:
    refs = plan(with_cover(tmp_path / f"a.{ending}", cover=cover, before=before))
    assert sum(ref.frames for ref in refs) == 30
    assert all("mjpeg 64x48" in "".join(ref.other_streams) for ref in refs)
    assert nearest(released(refs), pictures(30)) == list(range(30))


@pytest.mark.parametrize("ending", ["mp4", "mov", "mkv", "ts", "avi"])
@pytest.mark.parametrize("sounds", [1, 2])
def test_sound_before_the_video_changes_nothing(tmp_path: Path, ending: str, sounds: int) -> None:
    path = tmp_path / f"a.{ending}"
    with av.open(str(path), "w") as container:
        heard = [container.add_stream("aac", rate=16000) for _ in range(sounds)]
        stream = container.add_stream("libx264", rate=10, options={"g": "6", "bf": "0"})
        stream.height, stream.width, stream.pix_fmt = 96, 128, "yuv420p"
        for one in heard:
            for number in range(32):
                sound = av.AudioFrame.from_ndarray(np.zeros((1, 1024), np.float32), "fltp", "mono")
                sound.rate, sound.pts = 16000, number * 1024
                container.mux(one.encode(sound))
            container.mux(one.encode())
        for picture in pictures(40):
            container.mux(stream.encode(av.VideoFrame.from_ndarray(picture, format="rgb24")))
        container.mux(stream.encode())
    refs = plan(path)
    assert {(ref.problem, ref.stream, ref.missing) for ref in refs} == {("", sounds, 0)}
    assert nearest(released(refs), pictures(40)) == list(range(40))


def test_a_cover_alone_is_no_video(tmp_path: Path) -> None:
    path = with_cover(tmp_path / "a.mkv", cover=True)
    with av.open(str(path)) as whole, av.open(str(tmp_path / "b.mp4"), "w") as made:
        from av.stream import Disposition

        stream = made.add_stream_from_template(whole.streams.video[0])
        stream.disposition = Disposition.attached_pic
        for packet in whole.demux(whole.streams.video[0]):
            if packet.size:
                packet.stream = stream
                made.mux(packet)
    (ref,) = plan(tmp_path / "b.mp4")
    assert "cover" in ref.problem


@pytest.mark.parametrize(
    ("ending", "bframes"),
    [*((ending, n) for ending in ("mp4", "mov", "mkv", "flv") for n in (0, 3)), ("avi", 0), ("wmv", 0)],
)
def test_what_the_index_promises_and_the_file_lacks_is_counted(
    tmp_path: Path, ending: str, bframes: int
) -> None:
    """As a download that broke off: the index lies in front, or the header says how long the file is."""
    frames = pictures(60)
    options = {"g": "6", "bf": str(bframes)}
    path = write(tmp_path / f"whole.{ending}", frames, **(CODECS.get(ending, {}) | {"options": options}))
    if ending in ("mp4", "mov"):
        path = fast(path, tmp_path / f"fast.{ending}")
    data = path.read_bytes()
    cut = tmp_path / f"cut.{ending}"
    for share in (0.3, 0.55, 0.7, 0.9):
        cut.write_bytes(data[: len(data) - int((1 - share) * (len(data) - 3000))])
        refs = plan(cut)
        good, (bad,) = refs[:-1], refs[-1:]
        there = sum(ref.frames for ref in good)
        assert 5 < there < 60 and there + bad.frames == 60
        assert f"{bad.frames} frames" in bad.problem and all(ref.missing == bad.frames for ref in refs)
        shown = nearest(released(good), frames)[:-1]  # half a frame is shown as decoders fill it up
        assert shown == sorted(shown) and (bframes or shown == list(range(there - 1)))
        with pytest.raises(DecodeError, match="frames are damaged"):
            decode_clip(bad)


def fast(path: Path, to: Path) -> Path:
    """The same streams with the index in front."""
    with av.open(str(path)) as whole, av.open(str(to), "w", options={"movflags": "+faststart"}) as made:
        stream = made.add_stream_from_template(whole.streams.video[0])
        for packet in whole.demux(whole.streams.video[0]):
            if packet.size:
                packet.stream = stream
                made.mux(packet)
    return to


@pytest.mark.parametrize("ending", ["mp4", "mov", "mkv", "avi", "ts", "webm", "flv", "wmv"])
def test_of_a_whole_file_nothing_is_missing(tmp_path: Path, ending: str) -> None:
    found = frames_of(str(write(tmp_path / f"a.{ending}", pictures(40), **CODECS.get(ending, {}))))
    assert (found.missing, sum(map(len, found.runs))) == (0, 40)


CODECS = {
    "webm": {"codec": "libvpx-vp9"},
    "flv": {"time_base": Fraction(1, 1000), "pts": [100 * n for n in range(60)]},
    "wmv": {"codec": "wmv2"},
    "avi": {"options": {"bf": "0"}},
}


def test_sizes_that_headers_say() -> None:
    assert container_size(b"RIFF" + struct.pack("<I", 1000) + bytes(56)) == 1008
    ebml = b"\x1aE\xdf\xa3" + b"\x83abc" + b"\x18S\x80g"
    assert container_size(ebml + b"\x81" + bytes(50)) == len(ebml) + 2 - 1 + 1
    assert container_size(ebml + b"\x01" + b"\xff" * 7 + bytes(50)) == 0
    assert container_size(ebml + b"\xff" + bytes(50)) == 0
    assert container_size(b"anything else, of some length") == 0
    assert container_size(io.BytesIO(ebml).read(6)) == 0


RATES = [Fraction(1, 3600), Fraction(1, 7200), Fraction(30000, 1001), Fraction(240), Fraction(2997, 125)]


@pytest.mark.parametrize("rate", RATES)
def test_rates_are_exact(tmp_path: Path, rate: Fraction) -> None:
    (ref,) = plan(write(tmp_path / "a.mp4", pictures(5), time_base=1 / rate, rate=rate))
    assert ref.fps == rate
    assert [(pts - ref.pts[0]) * ref.time_base for pts in ref.pts] == [n / rate for n in range(5)]


@pytest.mark.parametrize("seconds", [3600, 86400, 604800])
def test_one_frame_in_hours_has_its_rate_in_matroska(tmp_path: Path, seconds: int) -> None:
    rate = Fraction(1, seconds)
    (ref,) = plan(write(tmp_path / "a.mkv", pictures(5), time_base=1 / rate, rate=rate))
    assert ref.fps == rate
