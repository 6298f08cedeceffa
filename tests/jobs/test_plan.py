"""The plan as a job: every source accounted for, the same input the same plan, an interrupted plan none."""

import json
import shutil
import stat
from pathlib import Path

import pyarrow.dataset as arrow_dataset
import pytest

from jobs import options
from jobs.plan import plan
from operators.decode import decode_clip
from schemas.arrow import from_table
from schemas.clip import ClipRef
from schemas.errors import UserError
from schemas.profile import Clips
from tests.videos import pictures, write

CLIPS = Clips(frames=9, overlap=1, max_bytes=10**9)


@pytest.fixture
def videos(tmp_path: Path) -> Path:
    """Two copies of a video of 20 frames under different names, one that is none, and a note."""
    folder = tmp_path / "videos"
    (folder / "deep").mkdir(parents=True)
    write(folder / "a.mp4", pictures(20))
    shutil.copy(folder / "a.mp4", folder / "deep" / "a.mp4")
    (folder / "bad.mp4").write_text("not a video")
    (folder / "notes.txt").write_text("not a video either")
    return folder


def clips(folder: str) -> list[ClipRef]:
    return from_table(arrow_dataset.dataset(f"{folder}/clips", format="parquet").to_table(), ClipRef)


@pytest.mark.usefixtures("cluster")
def test_a_folder_is_planned_whole_and_again_the_same(videos: Path, tmp_path: Path) -> None:
    output = str(tmp_path / "plan")
    made = plan([str(videos)], output, CLIPS)
    assert (made["sources"], made["clips"], made["frames"], made["other_files"]) == (3, 7, 40, 1)
    (problem,) = made["problems"]
    assert problem["uri"] == str(videos / "bad.mp4")
    assert problem["remedy"]
    assert json.loads(Path(output, "plan.json").read_text()) == made
    assert stat.S_IMODE(Path(output, "release.key").stat().st_mode) == 0o600
    first = clips(output)
    assert sum(len(decode_clip(ref)[ref.overlap :]) for ref in first if not ref.problem) == 40

    assert plan([str(videos)], output, CLIPS) == made
    assert clips(output) == first

    moved = tmp_path / "elsewhere"
    videos.rename(moved)
    plan([str(moved)], output, CLIPS)
    assert [(ref.clip_id, ref.key) for ref in clips(output)] == [(ref.clip_id, ref.key) for ref in first]


def test_a_plan_that_was_interrupted_is_not_run(tmp_path: Path) -> None:
    options.make_release_key(str(tmp_path))
    (tmp_path / "clips").mkdir()
    with pytest.raises(UserError, match="no finished plan"):
        options.read_release_key(str(tmp_path))
    (tmp_path / "plan.json").write_text("{}")
    assert len(options.read_release_key(str(tmp_path))) == 32


def test_a_missing_place_leaves_an_earlier_plan_alone(tmp_path: Path) -> None:
    (tmp_path / "plan.json").write_text("{}")
    with pytest.raises(UserError, match="does not exist"):
        plan([str(tmp_path / "nothing")], str(tmp_path), CLIPS)
    assert (tmp_path / "plan.json").exists()
