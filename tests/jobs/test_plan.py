"""The plan as a job: every source accounted for, the same input the same plan, an interrupted plan none."""

import json
import os
import re
import shutil
import stat
from collections.abc import Callable
from pathlib import Path

import pyarrow.dataset as arrow_dataset
import pyarrow.parquet as pq
import pytest

import jobs.estimate
from cluster.ledger import plans
from cluster.ledger.erasure import forget
from cluster.ledger.plans import Plan
from jobs import options
from jobs.plan import cut, on_every_node, plan
from operators.planning.listing import Files, Source, list_videos
from operators.storage import write_bytes
from operators.video.decode import decode_clip
from schemas.arrow import from_table
from schemas.clip import ClipRef
from schemas.config import load
from schemas.errors import UserError
from schemas.profile import Clips, Profile
from tests.jobs import here
from tests.jobs.estimated import Conditioned, Regenerated
from tests.jobs.small import Done, cut_video, job, settings
from tests.videos import pictures, write

CLIPS = Clips(frames=9, overlap=1, max_bytes=10**9)
PROFILE = load(Profile, "cluster/profiles/embedded.yaml").model_copy(update={"clip": CLIPS})


def with_clips(**others: float) -> Profile:
    """The same profile, whose sources are cut otherwise."""
    return PROFILE.model_copy(update={"clip": CLIPS.model_copy(update=others)})


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
    made, changes = plan([str(videos)], output, PROFILE)
    assert changes == {"new": 3, "changed": 0, "gone": 0}
    assert (made["sources"], made["clips"], made["frames"], made["other_files"]) == (3, 7, 40, 1)
    (problem,) = made["problems"]
    assert problem["uri"] == str(videos / "bad.mp4")
    assert problem["remedy"]
    assert json.loads(Path(output, "plan.json").read_text()) | {"gone": []} == made
    assert stat.S_IMODE(Path(output, "release.key").stat().st_mode) == 0o600
    first = clips(output)
    assert sum(len(decode_clip(ref)[ref.overlap :]) for ref in first if not ref.problem) == 40

    before = {path: path.stat().st_mtime_ns for path in Path(output).rglob("*")}
    assert plan([str(videos)], output, PROFILE) == (made, {"new": 0, "changed": 0, "gone": 0})
    assert {path: path.stat().st_mtime_ns for path in Path(output).rglob("*")} == before

    moved = tmp_path / "elsewhere"
    videos.rename(moved)
    plan([str(moved)], output, PROFILE)
    assert sorted((ref.clip_id, ref.key) for ref in clips(output)) == sorted(
        (ref.clip_id, ref.key) for ref in first
    )


@pytest.mark.usefixtures("in_process")
def test_what_was_forgotten_is_not_planned_again(videos: Path, tmp_path: Path) -> None:
    """By its path or its name below the input, whether its file is still there or not; nothing names it any more."""
    output = str(tmp_path / "plan")
    made, _ = plan([str(videos)], output, PROFILE)
    (videos / "a.mp4").unlink()
    assert plan([str(videos)], output, PROFILE)[0]["gone"] == [str(videos / "a.mp4")]
    forget(
        Plan(output),
        str(tmp_path / "out"),
        ["a.mp4", str(videos / "deep/a.mp4")],
        options.make_release_key(output),
    )
    left = json.loads(Path(output, "plan.json").read_text())
    assert left["sources"] == 1 and left["clips"] == 1 and left["other_files"] == made["other_files"]
    assert {ref.uri for ref in clips(output)} == {str(videos / "bad.mp4")}
    listed = str(pq.read_table(Path(output, "sources.parquet")).to_pylist())
    assert "a.mp4" not in listed and "bad.mp4" in listed
    again, changes = plan([str(videos)], output, PROFILE)
    assert changes == {"new": 0, "changed": 0, "gone": 0} and again["sources"] == 1
    forget(Plan(output), str(tmp_path / "out"), ["a.mp4", "bad.mp4"], options.make_release_key(output))
    assert Plan(output).planned().ids.size == 0, "all may be forgotten"


@pytest.mark.usefixtures("in_process")
def test_a_growing_folder_is_planned_by_what_is_new(videos: Path, tmp_path: Path) -> None:
    """New and changed sources are probed, one that is gone stays; an interrupted run leaves nothing twice."""
    output = str(tmp_path / "plan")
    plan([str(videos)], output, PROFILE)
    first = {(ref.uri, ref.clip_id) for ref in clips(output)}
    files = {path: path.read_bytes() for path in Path(output, "clips").iterdir()}
    write(videos / "new.mp4", pictures(12))
    write(videos / "deep/a.mp4", pictures(9))
    (videos / "a.mp4").unlink()
    made, changes = plan([str(videos)], output, PROFILE)
    assert changes == {"new": 1, "changed": 1, "gone": 1} and made["gone"] == [str(videos / "a.mp4")]
    now = {(ref.uri, ref.clip_id) for ref in clips(output)}
    stay = {(uri, number) for uri, number in first if not uri.endswith("deep/a.mp4")}
    assert stay < now and {uri for uri, _ in now - stay} == {
        str(videos / "new.mp4"),
        str(videos / "deep/a.mp4"),
    }
    assert not now - stay & first and made["sources"] == 4 and made["frames"] == 20 + 12 + 9
    assert any(path.exists() and path.read_bytes() == data for path, data in files.items())

    # Killed before the listing was written, and before the counts were.
    shutil.copy(videos / "new.mp4", videos / "newer.mp4")
    shutil.copy(Path(output, "sources.parquet"), tmp_path / "sources.parquet")
    plan([str(videos)], output, PROFILE)
    shutil.copy(tmp_path / "sources.parquet", Path(output, "sources.parquet"))
    Path(output, "plan.json").unlink()
    made, changes = plan([str(videos)], output, PROFILE)
    assert changes == {"new": 1, "changed": 0, "gone": 1} and made["frames"] == 20 + 12 + 9 + 12
    Path(output, "plan.json").unlink()
    assert plan([str(videos)], output, PROFILE)[0] == made
    assert plan([str(videos)], output, with_clips(frames=5))[0]["sources"] == 4


@pytest.mark.usefixtures("cluster")
def test_a_source_that_hangs_its_prober_is_in_the_plan_as_unreadable(videos: Path, tmp_path: Path) -> None:
    """Nobody ever writes into this pipe. Its neighbours in the same bucket, if any, are planned all the same."""
    os.mkfifo(videos / "pipe.mp4")
    made, _ = plan([str(videos)], str(tmp_path / "plan"), with_clips(max_seconds=2))
    problems = {row["uri"]: row["problem"] for row in made["problems"]}
    assert problems[str(videos / "pipe.mp4")] == "it crashed or hung whatever probed it"
    assert (made["sources"], len(problems), made["frames"]) == (4, 2, 40)


@pytest.mark.usefixtures("cluster")
def test_on_a_cluster_folders_are_listed_by_its_workers(place: str) -> None:
    for number in range(40):
        write_bytes(place, f"rig{number:02d}/deep/a.mp4", b"x")

    def who(folder: str) -> Files:
        return {folder: str(os.getpid())}

    folders = [f"rig{number:02d}" for number in range(40)]
    told = [found for part in on_every_node(who, folders) for found in part.items()]
    assert sorted(folder for folder, _ in told) == folders
    assert str(os.getpid()) not in {pid for _, pid in told}
    assert list_videos(place, on_every_node) == list_videos(place)
    assert len(list_videos(place).videos) == 40


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
        plan([str(tmp_path / "nothing")], str(tmp_path), PROFILE)
    assert (tmp_path / "plan.json").exists()


def estimated(job: Callable[..., Done], folder: Path, *more: str) -> Done:
    """A dry run of two clips."""
    options = [
        "--estimate",
        "2",
        "--parts",
        "2",
        "--megabits",
        "10",
        "--empty",
        "0.5",
        *settings(folder),
        *more,
    ]
    options += ["--set", "pools.regenerate.num_gpus=0"]
    return job("plan", str(cut_video(folder / "a.mp4", 9)), "--plan", f"{folder}/p", *options)


def figures_of(done: Done) -> dict[str, str]:
    assert done.returncode == 0, done.stderr
    figures = dict(re.findall(r"│ ([^│]+?) +│ ([^│]+?) +│", done.stdout))
    assert figures["sampled clips, of these quarantined or failed"] == "2, 0"
    for name in ("people per minute of video", "actor-hours in condition", "actor-hours in regenerate"):
        assert float(figures[name].split(" ± ")[0]) > 0
    return figures


def test_a_dry_run_says_what_the_plan_will_cost(tmp_path: Path) -> None:
    """Through the real stages; what it says is in the tests of operators/planning/cost.py."""
    figures = figures_of(estimated(here.job, tmp_path))
    priced = estimated(here.job, tmp_path, "--price", "2.5")
    assert priced.returncode == 2 and "--price 2.5: is of a GPU's hour" in priced.stderr
    assert float(figures["hours of video in a petabyte"].split(" ± ")[0]) == pytest.approx(222222, rel=0.01)


@pytest.mark.usefixtures("cluster")
def test_ray_takes_a_dry_run_through_the_stages(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Of which is known what they take."""
    monkeypatch.setattr(jobs.estimate, "Condition", Conditioned)
    monkeypatch.setattr(jobs.estimate, "Regenerate", Regenerated)
    figures_of(estimated(job, tmp_path))


@pytest.mark.usefixtures("cluster")
def test_a_plan_that_cannot_be_written_is_one_line_at_once(
    videos: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    """As on a full disk: not tried a second time, nothing is blamed on a source, and Ray has nothing to say."""
    output = f"{tmp_path}/out"
    Path(output).mkdir()
    options.make_release_key(output)
    Path(output, "clips").write_text("where a folder is to be")
    with pytest.raises(UserError, match=r"out: cannot be reached"):
        plan([str(videos)], output, PROFILE)
    assert "Traceback" not in "".join(capfd.readouterr())
    assert plans.PLAN_FILE not in os.listdir(output)


def test_the_plans_order_tells_nothing_of_the_sources_order() -> None:
    """Clips are published in it: within a bucket it was that of the names, so of dates."""
    sources = [Source(f"file:///{day:04}.mp4", f"{day:04}.mp4", "stamp") for day in range(2000)]
    pieces = cut(sources, b"key", 10)
    keys = [[source["key"] for source in piece["sources"]] for piece in pieces]
    assert all(own == sorted(own) for own in keys) and sum(map(len, keys)) == 2000
