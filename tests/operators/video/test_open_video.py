"""What stands in a source is decoded, never followed: no file beside it, no address, no socket."""

from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest

from operators.planning.listing import EXTENSIONS
from operators.planning.probe import plan_source
from operators.video.decode import open_video
from operators.video.encode import encode_video
from schemas.profile import Clips

FRAMES = np.zeros((5, 32, 32, 3), np.uint8)
VIDEO = encode_video(FRAMES, list(range(5)), Fraction(1, 10), Fraction(10), 30, "ultrafast")
LEADS = {
    "concat": "ffconcat version 1.0\nfile secret.mp4\n",
    "hls": "#EXTM3U\n#EXT-X-TARGETDURATION:9\n#EXTINF:9,\nsecret.mp4\n#EXT-X-ENDLIST\n",
    "sdp": "v=0\no=- 0 0 IN IP4 127.0.0.1\ns=x\nc=IN IP4 127.0.0.1\nt=0 0\nm=video 5004 RTP/AVP 96\n",
    "dash": '<?xml version="1.0"?><MPD xmlns="urn:mpeg:dash:schema:mpd:2011" profiles="urn:mpeg:dash:profile:'
    'isoff-on-demand:2011"><Period><BaseURL>secret.mp4</BaseURL></Period></MPD>',
}


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where the secret lies beside the sources: what relative names lead to."""
    (tmp_path / "secret.mp4").write_bytes(VIDEO)
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.mark.parametrize("lead", LEADS)
def test_a_source_that_leads_elsewhere_is_no_video(folder: Path, lead: str) -> None:
    source = folder / "source.mp4"
    source.write_text(LEADS[lead])

    with pytest.raises((av.error.InvalidDataError, av.error.ArgumentError)), open_video(str(source)):
        pass
    (ref,) = plan_source(str(source), "source.mp4", b"key", Clips(frames=5, overlap=0, max_bytes=10**7))
    assert ref.problem


@pytest.mark.parametrize("extension", EXTENSIONS)
def test_every_ending_that_planning_takes_can_still_be_read(folder: Path, extension: str) -> None:
    formats = {".webm": "webm", ".avi": "avi", ".wmv": "asf", ".flv": "flv", ".mkv": "matroska"}
    formats |= dict.fromkeys((".ts", ".mts", ".m2ts"), "mpegts") | dict.fromkeys((".mpg", ".mpeg"), "mpeg")
    source = folder / f"source{extension}"
    with av.open(str(source), "w", format=formats.get(extension, "mov")) as out:
        codec = {".webm": "libvpx", ".mpg": "mpeg2video", ".mpeg": "mpeg2video"}.get(extension, "libx264")
        stream = out.add_stream(codec, rate=25)
        stream.width = stream.height = 32
        for number in range(5):
            picture = av.VideoFrame.from_ndarray(FRAMES[number], format="rgb24").reformat(format="yuv420p")
            picture.pts, picture.time_base = number, Fraction(1, 25)
            out.mux(stream.encode(picture))
        out.mux(stream.encode())
    with open_video(str(source)) as container:
        assert len(list(container.decode(video=0))) == 5
