"""MP4 in fragments, cut short anywhere: what is there is released, and what the file tells of the rest is counted."""

import struct
from pathlib import Path

import pytest

from operators.video.boxes import boxes_of
from schemas.clip import ClipRef
from tests.operators.planning.test_frames import nearest, plan, released
from tests.operators.planning.test_reported import encode
from tests.videos import pictures

FRAMES = 20  # of `encode`, in fragments of four
PLAIN = "frag_keyframe+empty_moov+default_base_moof"


def fragments(path: Path, flags: str, bframes: int) -> bytes:
    options = {"g": "4", "bf": str(bframes), "sc_threshold": "0"}
    encode(path, options=options, container={"movflags": flags})
    return path.read_bytes()


def with_duration(data: bytes, seconds: int) -> bytes:
    """With a box that says how long all fragments last, as other writers have it."""
    at = data.index(b"mvex") - 4
    (scale,) = struct.unpack_from(">I", data, data.index(b"mvhd") + 16)
    said = struct.pack(">I4sII", 16, b"mehd", 0, seconds * scale)
    grown = bytearray(data[: at + 8] + said + data[at + 8 :])
    for box in (data.index(b"moov") - 4, at):
        struct.pack_into(">I", grown, box, struct.unpack_from(">I", grown, box)[0] + len(said))
    return bytes(grown)


def cut_at_every_kind_of_place(data: bytes, path: Path) -> list[int]:
    """Within each list of frames and within the frames of each fragment but the first."""
    path.write_bytes(data)
    with path.open("rb") as file:
        boxes = [box for box in boxes_of(file, 0, len(data)) if box.kind in (b"moof", b"mdat")]
    return [(box.at + box.stop) // 2 for box in boxes[2:]]


def missing(refs: list[ClipRef]) -> tuple[int, int]:
    """Frames in clips, and in the one record of those that are missing."""
    good = [ref for ref in refs if not ref.problem]
    bad = sum(ref.frames for ref in refs if ref.problem)
    assert all(ref.missing == bad for ref in refs) and len(refs) - len(good) == 1
    return sum(ref.frames for ref in good), bad


@pytest.mark.parametrize("bframes", [0, 2])
@pytest.mark.parametrize("told", ["index", "duration"])
def test_what_an_index_or_a_duration_promises_adds_up(tmp_path: Path, told: str, bframes: int) -> None:
    path = tmp_path / "a.mp4"
    data = fragments(path, PLAIN + ("+global_sidx" if told == "index" else ""), bframes)
    data = data if told == "index" else with_duration(data, FRAMES // 10)
    for place in cut_at_every_kind_of_place(data, path):
        path.write_bytes(data[:place])
        refs = plan(path)
        there, gone = missing(refs)
        assert there + gone == FRAMES and there >= 4
        shown = nearest(released(refs), pictures(FRAMES, 96, 128))[
            : there - 1
        ]  # the last may be there in part
        assert shown == sorted(shown)
    path.write_bytes(data)
    assert [ref.problem for ref in plan(path)] == [""] * len(plan(path))


@pytest.mark.parametrize("bframes", [0, 2])
@pytest.mark.parametrize("flags", [PLAIN, "frag_keyframe", "dash+frag_keyframe+empty_moov"])
def test_without_either_the_fragment_that_is_cut_is_counted(tmp_path: Path, flags: str, bframes: int) -> None:
    """Of its list of frames what is there; where that is cut itself, one frame at least, so that there is a record."""
    path = tmp_path / "a.mp4"
    data = fragments(path, flags, bframes)
    for number, place in enumerate(cut_at_every_kind_of_place(data, path)):
        path.write_bytes(data[:place])
        there, gone = missing(plan(path))
        assert there >= 4 * (1 + number // 2) and 1 <= gone <= 4


@pytest.mark.parametrize("what", ["sidx", "mehd", "mvex", "moov"])
def test_lengths_that_nothing_can_have_spoil_no_plan(tmp_path: Path, what: str) -> None:
    """Whatever stands in them: the frames that are there are planned, or the file is one record."""
    path = tmp_path / "a.mp4"
    data = bytearray(with_duration(fragments(path, PLAIN + "+global_sidx", 0), 2)[:-2000])
    at = data.index(what.encode())
    for first in range(4, 28, 4):
        spoilt = bytearray(data)
        spoilt[at + first : at + first + 4] = b"\xff" * 4
        path.write_bytes(spoilt)
        refs = plan(path)
        assert refs and all(ref.frames or ref.problem for ref in refs)
        assert sum(ref.frames for ref in refs) < 10**6, "frames that nobody can have filmed are counted"
