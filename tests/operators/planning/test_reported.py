"""What users of other tools report of videos and pictures, tried here: every frame, or a record that says why not."""

import io
import unicodedata
from collections.abc import Callable
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest
from PIL import Image

from operators.planning.listing import list_videos
from operators.planning.probe import plan_source
from operators.video.decode import DecodeError, decode_clip
from schemas.errors import UserError
from schemas.profile import Clips
from tests.operators.planning.test_folder import plan, shown
from tests.videos import pictures, write

CLIPS = Clips(frames=9, overlap=2, max_bytes=10**9)
FRAMES = 20


def encode(
    path: Path,
    codec: str = "libx264",
    pixels: str = "yuv420p",
    *,
    size: tuple[int, int] = (96, 128),
    options: dict[str, str] | None = None,
    container: dict[str, str] | None = None,
    pts: list[int] | None = None,
    unit: Fraction = Fraction(1, 10),
    sound: bool = False,
) -> None:
    with av.open(str(path), "w", options=container or {}) as file:
        stream = file.add_stream(codec, rate=10)
        stream.height, stream.width = size
        stream.pix_fmt, stream.options = pixels, options or {}
        stream.codec_context.time_base = stream.time_base = unit
        if sound:
            heard = file.add_stream("aac", rate=16000)
            for number in range(80):
                frame = av.AudioFrame.from_ndarray(
                    np.zeros((1, 1024), np.float32), format="fltp", layout="mono"
                )
                frame.rate, frame.pts = 16000, number * 1024
                file.mux(heard.encode(frame))
            file.mux(heard.encode())
        for number, picture in enumerate(pictures(FRAMES, *size)):
            frame = av.VideoFrame.from_ndarray(picture, format="rgb24").reformat(format=pixels)
            frame.pts, frame.time_base = (pts or range(FRAMES))[number], unit
            file.mux(stream.encode(frame))
        file.mux(stream.encode())


HEVC = {"x265-params": "bframes=4:open-gop=1:keyint=8:log-level=none"}
JUMP = [*range(10), *range(2_870_000, 2_870_010)]
WHOLE: dict[str, Callable[[Path], None]] = {
    "av1.mp4": lambda path: encode(path, "libsvtav1"),
    "hevc.mp4": lambda path: encode(path, "libx265", options=HEVC),
    "vp8.webm": lambda path: encode(path, "libvpx"),
    "vp9-alpha.webm": lambda path: encode(path, "libvpx-vp9", "yuva420p", options={"auto-alt-ref": "0"}),
    "mjpeg.avi": lambda path: encode(path, "mjpeg", "yuvj420p"),
    "mjpeg.mov": lambda path: encode(path, "mjpeg", "yuvj422p"),
    "prores.mov": lambda path: encode(path, "prores_ks", "yuva444p10le"),
    "gray16.mkv": lambda path: encode(path, "ffv1", "gray16le"),
    "raw.avi": lambda path: encode(path, "rawvideo", "bgr24"),
    "png.mov": lambda path: encode(path, "png", "rgb24"),
    "rle.mov": lambda path: encode(path, "qtrle", "rgb24"),
    "tiny.mp4": lambda path: encode(path, size=(2, 2)),
    "wide.mp4": lambda path: encode(path, size=(16, 3840)),
    "fragments.mp4": lambda path: encode(
        path, options={"bf": "3"}, container={"movflags": "frag_keyframe+empty_moov"}
    ),
    "late.mp4": lambda path: encode(path, pts=[30 + number for number in range(FRAMES)], sound=True),
    "fine.mp4": lambda path: encode(path, unit=Fraction(1, 1000)),
    "jump.mp4": lambda path: encode(path, pts=JUMP, options={"bf": "0"}),
}


@pytest.mark.parametrize("name", WHOLE)
def test_every_frame_is_planned_and_decoded(tmp_path: Path, name: str) -> None:
    WHOLE[name](tmp_path / name)
    refs = plan_source(str(tmp_path / name), name, b"key", CLIPS)
    assert [ref.problem for ref in refs if ref.problem] == []
    assert sum(len(decode_clip(ref)) - ref.overlap for ref in refs) == FRAMES


def _without_index(path: Path) -> None:
    encode(path)
    whole = path.read_bytes()
    path.write_bytes(whole[: whole.index(b"moov") - 4])


def _gif(path: Path) -> None:
    encode(path.with_suffix(".gif"), "gif", "rgb8")
    path.with_suffix(".gif").rename(path)


NONE: dict[str, Callable[[Path], object]] = {
    "gif": _gif,
    "page": lambda path: path.write_text("<html><body>404 not found</body></html>"),
    "archive": lambda path: path.write_bytes(b"PK\x03\x04" + bytes(500)),
    "without index": _without_index,
}


@pytest.mark.parametrize("name", NONE)
def test_what_is_no_video_is_one_record(tmp_path: Path, name: str) -> None:
    NONE[name](tmp_path / "a.mp4")
    (ref,) = plan_source(str(tmp_path / "a.mp4"), "a.mp4", b"key", CLIPS)
    assert ref.problem.startswith("no readable video") and ref.remedy


def test_a_size_that_changes_midway_fails_what_comes_after(tmp_path: Path) -> None:
    encode(tmp_path / "a.ts")
    encode(tmp_path / "b.ts", size=(48, 64))
    (tmp_path / "ab.ts").write_bytes((tmp_path / "a.ts").read_bytes() + (tmp_path / "b.ts").read_bytes())
    refs = plan_source(str(tmp_path / "ab.ts"), "ab.ts", b"key", CLIPS)
    assert sum(ref.frames for ref in refs) == 2 * FRAMES
    before = [ref for ref in refs if ref.first_frame < FRAMES]
    assert sum(len(decode_clip(ref)) - ref.overlap for ref in before) == FRAMES
    for ref in refs[len(before) :]:
        with pytest.raises(DecodeError, match="size changes"):
            decode_clip(ref)


def jpeg(mode: str = "RGB") -> bytes:
    file = io.BytesIO()
    Image.new(mode, (40, 30)).save(file, "JPEG", progressive=True)
    return file.getvalue()


def test_pictures_of_every_kind(tmp_path: Path) -> None:
    """One with a video behind it; four channels; names in every spelling; links, and a folder called like one."""
    write(tmp_path / "behind.mp4", pictures(5))
    folder = tmp_path / "in"
    folder.mkdir()
    composed, apart = unicodedata.normalize("NFC", "\u00fc1.jpg"), unicodedata.normalize("NFD", "\u00fc2.jpg")
    for name in (composed, apart, "\uff13.jpg", "\u00b24.jpg"):
        (folder / name).write_bytes(jpeg())
    (folder / "5.jpg").write_bytes(jpeg() + (tmp_path / "behind.mp4").read_bytes())
    (folder / "6.jpg").write_bytes(jpeg("CMYK"))
    (folder / "7.jpg").mkdir()
    (folder / "8.jpg").symlink_to(folder / "6.jpg")
    (folder / "9.jpg").symlink_to(tmp_path / "nothing")
    refs = plan(folder)
    assert set(shown(refs)) >= {composed, apart, "\uff13.jpg", "\u00b24.jpg", "5.jpg", "6.jpg"}
    assert "7.jpg" not in shown(refs) and "9.jpg" not in shown(refs)


def test_one_picture_is_no_input(tmp_path: Path) -> None:
    (tmp_path / "a.JPG").write_bytes(jpeg())
    with pytest.raises(UserError, match=r"single picture.*Give the folder"):
        list_videos(str(tmp_path / "a.JPG"))
