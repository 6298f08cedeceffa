"""What players show of a frame: the whole display matrix, its colours, its light, its fields."""

import struct
from dataclasses import replace
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest
from av.filter import Graph

from operators.planning.probe import plan_source
from operators.video.decode import DecodeError, decode, decode_clip
from operators.video.encode import encode_video, inspect_video
from operators.video.mp4_boxes import foreign_boxes
from operators.video.tone import to_bt709
from schemas.clip import ClipRef
from schemas.policy import Sources
from schemas.profile import Clips
from tests.videos import pictures, write

CLIPS = Clips(frames=17, overlap=5, max_bytes=10**9)


def plan(path: Path) -> list[ClipRef]:
    return plan_source(str(path), path.name, b"key", CLIPS)


def with_matrix(path: Path, matrix: tuple[int, int, int, int]) -> Path:
    """Give an mp4's track the display matrix (a, b, c, d), each in its units of 1 / 65536."""
    data = bytearray(path.read_bytes())
    at = data.index(b"tkhd") + 4 + 4 + 20 + 16
    a, b, c, d = matrix
    data[at : at + 36] = struct.pack(">9i", a, b, 0, c, d, 0, 0, 0, 1 << 30)
    path.write_bytes(data)
    return path


def through(matrix: tuple[int, int, int, int], picture: np.ndarray) -> np.ndarray:
    """Every pixel where ISO/IEC 14496-12 puts it: x, y to a x + c y, b x + d y, moved into the picture."""
    a, b, c, d = (each // 65536 for each in matrix)
    y, x = np.indices(picture.shape[:2])
    to_x, to_y = a * x + c * y, b * x + d * y
    made = np.empty((np.ptp(to_y) + 1, np.ptp(to_x) + 1, 3), picture.dtype)
    made[to_y - to_y.min(), to_x - to_x.min()] = picture
    return made


ONE = 1 << 16
MATRICES = [(s * ONE, 0, 0, t * ONE) for s in (1, -1) for t in (1, -1)]
MATRICES += [(0, s * ONE, t * ONE, 0) for s in (1, -1) for t in (1, -1)]


@pytest.mark.parametrize("matrix", MATRICES)
def test_the_whole_display_matrix_is_applied(tmp_path: Path, matrix: tuple[int, int, int, int]) -> None:
    frames = pictures(5)
    (ref,) = plan(with_matrix(write(tmp_path / "a.mp4", frames), matrix))
    assert ref.problem == ""
    wanted = np.stack([through(matrix, frame) for frame in frames]).astype(float)
    assert (ref.height, ref.width) == wanted.shape[1:3]
    assert np.abs(decode_clip(ref) - wanted).mean() < 6
    assert np.abs(decode_clip(ref)[::-1] - wanted).mean() > 6, "the test can tell frames apart"


def test_a_matrix_that_no_player_shows_alike_is_one_record(tmp_path: Path) -> None:
    half = round(ONE * 0.5**0.5)
    (ref,) = plan(with_matrix(write(tmp_path / "a.mp4", pictures(5)), (half, half, -half, half)))
    assert "angle" in ref.problem and ref.remedy
    nearly = (ONE, ONE // 200, -ONE // 200, ONE)
    (ref,) = plan(with_matrix(write(tmp_path / "b.mp4", pictures(5)), nearly))
    assert (ref.problem, ref.rotation) == ("", 0)


def coded(path: Path, frames: np.ndarray, pix_fmt: str, codec: str = "libx264", **colours: int) -> Path:
    """Frames converted by FFmpeg into `pix_fmt` with these colours, which the file says it has."""
    with av.open(str(path), "w") as container:
        stream = container.add_stream(codec, rate=10)
        stream.height, stream.width = frames.shape[1:3]
        stream.pix_fmt = pix_fmt
        stream.options = {"crf": "4", "preset": "ultrafast"} if codec == "libx264" else {}
        for name, value in colours.items():
            setattr(stream.codec_context, name, value)
        for number, picture in enumerate(frames):
            frame = av.VideoFrame.from_ndarray(picture, format="rgb24")
            frame = frame.reformat(
                format=pix_fmt,
                dst_colorspace=colours.get("colorspace"),
                dst_color_range=colours.get("color_range"),
            )
            frame.pts, frame.time_base = number, Fraction(1, 10)
            container.mux(stream.encode(frame))
        container.mux(stream.encode())
    return path


def as_ffmpeg_shows(path: Path) -> np.ndarray:
    """Through FFmpeg's own filter graph, with what it inserts to get RGB."""
    shown = []
    with av.open(str(path)) as container:
        stream, graph = container.streams.video[0], Graph()
        source, to_rgb, sink = (
            graph.add_buffer(template=stream),
            graph.add("format", "pix_fmts=rgb24"),
            graph.add("buffersink"),
        )
        source.link_to(to_rgb)
        to_rgb.link_to(sink)
        graph.configure()
        for frame in container.decode(stream):
            graph.push(frame)
            shown.append(graph.pull().to_ndarray())
    return np.stack(shown)


COLOURS = {
    "BT.601": ("yuv420p", "libx264", {"colorspace": 6, "color_range": 1}),
    "BT.709": ("yuv420p", "libx264", {"colorspace": 1, "color_range": 1}),
    "full range": ("yuvj420p", "libx264", {"colorspace": 1, "color_range": 2}),
    "4:2:2": ("yuv422p", "libx264", {"colorspace": 1, "color_range": 1}),
    "4:4:4": ("yuv444p", "libx264", {"colorspace": 1, "color_range": 1}),
    "4:2:2 in 10 bits": ("yuv422p10le", "libx264", {"colorspace": 1, "color_range": 1}),
    "alpha": ("yuva420p", "ffv1", {"colorspace": 6, "color_range": 1}),
    "RGB": ("bgr0", "ffv1", {}),
    "RGB with alpha": ("bgra", "ffv1", {}),
}


@pytest.mark.parametrize("name", COLOURS)
def test_colours_are_those_of_ffmpegs_picture(tmp_path: Path, name: str) -> None:
    pix_fmt, codec, colours = COLOURS[name]
    frames = pictures(5)
    path = coded(tmp_path / "a.mkv", frames, pix_fmt, codec, **colours)
    (ref,) = plan(path)
    shown = decode_clip(ref).astype(float)
    apart = shown - as_ffmpeg_shows(path)
    assert ref.problem == "" and np.percentile(np.abs(apart), 99) <= 6  # FFmpeg dithers 10 bits
    assert np.abs(apart.mean((0, 1, 2))).max() < 0.5 and np.abs(apart).mean() < 2.5
    assert np.abs(shown - frames).mean() < 6, "nor has the file lost them"


def gray(codes: np.ndarray, transfer: int) -> av.VideoFrame:
    """10-bit luma codes side by side, 16 pixels each, in BT.2020 with limited range."""
    planes = np.full((24, 16 * len(codes)), 512, np.uint16)
    planes[:16] = np.repeat(codes, 16)
    frame = av.VideoFrame.from_ndarray(planes, format="yuv420p10le")
    frame.color_trc, frame.color_primaries, frame.colorspace, frame.color_range = transfer, 9, 9, 1
    return frame


@pytest.mark.parametrize("transfer", [16, 18, 14])
def test_wide_ranges_are_mapped_evenly_into_bt709(transfer: int) -> None:
    shown = to_bt709(gray(np.arange(64, 944, 8), transfer))[8, 8::16].astype(int)
    assert (shown.max(1) - shown.min(1) <= 1).all(), "a gray stays one"
    assert (np.diff(shown[:, 0]) >= 0).all() and shown[0, 0] == 0 and shown[-1, 0] >= 253


def test_pq_shows_light_as_it_is_up_to_the_knee() -> None:
    """25 nits of 203 in BT.1886; ST 2084 codes them as 0.37655: what is no highlight is as its master says."""
    code = np.array([round(64 + 876 * 0.37655)])
    level = to_bt709(gray(code, 16))[8, 8, 0]
    assert abs(int(level) - round(255 * (25 / 203) ** (1 / 2.4))) <= 2


@pytest.mark.parametrize("primaries", [1, 12, 9, 2])
@pytest.mark.parametrize("transfer", [16, 18])
def test_primaries_are_mapped_from_those_that_the_frame_says(transfer: int, primaries: int) -> None:
    """White stays white whatever they are; red of BT.709 is what it was, of a wider range it is more, and unsaid it is
    that of BT.2020."""
    shown = {}
    for said in (1, 2, primaries):
        picture = np.full((16, 16, 3), 20000, np.uint16)
        picture[:, 8:, 1:] = 8000
        frame = av.VideoFrame.from_ndarray(picture, format="rgb48le")
        frame.color_trc, frame.color_primaries, frame.colorspace = transfer, said, 0
        shown[said] = to_bt709(frame)[8].astype(int)
    assert np.ptp(shown[primaries][0]) <= 1
    red = {said: int(row[12, 0] - row[12, 1]) for said, row in shown.items()}
    assert red[1] < red[2] and (primaries != 12 or red[1] < red[12] < red[2])
    assert primaries != 9 or red[9] == red[2]


def test_hdr_is_tone_mapped_and_the_reference_says_so(tmp_path: Path) -> None:
    """PQ under a tag of BT.709 would be the plain conversion: flat, and far from this picture."""
    frames = pictures(5)
    colours = {"colorspace": 9, "color_range": 1, "color_trc": 16, "color_primaries": 9}
    path = coded(tmp_path / "a.mkv", frames, "yuv420p10le", **colours)
    (ref,) = plan(path)
    shown, found = decode(ref)
    assert ref.transfer == found.transfer == "PQ"
    with av.open(str(path)) as container:
        wanted = np.stack([to_bt709(frame) for frame in container.decode(video=0)])
        container.seek(0)
        plain = np.stack([frame.to_ndarray(format="rgb24") for frame in container.decode(video=0)])
    np.testing.assert_array_equal(shown, wanted)
    assert np.abs(shown.astype(float) - plain).mean() > 10


def interlaced(path: Path, frames: np.ndarray, first: int = 0) -> Path:
    """From the frame `first` on each frame has the odd lines of the next, and is coded and flagged as interlaced."""
    woven = frames.copy()
    woven[first:-1, 1::2] = frames[first + 1 :, 1::2]
    with av.open(str(path), "w") as container:
        stream = container.add_stream("libx264", rate=10)
        stream.height, stream.width = frames.shape[1:3]
        stream.pix_fmt = "yuv420p"
        stream.options = {"crf": "8", "g": "12", "preset": "ultrafast", "x264-params": "tff=1:pic-struct=1"}
        for number, picture in enumerate(woven):
            frame = av.VideoFrame.from_ndarray(picture, format="rgb24").reformat(format="yuv420p")
            frame.pts, frame.time_base = number, Fraction(1, 10)
            container.mux(stream.encode(frame))
        container.mux(stream.encode())
    return path


@pytest.mark.parametrize("ending", ["mp4", "ts"])
def test_interlaced_frames_are_deinterlaced_as_by_ffmpeg(tmp_path: Path, ending: str) -> None:
    """Every frame once, whether a clip is sought or not, and the same pixels as of the whole."""
    frames = np.stack([np.roll(pictures(1)[0], 6 * n, axis=1) for n in range(60)])
    path = interlaced(tmp_path / f"a.{ending}", frames)
    refs = plan(path)
    assert all(ref.interlaced for ref in refs)
    shown = np.concatenate([decode_clip(ref)[ref.overlap :] for ref in refs])
    whole = []
    with av.open(str(path)) as container:
        graph = Graph()
        source = graph.add_buffer(template=container.streams.video[0])
        step, sink = graph.add("bwdif", "mode=send_frame:deint=interlaced"), graph.add("buffersink")
        source.link_to(step)
        step.link_to(sink)
        graph.configure()
        for frame in [*container.decode(video=0), None]:
            graph.push(frame)
            try:
                while True:
                    picture: Any = graph.pull()
                    whole.append(picture.to_ndarray(format="rgb24"))
            except (av.error.BlockingIOError, av.error.EOFError):
                pass
    np.testing.assert_array_equal(shown, np.stack(whole))

    def comb(pictures: np.ndarray) -> float:
        lines = pictures[10:-10].astype(float)
        return float(np.abs(lines[:, 1:-1:2] - (lines[:, :-2:2] + lines[:, 2::2]) / 2).mean())

    with av.open(str(path)) as container:
        raw = np.stack([frame.to_ndarray(format="rgb24") for frame in container.decode(video=0)])
    assert comb(shown) < comb(raw) / 2


def test_a_reference_says_that_it_was_deinterlaced_wherever_that_begins(tmp_path: Path) -> None:
    """Two streams of one size behind each other: the first 40 frames are progressive, more than planning looks at."""
    frames = np.stack([np.roll(pictures(1)[0], 6 * n, axis=1) for n in range(80)])
    first, second = write(tmp_path / "1.ts", frames[:40]), interlaced(tmp_path / "2.ts", frames[40:])
    path = tmp_path / "a.ts"
    path.write_bytes(first.read_bytes() + second.read_bytes())
    refs = plan(path)
    assert sum(ref.frames for ref in refs) == 80 and not any(ref.interlaced for ref in refs)
    assert [decode(ref)[1].interlaced for ref in refs if ref.first_frame >= 40] == [True] * 3
    assert not any(decode(ref)[1].interlaced for ref in refs if ref.first_frame < 40)


ASPECTS = [Fraction(4, 3), Fraction(64, 45), Fraction(12, 11), Fraction(8, 9), Fraction(1, 2)]


@pytest.mark.parametrize("aspect", ASPECTS)
def test_the_shape_of_pixels_is_kept(tmp_path: Path, aspect: Fraction) -> None:
    """In the reference, turned with the picture, and in what is encoded; an mp4 holds nothing else for it."""
    made = encode_video(pictures(5), list(range(5)), Fraction(1, 10), Fraction(10), 12, "ultrafast", aspect)
    facts = inspect_video(made)
    assert (facts.sample_aspect, facts.boxes) == (aspect, [])
    path = tmp_path / "a.mp4"
    path.write_bytes(made)
    (ref,) = plan(path)
    assert ref.sample_aspect == aspect
    (ref,) = plan(with_matrix(path, (0, ONE, -ONE, 0)))
    assert ref.sample_aspect == 1 / aspect


@pytest.mark.parametrize("shape", [(0, 1), (1, 0), (8, 6), (4, 3)])
def test_a_shape_is_written_in_one_way(shape: tuple[int, int]) -> None:
    """What is not reduced, or has a number of its own, would be room for other things."""
    made = encode_video(pictures(2), [0, 1], Fraction(1, 10), Fraction(10), 12, "ultrafast", Fraction(64, 45))
    sps = made[made.index(b"avcC") + 12 :][:40]
    written = f"{255:08b}{64:016b}{45:016b}"
    bits = "".join(f"{byte:08b}" for byte in sps)
    at = bits.index(written)
    bits = bits[:at] + f"{255:08b}{shape[0]:016b}{shape[1]:016b}" + bits[at + len(written) :]
    other = bytes(int(bits[n : n + 8], 2) for n in range(0, len(bits), 8))
    assert foreign_boxes(made.replace(sps, other)) != []


@pytest.mark.parametrize(
    ("name", "facts"),
    [("incomplete", {"missing": 3}), ("hdr", {"transfer": "HLG"}), ("interlaced", {"interlaced": True})],
)
def test_a_policy_can_refuse_such_sources(tmp_path: Path, name: str, facts: dict[str, Any]) -> None:
    (plain,) = plan(write(tmp_path / "a.mp4", pictures(5)))
    ref = replace(plain, **facts)
    strict = Sources.model_validate({name: "refuse"})
    assert len(decode(ref)[0]) == len(decode(plain, strict)[0]) == 5
    with pytest.raises(DecodeError, match="the policy refuses that"):
        decode(ref, strict)
