"""Folders of pictures given back: the same names and sizes, and of what was not released not one picture."""

import io
import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from operators.formats.ended import Ended
from operators.formats.images import ImageExport
from operators.video.encode import encode_video
from schemas.clip import GRAY, ClipRef
from schemas.errors import UserError
from schemas.exports import Images
from tests.operators.planning.test_folder import fill, picture, plan

ORIENTATION = 0x0112
OMIT = Images()
LEVEL = 200  # of all that was released


def generated(ref: ClipRef) -> bytes:
    frames = np.full((ref.frames, ref.height, ref.width, 3), LEVEL, np.uint8)
    return encode_video(frames, ref.moments("source"), ref.time_base, ref.fps, 20, "veryfast")


def export(
    folder: Path, rules: Images = OMIT, released: Callable[[ClipRef], bool] = lambda ref: True
) -> dict:
    refs = plan(folder / "in")
    ended = {
        ref.key: Ended("failed" if ref.problem else "released" if released(ref) else "quarantined", "", "")
        for ref in refs
    }
    return ImageExport(f"{folder}/in", rules, refs, ended, generated, f"{folder}/out").write()


def files(folder: Path) -> set[str]:
    return {str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file()} - {"recast.json"}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Two cameras; in one of them several sizes, formats, orientations, and files that are none of these."""
    fill(tmp_path / "in/front", [f"{number}.png" for number in range(20)])
    odd = fill(tmp_path / "in/deep/rear", [f"{number}.JPG" for number in (1, 2, 10)])
    (odd / "3.JPG").write_bytes(picture(3, (21, 33)))
    (odd / "gray.png").write_bytes(picture(4, mode="L"))
    tags = Image.Exif()
    tags[ORIENTATION] = 6
    tags[0x010F] = "the camera's maker"
    file = io.BytesIO()
    Image.new("RGB", (40, 30)).save(file, "JPEG", exif=tags)
    (odd / "turned.jpeg").write_bytes(file.getvalue())
    (odd / "bad.jpg").write_bytes(b"")
    (odd / "labels.txt").write_text("not for everybody")
    return tmp_path


def test_names_sizes_and_formats_are_the_sources(folder: Path) -> None:
    record = export(folder)
    assert files(folder / "out") == files(folder / "in") - {"deep/rear/bad.jpg", "deep/rear/labels.txt"}
    assert record == json.loads((folder / "out/recast.json").read_text())
    said = record["folders"]["deep/rear"]
    assert (said["released"], said["gray"], said["left out"]) == (6, 0, 1)
    (one,) = said["unreleased"]
    assert one["pictures"] == ["bad.jpg"] and "cannot be decoded" in one["reason"]
    assert record["folders"]["front"] == {"released": 20, "gray": 0, "left out": 0, "unreleased": []}
    for name in files(folder / "out"):
        with Image.open(folder / "in" / name) as source, Image.open(folder / "out" / name) as made:
            assert made.size == source.size
            assert made.mode == source.mode
            assert made.format == ("PNG" if name.endswith("png") else "JPEG")
            assert dict(made.getexif()) == ({ORIENTATION: 6} if "turned" in name else {})
            assert np.abs(np.asarray(made).astype(int) - LEVEL).max() <= 3


def test_what_was_not_released_is_left_out_or_gray_and_counted(folder: Path) -> None:
    def released(ref: ClipRef) -> bool:
        return not (ref.uri.endswith("front") and ref.first_frame == 7)

    held = {f"front/{number}.png" for number in range(9, 16)}
    for rules, state in ((Images(), "left out"), (Images(unreleased="gray"), "gray")):
        record = export(folder, rules, released)
        said = record["folders"]["front"]
        assert (said["released"], said[state]) == (13, 7)
        (one,) = said["unreleased"]
        assert (one["state"], {f"front/{name}" for name in one["pictures"]}) == (state, held)
        assert "was quarantined" in one["reason"]
        assert "deep/rear/bad.jpg" not in files(folder / "out"), "of which nobody knows the size"
        if state == "left out":
            assert not held & files(folder / "out")
        for name in held & files(folder / "out"):
            with Image.open(folder / "out" / name) as made:
                assert made.size == (51, 37) and set(np.unique(np.asarray(made))) == {GRAY}


def test_a_folder_that_is_the_input_itself(tmp_path: Path) -> None:
    fill(tmp_path / "in", ["1.png", "2.png"])
    assert list(export(tmp_path)["folders"]) == ["."]
    assert files(tmp_path / "out") == {"1.png", "2.png"}


@pytest.mark.parametrize("name", ["recast.json", "recast.json/deep"])
def test_a_folder_called_like_the_record_of_all_is_refused(tmp_path: Path, name: str) -> None:
    fill(tmp_path / "in" / name, ["1.png", "2.png"])
    with pytest.raises(UserError, match="the record of all"):
        export(tmp_path)
    assert not (tmp_path / "out/recast.json").exists()


def test_nothing_released_is_said(folder: Path) -> None:
    with pytest.raises(UserError, match="no picture was released"):
        export(folder, Images(unreleased="gray"), lambda ref: False)
    assert not (folder / "out").exists()


@pytest.mark.parametrize("below", ["x/../../../stray", "../stray", "x//y", "./x"])
def test_nothing_is_written_elsewhere(tmp_path: Path, below: str) -> None:
    """As a plan of before says it, of keys in a store."""
    fill(tmp_path / "in", ["1.png"])
    refs = [replace(ref, uri=f"{tmp_path}/in/{below}") for ref in plan(tmp_path / "in")]
    ended = {ref.key: Ended("released", "", "") for ref in refs}
    with pytest.raises(UserError, match="has a part that is empty"):
        ImageExport(f"{tmp_path}/in", Images(), refs, ended, generated, f"{tmp_path}/deep/er/out").write()
    assert not (tmp_path / "deep").exists() and not (tmp_path / "stray").exists()


def test_a_video_of_another_size_is_not_taken_apart(tmp_path: Path) -> None:
    fill(tmp_path / "in", ["1.png", "2.png"])
    refs = plan(tmp_path / "in")
    ended = {ref.key: Ended("released", "", "") for ref in refs}
    short = encode_video(
        np.zeros((1, 37, 51, 3), np.uint8), [0], refs[0].time_base, refs[0].fps, 20, "veryfast"
    )
    with pytest.raises(UserError, match="does not hold the planned pictures"):
        ImageExport(f"{tmp_path}/in", Images(), refs, ended, lambda ref: short, f"{tmp_path}/out").write()
