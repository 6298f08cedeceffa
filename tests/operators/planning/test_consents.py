"""A consent by somebody's number becomes a list that planning reads, and nothing else does."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest

from cluster.ledger import plans
from cluster.ledger.plans import Plan
from operators.planning.consents import consent_list, followed_in
from operators.planning.people import PEOPLE
from operators.planning.probe import plan_source, probe_source
from schemas.clip import ClipRef, Followed
from schemas.errors import UserError
from schemas.profile import Clips
from tests.jobs import here
from tests.videos import pictures, write

LENGTHS = Clips(frames=9, overlap=1, max_bytes=10**7, max_seconds=60)
NOBODY = np.full(4, np.nan, np.float32)


def boxes(first: int, count: int, left: float) -> np.ndarray:
    """float32 [count,4]: somebody who walks to the right, 2 px a frame, from frame `first` of the video on."""
    x = left + 2 * np.arange(first, first + count, dtype=np.float32)
    return np.stack([x, np.full(count, 8), x + 12, np.full(count, 44)], axis=1).astype(np.float32)


def followed(video: Path) -> list[ClipRef]:
    """The clips of a video of 17 frames in which 1 walks all the time, and 2 comes into the second clip."""
    refs = [replace(ref, followed="video") for ref in plan_source(str(video), video.name, b"key", LENGTHS)]
    assert [(ref.first_frame, len(ref.pts)) for ref in refs] == [(0, 9), (8, 9)]
    walks = [Followed(1, 0, boxes(ref.first_frame, 9, 2)) for ref in refs]
    walks[1].boxes[4] = NOBODY  # behind a post
    return [
        replace(refs[0], people=[walks[0]]),
        replace(refs[1], people=[walks[1], Followed(2, 3, boxes(11, 6, 30))]),
    ]


@pytest.fixture
def video(tmp_path: Path) -> Path:
    (tmp_path / "in").mkdir()
    return write(tmp_path / "in/walk.mp4", pictures(17, 48, 64))


def test_who_there_is_and_where(video: Path) -> None:
    found = followed_in(followed(video))
    assert {person: sorted(sights) for person, sights in found.items()} == {
        1: [frame for frame in range(17) if frame != 12],
        2: list(range(11, 17)),
    }
    assert found[1][8].tolist() == [18, 8, 30, 44], "the frame that both clips show counts once"


@pytest.mark.parametrize("person", [1, 2])
def test_the_list_is_one_that_planning_reads(video: Path, person: int) -> None:
    refs = followed(video)
    pq.write_table(consent_list(refs, person, "C-17", "ethics board"), f"{video}{PEOPLE}")
    again = probe_source(str(video), "key", LENGTHS, people=True)
    assert [ref.problem for ref in again] == ["", ""]
    for ref in again:
        said = {ref.first_frame + one.frame: (one.x0, one.x1, one.consent, one.by) for one in ref.listed}
        wanted = {
            frame: (min(box[0], 64), min(box[2], 64), "C-17", "ethics board")
            for frame, box in followed_in(refs)[person].items()
            if ref.first_frame <= frame < ref.first_frame + 9 and box[0] < 64
        }
        assert said == wanted


@pytest.mark.parametrize("last", [True, False])
def test_frames_that_are_missing_take_nobody_out_of_the_list(video: Path, last: bool) -> None:
    refs = followed(video)
    whole = consent_list(refs, 1, "C-17", "ethics board")
    lost = replace(refs[0], first_frame=17, width=0, height=0, people=[], problem="4 frames are damaged")
    assert consent_list([*refs, lost] if last else [lost, *refs], 1, "C-17", "ethics board").equals(whole)


def test_what_is_no_person_or_may_not_be_published_is_refused(video: Path) -> None:
    refs = followed(video)
    for person, consent, by, said in (
        (3, "C-17", "board", "was not followed there"),
        (1, "", "board", "may not be"),
        (1, "C-17", "", "may not be"),
        (1, "/home/jane/consent.pdf", "board", "may not be"),
        (1, "C-17", "jane@example.org", "may not be"),
    ):
        with pytest.raises(UserError, match=said):
            consent_list(refs, person, consent, by)
    with pytest.raises(UserError, match="was not followed"):
        followed_in([replace(ref, followed="") for ref in refs])


def test_the_job(video: Path, tmp_path: Path) -> None:
    plan, to = str(tmp_path / "plan"), str(tmp_path / "consent.parquet")
    sizes = ["--set", "clip.frames=9", "--set", "clip.overlap=1"]
    assert here.job("plan", str(video.parent), "--plan", plan, *sizes).returncode == 0
    where = ["--plan", plan, "--source", "walk.mp4"]
    assert "was not followed" in here.job("consent", *where).stderr
    made = sorted(Plan.of(plan).sample(9), key=lambda ref: ref.first_frame)
    people = {ref.clip_id: one.people for ref, one in zip(made, followed(video), strict=True)}
    plans.keep_followed(plan, plans.bucket(made[0].key), "video", people)
    shown = here.job("consent", *where)
    assert shown.returncode == 0 and "person 2" in shown.stdout and "frames 11 to 16" in shown.stdout
    asked = [*where, "--person", "2", "--consent", "C-17", "--by", "board", "--to", to]
    done = here.job("consent", *asked)
    assert done.returncode == 0 and pq.read_table(to).num_rows == 6, done.stderr
    assert "is there already" in here.job("consent", *asked).stderr
    other = here.job("consent", "--plan", plan, "--source", "run.mp4")
    assert other.returncode == 2 and "is no source of the plan" in other.stderr
