"""Sources are forgotten through the real job, killed wherever it writes: of none anything is left or made again."""

import io
import json
import shutil
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import Any, NamedTuple
from unicodedata import normalize

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from cluster.ledger import erasure, forgetting, memory, plans
from cluster.ledger.datasink import ShardSink
from cluster.ledger.plans import Plan
from jobs.forgetting import listed
from jobs.plan import is_forgotten
from operators import storage
from operators.formats.videos import VideoExport
from operators.on_disk import PARTIAL
from operators.planning.listing import Source
from operators.planning.probe import source_key
from operators.release.layout import LEASE
from schemas.arrow import to_table
from schemas.clip import ClipRef
from schemas.errors import UserError
from tests.cluster import toy
from tests.jobs.seeing_nothing import OPTIONS, films, job
from tests.jobs.small import Done

NAMES = ("a.mp4", "a.mp4.mp4", "cam/[a]*.mp4")  # one begins like another, one is a pattern
WRITERS = ("write_bytes", "delete", "delete_folder", "open_output", "make_folders")


class Killed(BaseException):
    """In place of SIGKILL: after it nothing is written any more, whatever cleans up."""


class Place(NamedTuple):
    """A plan, a finished output of it with whole videos beside it, and a review folder."""

    root: Path

    def run(self, *more: str, during: Callable[[pytest.MonkeyPatch], None] | None = None) -> Done:
        named = {"plan": "plan", "output": "out", "review": "review"}
        own = [part for name, path in named.items() for part in (f"--{name}", str(self.root / path))]
        return job("anonymize", *own, *OPTIONS, *more, during=during)

    def of(self, name: str) -> set[bytes]:
        """All that tells of a source: path, key, and ids as they stand in tables, in files and in their names."""
        uri = str(self.root / "in" / name)
        rows = [row for row in pq.read_table(self.root / "plan/clips").to_pylist() if row["uri"] == uri]
        ids = [row["clip_id"] for row in rows]
        told = {f"'{uri}'", f'"{uri}"', rows[0]["source_hmac"], rows[0]["key"].split("-")[0]}
        return {
            word.encode()
            for word in told | {str(one) for one in ids} | {f"{one & (1 << 64) - 1:016x}" for one in ids}
        }

    def telling(self, words: set[bytes]) -> list[str]:
        """Files with one of the words in them, or in their name; not the notes that it is to be forgotten."""
        found = []
        for path in sorted((self.root).rglob("*")):
            if path.is_file() and path.parent.name != "forgotten":
                held = (
                    path.read_bytes()
                    if path.suffix != ".parquet"
                    else str(pq.read_table(path).to_pylist()).encode()
                )
                if path.name in ("dataset.json", "recast.json"):
                    held = json.dumps(json.loads(held) | {"forgotten": []}).encode()
                if any(word in held + bytes(path) for word in words):
                    found.append(str(path.relative_to(self.root)))
        return found


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> Place:
    place = Place(tmp_path_factory.mktemp("finished"))
    films(place.root / "in", *NAMES)
    planned = job("plan", str(place.root / "in"), "--plan", str(place.root / "plan"), *OPTIONS)
    assert planned.returncode == 0, planned.stderr
    memory.decide(
        str(place.root / "plan"), pq.read_table(place.root / "plan/clips")["clip_id"][0].as_py(), []
    )
    done = place.run("--layout", "video")
    assert done.returncode == 0, done.stderr
    return place


@pytest.fixture
def place(finished: Place) -> Iterator[Place]:
    """The finished one, as it was after the test as before: its plan knows where the output lies."""
    before = finished.root.with_name("before")
    shutil.copytree(finished.root, before)
    yield finished
    shutil.rmtree(finished.root)
    before.rename(finished.root)


def again(place: Place, before: Path) -> None:
    shutil.rmtree(place.root)
    shutil.copytree(before, place.root)


def writing(each: Callable[[str], None]) -> Callable[[pytest.MonkeyPatch], None]:
    """`each` is told of every write, and of every deletion of a file, before it is done."""

    def teller(name: str) -> Callable[..., Any]:
        real = getattr(storage, name)

        def written(uri: str, *arguments: Any, **named: Any) -> Any:
            several = list(arguments[0]) if name == "delete" else []
            for one in several[:-1]:
                written(uri, [one])
            path = storage.join(uri, str(several[-1] if several else arguments[0] if arguments else ""))
            each(f"{name} {path.rpartition('/')[0]}")
            return real(uri, several[-1:], **named) if several else real(uri, *arguments, **named)

        return written if name != "delete" else lambda uri, names: written(uri, names) if names else None

    def during(patch: pytest.MonkeyPatch) -> None:
        for name in WRITERS:
            patch.setattr(storage, name, teller(name))

    return during


def killing(at: int) -> Callable[[str], None]:
    """The job is killed at that write, and writes nothing after."""
    left = iter(range(at))

    def each(_: str) -> None:
        if next(left, None) is None:
            raise Killed

    return each


def moments(writes: list[str]) -> list[int]:
    """At each other kind of write, by what is done in which folder, until the first shard is made anew: from there on
    it is like every interrupted run."""
    before = writes[: next(number for number, one in enumerate(writes) if one.startswith("open_output"))]
    return [number for number, one in enumerate(before) if one not in before[:number]]


def test_killed_anywhere_it_is_forgotten_by_the_next_run_which_was_not_told(place: Place) -> None:
    before, words, writes = place.root.with_name("before"), place.of("a.mp4"), list[str]()
    gone = source_key("a.mp4", bytes.fromhex((place.root / "plan/release.key").read_text()))
    assert place.run("--forget", "a.mp4", during=writing(writes.append)).returncode == 0
    assert place.telling(words) == []
    assert len(moments(writes)) > 10
    for at in moments(writes):
        again(place, before)
        with pytest.raises(Killed):
            place.run("--forget", "a.mp4", during=writing(killing(at)))
        for held in ("out", "plan"):
            (place.root / held / LEASE).unlink(missing_ok=True)  # its process is gone
        if gone not in memory.forgotten(str(place.root / "plan")):
            continue  # and nothing of it is done
        done = place.run()
        assert done.returncode == 0, (writes[at], done.stderr)
        assert place.telling(words) == [], writes[at]
        made = json.loads((place.root / "out/dataset.json").read_bytes())
        assert (made["forgotten"], made["planned"]["clips"], made["revision"]) == ([gone], 6, 2)
        proved = job("verify", str(place.root / "out"))
        assert proved.returncode == 0, (writes[at], proved.stdout)


def test_others_in_its_shards_are_made_again_and_all_else_stays_as_it_was(place: Place) -> None:
    out = place.root / "out"
    before, others = toy.contents(str(out)), {row["key"] for row in toy.manifest(str(out))}
    keys = {
        row["key"]
        for row in pq.read_table(place.root / "plan/clips").to_pylist()
        if row["uri"].endswith("/a.mp4")
    }
    shared = {row["shard"] for row in toy.manifest(str(out)) if row["key"] in keys}
    assert place.run("--forget", str(place.root / "in/a.mp4"), "--forget", "a.mp4").returncode == 0
    after = toy.contents(str(out))
    assert {row["key"] for row in toy.manifest(str(out))} == others - keys and len(keys) == 3
    shards = {path: data for path, data in before.items() if "/" in path}
    kept = {path: data for path, data in shards.items() if not any(name in path for name in shared)}
    assert kept.items() <= after.items() and not (shards.keys() - kept.keys()) & after.keys()
    # A second time, by another run, and by planning with the file still there, nothing more comes of it.
    assert place.run("--forget", "a.mp4").returncode == 0
    assert toy.contents(str(out)) == after
    planned = job("plan", str(place.root / "in"), "--plan", str(place.root / "plan"), *OPTIONS)
    assert planned.returncode == 0 and b"in/a.mp4" not in toy.contents(str(place.root / "plan"))["plan.json"]
    assert place.run().returncode == 0 and toy.contents(str(out)) == after


def test_what_another_run_forgot_leaves_this_outputs_videos_and_candidates(place: Place) -> None:
    words = place.of("a.mp4")
    named = ("--plan", str(place.root / "plan"), "--output", str(place.root / "other"), *OPTIONS)
    assert job("anonymize", *named, "--forget", "a.mp4").returncode == 0
    assert any(path.startswith("out-videos/") for path in place.telling(words))
    assert place.run().returncode == 0
    assert place.telling(words) == []


def test_a_plan_that_is_made_meanwhile_brings_nothing_back(
    place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It read what is forgotten before that was said, and writes the source's clips after."""
    words, clips = (
        place.of("a.mp4"),
        {path: path.read_bytes() for path in (place.root / "plan/clips").iterdir()},
    )
    assert place.run("--forget", "a.mp4").returncode == 0
    for path, data in clips.items():
        path.write_bytes(data)
    done = place.run()
    assert done.returncode == 0, done.stderr
    assert place.telling(words) == []
    for path, data in clips.items():
        path.write_bytes(data)
    assert job("plan", str(place.root / "in"), "--plan", str(place.root / "plan"), *OPTIONS).returncode == 0
    assert place.telling(words) == []


def test_whole_videos_written_while_it_is_forgotten_go(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    words, plan = place.of("a.mp4"), str(place.root / "plan")

    def during(patch: pytest.MonkeyPatch) -> None:
        real = VideoExport.write

        def write(*arguments: Any) -> Any:
            made = real(*arguments)
            forgetting.forget(
                plan, [source_key("a.mp4", bytes.fromhex(Path(plan, "release.key").read_text()))]
            )
            return made

        patch.setattr(VideoExport, "write", write)

    done = place.run("--layout", "video", during=during)
    assert done.returncode == 2 and "has just been forgotten" in done.stderr
    assert not [path for path in place.telling(words) if path.startswith("out-videos/")]


def test_nothing_is_forgotten_by_a_command_that_is_refused(place: Place) -> None:
    before = toy.contents(str(place.root))
    strange = place.root / "strange.txt"
    for more, said in (
        (["--forget", "a.mp4", "--set", "policy.gates.copied_share=0.2"], "was begun with another policy"),
        (["--forget", "a.mp4", "--forget", "a"], "--forget a: is no source of"),
        (["--forget", "cam"], "--forget cam: is no source of"),
        (["--forget", "cam/*"], "is no source of"),
        (["--forget", "cam/[a]*.mp4/"], "is no source of"),
        (["--forget", "./b.mp4"], "is no source of"),
        (["--forget-list", str(strange)], f"{strange}: is not UTF-8"),
        (["--redo", "0" * 32 + "-00000000", "--set", "policy.gates.copied_share=0.2"], "another policy"),
    ):
        strange.write_bytes(b"a.mp4\n\xff.mp4\n")
        done = place.run(*more)
        assert done.returncode == 2 and done.stderr.count("\n") == 1, done.stderr
        assert said in done.stderr
        strange.unlink()
        assert toy.contents(str(place.root)) == before


def test_nor_while_another_run_has_the_output_or_without_the_plans_key(place: Place) -> None:
    held = {"owner": "x", "until": time.time() + 60, "place": "elsewhere", "process": 1}
    (place.root / "out" / LEASE).write_text(json.dumps(held))
    before = toy.contents(str(place.root))
    done = place.run("--forget", "a.mp4")
    assert done.returncode == 2 and "is being written by another run" in done.stderr
    assert toy.contents(str(place.root)) == before
    (place.root / "out" / LEASE).unlink()
    (place.root / "plan/release.key").unlink()
    before = toy.contents(str(place.root))
    done = place.run("--forget", "a.mp4")
    assert done.returncode == 2 and "release.key is missing or damaged" in done.stderr.replace(":", "")
    assert toy.contents(str(place.root)) == before


def test_all_may_be_forgotten(place: Place) -> None:
    words = set.union(*map(place.of, NAMES))
    done = place.run(*(part for name in NAMES for part in ("--forget", name)), "--layout", "video")
    assert done.returncode == 0, done.stderr
    assert place.telling(words) == []
    assert job("verify", str(place.root / "out")).returncode == 0
    assert place.run().returncode == 0


def test_a_run_that_was_interrupted_goes_on_without_what_is_forgotten(place: Place) -> None:
    words = place.of("a.mp4")
    shutil.rmtree(place.root / "out")
    began = iter([True, False])

    def during(patch: pytest.MonkeyPatch) -> None:
        real = ShardSink.write_block

        def write(*arguments: Any) -> None:
            if not next(began):
                raise Killed
            real(*arguments)

        patch.setattr(ShardSink, "write_block", write)

    with pytest.raises(Killed):
        place.run(during=during)
    (place.root / "out" / LEASE).unlink(missing_ok=True)
    assert len(list((place.root / "out/stats").iterdir())) == 1
    assert place.run("--forget", "a.mp4").returncode == 0
    assert place.telling(words) == []
    assert job("verify", str(place.root / "out")).returncode == 0


@pytest.mark.parametrize(
    "text", ["a.mp4\ncam/x.mp4\n", "\ufeffa.mp4\r\n\r\n  \r\ncam/x.mp4", "\n a.mp4 \n\n\tcam/x.mp4\t\n"]
)
def test_a_list_is_read_as_editors_write_it(tmp_path: Path, text: str) -> None:
    plan, out = write(tmp_path, "a.mp4", "cam/x.mp4", "b.mp4")
    (tmp_path / "list").write_bytes(text.encode())
    keys = erasure.forget(Plan(plan), out, listed(str(tmp_path / "list")), b"key")
    assert keys == [source_key("a.mp4", b"key"), source_key("cam/x.mp4", b"key")]


@pytest.mark.parametrize("name", [" a.mp4", "a.mp4 ", "a\u2028b.mp4", "a\x0bb.mp4", "a\x85b.mp4", "#a.mp4"])
def test_a_name_in_a_list_is_nobody_elses(tmp_path: Path, name: str) -> None:
    plan, out = write(tmp_path, name, "a.mp4", "b.mp4", "a")
    (tmp_path / "list").write_text(f"{name}\n", newline="")
    assert erasure.forget(Plan(plan), out, listed(str(tmp_path / "list")), b"key") == [
        source_key(name, b"key")
    ]


def test_a_name_that_is_another_ones_path_is_neither(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    plan, out = write(tmp_path, "a.mp4", "cam/a.mp4")
    (tmp_path / "in/cam").mkdir(parents=True)
    monkeypatch.chdir(tmp_path / "in/cam")
    with pytest.raises(UserError, match="is the path of one source and the name of another"):
        erasure.forget(Plan(plan), out, ["a.mp4"], b"key")
    assert not memory.forgotten(plan)
    assert erasure.forget(Plan(plan), out, ["cam/a.mp4"], b"key") == [source_key("cam/a.mp4", b"key")]


@pytest.mark.parametrize("written", ["NFC", "NFD"])
@pytest.mark.parametrize("kept", ["NFC", "NFD"])
@pytest.mark.parametrize("by", ["name", "path"])
def test_a_name_is_forgotten_however_its_letters_are_spelled(
    tmp_path: Path, kept: str, written: str, by: str
) -> None:
    """A keyboard gives one sign for a letter that macOS may keep as two; and a copy comes back in the other form."""
    name = normalize(kept, "M\u00fcller/1.mp4")
    plan, out = write(tmp_path, name, "Muller/1.mp4")
    given = normalize(written, name if by == "name" else str(tmp_path / "in" / name))
    gone = erasure.forget(Plan(plan), out, [given], b"key")
    assert source_key(name, b"key") in gone and source_key("Muller/1.mp4", b"key") not in gone
    left = {ref["uri"] for ref in pq.read_table(f"{plan}/clips").to_pylist()}
    assert len(left) == 1 and "Muller/1.mp4" in left.pop()
    for form in ("NFC", "NFD"):
        copy = Source("", normalize(form, name), "")
        assert is_forgotten(copy, b"key", memory.forgotten(plan))
    assert not is_forgotten(Source("", "Muller/1.mp4", ""), b"key", memory.forgotten(plan))


def test_two_that_forget_at_once_forget_both(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """As parts of a plan do, each a run of its own: what one takes out, the other may be about to read."""
    plan, _ = write(tmp_path, *(f"{number}.mp4" for number in range(12)))
    keys = [source_key(f"{number}.mp4", b"key") for number in range(12)]

    def tried(own: list[str]) -> str:
        said = "is being written by another run"
        for _ in range(100):
            try:
                forgetting.forget(plan, own)
                return ""
            except UserError as error:
                if (said := str(error)) and "is being written by another run" not in said:
                    break
                time.sleep(0.02)
        return said

    with ThreadPoolExecutor(4) as threads:
        said = list(threads.map(lambda first: tried(keys[first : first + 5]), (0, 2, 4, 6)))
    assert not any(said), said
    assert memory.forgotten(plan) == set(keys[:11])
    forgetting.forget(plan)
    assert [ref["uri"] for ref in pq.read_table(Path(plan, "clips")).to_pylist()] == [f"{tmp_path}/in/11.mp4"]


def test_a_copy_that_was_forgotten_before_need_not_be_named_again(tmp_path: Path) -> None:
    plan, out = write(tmp_path, "a.mp4", "b.mp4", same=True)
    with pytest.raises(UserError, match="leaves the same bytes under another name"):
        erasure.forget(Plan(plan), out, ["a.mp4"], b"key")
    memory.forget(plan, [source_key("b.mp4", b"key")])  # and killed
    assert erasure.forget(Plan(plan), out, ["a.mp4"], b"key") == [source_key("a.mp4", b"key")]


def test_what_releases_before_remembered_is_remembered(tmp_path: Path) -> None:
    plan, _ = write(tmp_path, "a.mp4", "b.mp4")
    storage.write_bytes(plan, "forgotten.json", json.dumps([source_key("a.mp4", b"key")]).encode())
    assert memory.forgotten(plan) == {source_key("a.mp4", b"key")}
    storage.write_bytes(plan, "forgotten.json", b"[")
    with pytest.raises(UserError, match=r"forgotten\.json: is damaged"):
        memory.forgotten(plan)


def test_half_written_files_of_a_plan_go_as_well(tmp_path: Path) -> None:
    """A kill leaves them, and they name sources."""
    plan, _ = write(tmp_path, "a.mp4", "b.mp4")
    for path in ("clips/00-x.parquet", "sources.parquet", "plan.json"):
        storage.write_bytes(plan, f"{path}{PARTIAL}", b"a.mp4")
    forgetting.forget(plan, [source_key("a.mp4", b"key")])
    assert not [path for path in storage.list_files(plan) if path.endswith(PARTIAL)]


def test_tables_that_somebody_wrote_end_no_forgetting(tmp_path: Path) -> None:
    plan, out = write(tmp_path, "a.mp4", "b.mp4")
    held = pa.table(
        {"key": pa.nulls(2, pa.string()), "source_hmac": ["x", None], "clip_id": [1, 2], "shard": ["s", None]}
    )
    buffer = io.BytesIO()
    pq.write_table(held, buffer)
    storage.write_bytes(out, f"manifest/{'0' * 32}-00000000.parquet", buffer.getvalue())
    storage.write_bytes(out, "dataset.json", b'{"schema_version": 3}')
    erasure.forget(Plan(plan), out, ["a.mp4"], b"key")
    assert erasure.erase(Plan(plan), out) == []


def write(folder: Path, *names: str, same: bool = False) -> tuple[str, str]:
    """A plan of a clip of each of these sources, and where its output would lie."""
    made = []
    for number, name in enumerate(names):
        ref = replace(
            toy.make_ref(number), uri=f"{folder}/in/{name}", key=f"{source_key(name, b'key')}-000000"
        )
        made.append(replace(ref, source_hmac="0" * 32) if same else ref)
    for ref in made:
        plans.write_clips(f"{folder}/plan", f"{ref.key[:2]}-{ref.key[:20]}", to_table([ref], ClipRef))
    storage.write_bytes(f"{folder}/plan", plans.PLAN_FILE, b'{"other_files": 0}')
    return f"{folder}/plan", f"{folder}/out"
