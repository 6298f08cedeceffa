"""Between a run that was killed and its continuation plan, key, settings, weights or code change: nothing mixes."""

import contextlib
import json
import shutil
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from cluster import weights_lock
from cluster.ledger.datasink import ShardSink
from operators.release.layout import LEASE
from schemas.errors import UserError
from tests.cluster import toy
from tests.jobs.seeing_nothing import OPTIONS, films, job
from tests.jobs.small import Done
from tests.keys import make_key


class Killed(BaseException):
    """In place of SIGKILL."""


def after_a_shard(patch: pytest.MonkeyPatch) -> None:
    """The job is killed before its second."""
    real, done = ShardSink.write_block, list[object]()

    def write(*arguments: Any) -> None:
        if done:
            raise Killed
        done.append(real(*arguments))

    patch.setattr(ShardSink, "write_block", write)


def anonymize(root: Path, *more: str, during: Callable[[pytest.MonkeyPatch], None] | None = None) -> Done:
    own = ("--plan", str(root / "plan"), "--output", str(root / "out"), *OPTIONS)
    return job("anonymize", *own, *more, during=during)


@pytest.fixture(scope="module")
def interrupted(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("interrupted")
    films(root / "in", "a.mp4", "b.mp4", "c.mp4")
    make_key(root / "key.pem")
    planned = job("plan", str(root / "in"), "--plan", str(root / "plan"), *OPTIONS)
    assert planned.returncode == 0, planned.stderr
    with pytest.raises(Killed):
        anonymize(root, during=after_a_shard)
    (root / "out" / LEASE).unlink(missing_ok=True)
    return root


@pytest.fixture
def root(interrupted: Path) -> Iterator[Path]:
    before = interrupted.with_name("as_it_was")
    shutil.copytree(interrupted, before)
    yield interrupted
    shutil.rmtree(interrupted)
    before.rename(interrupted)


def changed(root: Path, change: Callable[[list[dict[str, Any]]], list[dict[str, Any]]]) -> None:
    """Every file of the plan's clips."""
    for path in (root / "plan/clips").iterdir():
        table = pq.read_table(path)
        pq.write_table(pa.Table.from_pylist(change(table.to_pylist()), schema=table.schema), path)


def another_key(root: Path) -> None:
    (root / "plan/release.key").write_text("0" * 64)


def fewer_frames(root: Path) -> None:
    changed(root, lambda rows: [row | {"pts": row["pts"][:-1]} for row in rows])


def other_places(root: Path) -> None:
    changed(root, lambda rows: [row | {"first_frame": row["first_frame"] + 1} for row in rows])


def other_bytes(root: Path) -> None:
    changed(root, lambda rows: [row | {"source_digest": "0" * 32} for row in rows])


def another_word_for_the_bytes(root: Path) -> None:
    changed(root, lambda rows: [row | {"source_hmac": "0" * 32} for row in rows])


def other_names(root: Path) -> None:
    changed(root, lambda rows: [row | {"key": "0" * 20 + row["key"][20:]} for row in rows])


def ids_of_others(root: Path) -> None:
    rows = [row for path in (root / "plan/clips").iterdir() for row in pq.read_table(path).to_pylist()]
    ids = {one["clip_id"]: other["clip_id"] for one, other in zip(rows, rows[1:] + rows[:1], strict=True)}
    changed(root, lambda rows: [row | {"clip_id": ids[row["clip_id"]]} for row in rows])


def people_listed_since(root: Path) -> None:
    one = {"frame": 0, "x0": 0.0, "y0": 0.0, "x1": 9.0, "y1": 9.0, "consent": "all of it", "by": "JR"}
    changed(root, lambda rows: [row | {"listed": [one]} for row in rows])


def a_row_less(root: Path) -> None:
    done = {row["clip_id"] for row in toy.manifest(str(root / "out"))}
    changed(root, lambda rows: [row for row in rows if row["clip_id"] != max(done)])  # type: ignore[type-var]


def a_row_twice(root: Path) -> None:
    changed(root, lambda rows: rows + rows[-1:])


def planned_from_others(root: Path) -> None:
    """Under the same names, and so the same keys."""
    shutil.rmtree(root / "in")
    films(root / "in", "z.mp4", "c.mp4", "b.mp4", "a.mp4")
    (root / "in/z.mp4").unlink()
    assert job("plan", str(root / "in"), "--plan", str(root / "plan"), *OPTIONS).returncode == 0


def planned_anew(root: Path) -> None:
    """From the same videos, and so with another key."""
    shutil.rmtree(root / "plan")
    assert job("plan", str(root / "in"), "--plan", str(root / "plan"), *OPTIONS).returncode == 0


def cut_otherwise(root: Path) -> None:
    again = ("--plan", str(root / "plan"), *OPTIONS, "--set", "clip.frames=9")
    assert job("plan", str(root / "in"), *again).returncode == 0


OWN = "was not planned with its release.key, or changed since"
NOT_NAMED = "does not name. If sources have changed, --withdraw"


@pytest.mark.parametrize(
    ("change", "said"),
    [
        *(
            (change, OWN)
            for change in (
                *(
                    another_key,
                    fewer_frames,
                    other_places,
                    other_bytes,
                    another_word_for_the_bytes,
                    other_names,
                ),
                *(ids_of_others, people_listed_since),
            )
        ),
        *((change, NOT_NAMED) for change in (a_row_less, planned_from_others, planned_anew, cut_otherwise)),
        (a_row_twice, "more than once"),
    ],
)
def test_another_plan_stops_in_one_line_and_changes_nothing(
    root: Path, change: Callable[[Path], None], said: str
) -> None:
    change(root)
    before = toy.contents(str(root / "out"))
    done = anonymize(root)
    assert done.returncode == 2 and done.stderr.count("\n") == 1, done.stderr
    assert said in done.stderr
    assert toy.contents(str(root / "out")) == before


@pytest.mark.parametrize(
    ("more", "said"),
    [
        (["--set", "policy.gates.copied_share=0.9"], "was begun with another policy"),
        (["--set", "policy.mask.dilate_px=40"], "was begun with another policy"),
        (["--policy", "robotics"], "was begun with another policy"),
        (["--variant", "structall"], "was begun with another policy"),
        (["--set", "clip.max_seconds=99"], "was begun with another profile"),
        (["--partition", "1/2"], "was begun with another partition"),
        (["--key", "key.pem"], "was begun with another signer"),
    ],
)
def test_other_settings_stop_in_one_line_and_change_nothing(root: Path, more: list[str], said: str) -> None:
    before = toy.contents(str(root))
    done = anonymize(root, *(str(root / one) if one == "key.pem" else one for one in more))
    assert done.returncode == 2 and done.stderr.count("\n") == 1, done.stderr
    assert said in done.stderr
    assert toy.contents(str(root)) == before


@pytest.mark.parametrize("name", ["check", "code_version"])
def test_of_other_weights_or_code_nothing_is_kept(root: Path, name: str) -> None:
    """Also where nobody signs. Of a dataset that was finished all stays: it says of each clip who made it."""

    def otherwise(patch: pytest.MonkeyPatch) -> None:
        patch.setattr(weights_lock, name, lambda *_: "f" * 64)

    out = root / "out"
    shards = {path.name for path in (out / "stats").iterdir()}
    assert anonymize(root, during=otherwise).returncode == 0
    assert len(shards) == 1 and not shards & {path.name for path in (out / "stats").iterdir()}
    assert job("verify", str(out)).returncode == 0
    before = toy.contents(str(out))
    assert anonymize(root).returncode == 0
    assert toy.contents(str(out)) == before


def test_killed_while_what_others_made_is_taken_out_the_next_run_goes_on_with_that(root: Path) -> None:
    def otherwise(patch: pytest.MonkeyPatch) -> None:
        patch.setattr(weights_lock, "check", lambda _: "f" * 64)
        after_a_shard(patch)

    with pytest.raises(Killed):
        anonymize(root, during=otherwise)
    (root / "out" / LEASE).unlink(missing_ok=True)
    others = {path.name for path in (root / "out/stats").iterdir()}
    assert anonymize(root).returncode == 0
    assert others and not others & {path.name for path in (root / "out/stats").iterdir()}


def test_verify_refuses_a_mix_of_policies(root: Path) -> None:
    """Whoever puts a shard of a laxer run beside the others, and makes all digests fit."""
    assert anonymize(root).returncode == 0
    lax = ("--plan", str(root / "plan"), "--output", str(root / "lax"), *OPTIONS)
    assert job("anonymize", *lax, "--set", "policy.gates.copied_share=0.9").returncode == 0
    strict = {path: data for path, data in toy.contents(str(root / "out")).items() if "/" not in path}
    for path in (root / "out").iterdir():
        shutil.rmtree(path) if path.is_dir() else path.unlink()
    for path, data in toy.contents(str(root / "lax")).items():
        (root / "out" / path).parent.mkdir(exist_ok=True)
        (root / "out" / path).write_bytes(data)
    made = json.loads(strict["dataset.json"])
    assert (
        made["policy"]["digest"] != json.loads((root / "lax/dataset.json").read_bytes())["policy"]["digest"]
    )
    (root / "out/dataset.json").write_bytes(strict["dataset.json"])
    proved = job("verify", str(root / "out"))
    assert proved.returncode == 1 and "certificate: another policy" in proved.stdout, proved.stdout


@pytest.mark.parametrize("shards", [0, 1, 3])
def test_who_lost_the_output_touches_nothing_that_the_other_run_has_under_way(
    root: Path, shards: int
) -> None:
    """Ray goes on when a task of it raises, so the driver goes on to what comes after a pass."""
    under_way = root / f"out/manifest/{'0' * 32}-00000000.parquet"
    theirs = json.dumps({"owner": "another", "until": time.time() + 300, "place": "", "process": 1})

    def taken_over(patch: pytest.MonkeyPatch) -> None:
        real, done = ShardSink.write_block, list[object]()

        def write(*arguments: Any) -> None:
            done.append(arguments)
            if len(done) == shards + 1:
                under_way.write_bytes(b"not committed yet")
                (root / "out" / LEASE).write_text(theirs)
            with contextlib.suppress(UserError):
                real(*arguments)

        patch.setattr(ShardSink, "write_block", write)

    for path in (root / "out").iterdir():
        shutil.rmtree(path) if path.is_dir() else path.unlink()
    done = anonymize(root, during=taken_over)
    if shards < 3:
        assert done.returncode == 2 and "was taken over by another run" in done.stderr
        assert under_way.exists() and (root / "out" / LEASE).read_text() == theirs
        assert json.loads((root / "out/dataset.json").read_bytes())["state"] == "running"
    else:
        assert done.returncode == 0
