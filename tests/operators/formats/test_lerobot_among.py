"""LeRobot datasets below an input are planned as such: no clip lies across the ends of an episode."""

import json
from pathlib import Path

import pytest

from jobs.plan import plan
from tests import lerobot_sets
from tests.jobs.test_plan import PROFILE, clips
from tests.operators.formats.exported import FRONT, TOP


@pytest.mark.parametrize("given", [["."], ["a"], ["a", "b"], ["videos"], ["deep"], ["b", "."]], ids=str)
@pytest.mark.usefixtures("in_process")
def test_episodes_end_clips_wherever_the_dataset_lies(tmp_path: Path, given: list[str]) -> None:
    places = ["a", "b", "deep/er/c", "videos/d", "videos/videos/e"]
    for place in places:
        lerobot_sets.write(tmp_path / "in" / place, (9, 7), (FRONT, TOP))
    plan([f"{tmp_path}/in/{one}" for one in given], f"{tmp_path}/plan", PROFILE, cameras=[TOP])
    found = clips(f"{tmp_path}/plan")
    due = [place for place in places if any(one == "." or place.startswith(one) for one in given)]
    assert {ref.uri for ref in found} == {
        f"{tmp_path}/in/{place}/videos/{TOP}/chunk-000/file-000.mp4" for place in due
    }
    assert {(ref.first_frame, ref.overlap, ref.frames) for ref in found} == {(0, 0, 9), (9, 0, 7)}


@pytest.mark.usefixtures("in_process")
def test_a_datasets_own_videos_are_videos(tmp_path: Path) -> None:
    lerobot_sets.write(tmp_path / "in", (9, 7))
    plan([f"{tmp_path}/in/videos"], f"{tmp_path}/plan", PROFILE)
    assert {ref.overlap for ref in clips(f"{tmp_path}/plan")} == {0, 1}


@pytest.mark.usefixtures("in_process")
def test_of_what_is_unsound_or_older_below_an_input_the_videos_are_planned_and_it_is_said(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for place in ("sound", "older", "spoilt"):
        lerobot_sets.write(tmp_path / "in" / place, (9, 7))
    info = tmp_path / "in/older/meta/info.json"
    info.write_text(json.dumps(json.loads(info.read_text()) | {"codebase_version": "v2.1"}))
    (episodes,) = (tmp_path / "in/spoilt/meta/episodes").rglob("*.parquet")
    episodes.write_bytes(b"PAR1")
    plan([f"{tmp_path}/in"], f"{tmp_path}/plan", PROFILE)
    whole = {Path(ref.uri).parts[-5] for ref in clips(f"{tmp_path}/plan") if ref.overlap}
    assert whole == {"older", "spoilt"}
    said = capsys.readouterr().out.splitlines()
    assert len(said) == 2 and all("planned as videos without episodes" in line for line in said)
    assert "version v2.1" in said[0] and "in/spoilt/" in said[1]
