"""Whoever may write in an output lays links and pipes there: nothing is written, deleted or waited for through one."""

import io
import os
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import pytest

from cluster.ledger import checkpoint
from cluster.ledger.repair import redo, repair
from operators import storage
from operators.recovery import attempts
from operators.recovery.escalation import Ladder
from operators.release.layout import commit_of, files_of, shard_name
from schemas.errors import UserError
from tests.cluster import toy

SHARD = shard_name("a" * 32, 0)
FILES = [
    *files_of(SHARD).values(),
    commit_of(SHARD),
    "attempts/0000000000000001.audit.1",
    "escalation/x.json",
]


@pytest.fixture
def own(tmp_path: Path) -> Path:
    """Somebody's own folder, with files that are called as those of a dataset, and one beside."""
    for path in [f"{folder}/{Path(name).name}" for folder in ("own", "own/deep") for name in FILES]:
        storage.write_bytes(str(tmp_path), path, b"own")
    return tmp_path / "own"


def held(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def opened(output: str, name: str) -> None:
    with storage.open_output(output, name) as file:
        file.write(b"theirs")


ACTS: dict[str, Callable[[str], object]] = {
    **{f"write {name}": lambda out, name=name: storage.write_bytes(out, name, b"theirs") for name in FILES},
    **{
        f"stream {name}": lambda out, name=name: storage.write_stream(out, name, io.BytesIO(b"theirs"))
        for name in FILES
    },
    **{f"open {name}": lambda out, name=name: opened(out, name) for name in FILES},
    **{f"delete {name}": lambda out, name=name: storage.delete(out, [name]) for name in FILES},
    **{
        f"delete folder {folder}": lambda out, folder=folder: storage.delete_folder(f"{out}/{folder}")
        for folder in sorted({Path(name).parent.name for name in FILES})
    },
    "all attempts": attempts.forget,
    "stopped": lambda out: attempts.stopped(out, "run"),
    "repair": repair,
    "redo": lambda out: redo(out, [SHARD]),
    "climb": lambda out: Ladder(output=out).write(1, []),
}


@pytest.mark.parametrize("inside", [False, True])
@pytest.mark.parametrize("act", ACTS)
def test_no_linked_folder_is_followed(tmp_path: Path, own: Path, act: str, inside: bool) -> None:
    out, before = tmp_path / "out", held(own)
    out.mkdir()
    for folder in {Path(name).parent.name for name in FILES}:
        if inside:
            (out / folder).mkdir()
        (out / folder / "deep" if inside else out / folder).symlink_to(own, target_is_directory=True)
    with suppress(UserError, FileNotFoundError):
        ACTS[act](str(out))
    assert held(own) == before


def linked(place: Path, own: Path) -> None:
    place.symlink_to(own)


def named_again(place: Path, own: Path) -> None:
    place.hardlink_to(own)


def nowhere(place: Path, own: Path) -> None:
    place.symlink_to(own.parent / "made")


def pipe(place: Path, own: Path) -> None:
    os.mkfifo(place)


@pytest.mark.parametrize("lay", [linked, named_again, nowhere, pipe])
@pytest.mark.parametrize("ending", ["", storage.PARTIAL])
@pytest.mark.parametrize("act", ["write", "stream"])
def test_what_lies_under_a_files_name_is_replaced(
    tmp_path: Path, own: Path, lay: Callable[[Path, Path], None], ending: str, act: str
) -> None:
    """Neither followed nor waited for; nor does what a kill left under that name get in the way."""
    before = held(own)
    lay(tmp_path / f"dataset.json{ending}", own / Path(FILES[0]).name)
    if act == "write":
        storage.write_bytes(str(tmp_path), "dataset.json", b"ours")
    else:
        storage.write_stream(str(tmp_path), "dataset.json", io.BytesIO(b"ours"))
    assert held(own) == before
    assert (tmp_path / "dataset.json").read_bytes() == b"ours"
    assert not (tmp_path / "dataset.json").is_symlink()
    storage.write_bytes(str(tmp_path), f"x.json{storage.PARTIAL}", b"half of it, and longer")
    storage.write_bytes(str(tmp_path), "x.json", b"ours")
    assert (tmp_path / "x.json").read_bytes() == b"ours"


@pytest.mark.parametrize("folder", ["shards", "checkpoint", "stats", "attempts", "something/else"])
def test_a_run_begins_in_no_output_with_a_linked_folder(tmp_path: Path, own: Path, folder: str) -> None:
    """Ray writes there as well, through whatever it finds. The output itself may be a link."""
    toy.write_plan(f"{tmp_path}/plan", 4)
    (tmp_path / "disk").mkdir()
    (tmp_path / "out").symlink_to(tmp_path / "disk")
    place = tmp_path / "out" / folder
    place.parent.mkdir(exist_ok=True)
    place.symlink_to(own, target_is_directory=True)
    with pytest.raises(UserError, match=f"{folder}: is a link"):
        checkpoint.begin(toy.run_of(f"{tmp_path}/plan", f"{tmp_path}/out"))
    place.unlink()
    storage.write_bytes(f"{tmp_path}/out", "dataset.json", b"x")
    assert (tmp_path / "disk/dataset.json").read_bytes() == b"x"


@pytest.mark.parametrize(
    "place", ["attempts/0000000000000001.condition.1", "escalation/0000000000000001.json"]
)
def test_a_run_begins_in_no_output_with_a_folder_where_a_mark_belongs(tmp_path: Path, place: str) -> None:
    """No mark could be written there, so the clip could never be tried."""
    toy.write_plan(f"{tmp_path}/plan", 4)
    (tmp_path / "out" / place).mkdir(parents=True)
    with pytest.raises(UserError, match=f"{place}: is a folder in the place of a file"):
        checkpoint.begin(toy.run_of(f"{tmp_path}/plan", f"{tmp_path}/out"))


def test_a_file_is_nobodys_program(tmp_path: Path) -> None:
    """Written anew or over another, it has the mode of any file, less the umask."""
    before = os.umask(0o077)
    try:
        for _ in range(2):
            storage.write_bytes(str(tmp_path), "a.json", b"x")
            storage.write_stream(str(tmp_path), "b.json", io.BytesIO(b"x"))
        (tmp_path / f"c.json{storage.PARTIAL}").symlink_to(tmp_path / "a.json")
        storage.write_bytes(str(tmp_path), "c.json", b"x")
    finally:
        os.umask(before)
    assert {path.stat().st_mode & 0o777 for path in tmp_path.iterdir()} == {0o600}
