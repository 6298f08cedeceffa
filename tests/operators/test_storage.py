"""Local disk and object store answer alike."""

import errno
import os
import pickle
import re
import time
from collections.abc import Callable
from pathlib import Path
from unittest.mock import ANY

import pytest

from operators import stamps, storage
from operators.recovery.escalation import Ladder
from schemas.errors import UserError
from tests.s3 import BUCKET, client

PLACES = pytest.mark.parametrize("place", ["local", "s3", "gs"], indirect=True)


@PLACES
def test_write_list_read_delete(place: str) -> None:
    folder = f"{place}/data set"
    assert storage.list_files(folder) == {}
    storage.write_bytes(folder, "a/b.json", b"12345")
    storage.write_bytes(folder, "c.bin", b"")
    storage.write_bytes(folder, "c.bin", b"1")
    assert storage.list_files(folder) == {"a/b.json": 5, "c.bin": 1}
    assert storage.read_bytes(folder, "a/b.json") == b"12345"
    storage.delete(folder, ["a/b.json", "never/was"])
    assert storage.list_files(folder) == {"c.bin": 1}
    with pytest.raises(FileNotFoundError):
        storage.read_bytes(folder, "a/b.json")


def test_trailing_slash_and_file_scheme_name_the_same_place(tmp_path: Path) -> None:
    storage.write_bytes(f"{tmp_path}/", "x", b"1")
    assert storage.list_files(f"file://{tmp_path}") == storage.list_files(str(tmp_path)) == {"x": 1}


@PLACES
def test_a_folder_is_looked_at_copied_and_deleted(place: str, tmp_path: Path) -> None:
    for name in ("set/a.mp4", "set/deep/b.mp4", "other/c.mp4"):
        storage.write_bytes(place, name, name.encode())
    before = stamps.below(f"{place}/set")
    assert before.keys() == {"a.mp4", "deep/b.mp4"} and before["a.mp4"] == stamps.stamp(f"{place}/set/a.mp4")
    files, folders = stamps.look(f"{place}/set")
    assert (set(files), folders) in [({"a.mp4"}, ["deep"]), ({"a.mp4", "deep/b.mp4"}, [])]
    storage.write_bytes(place, "set/a.mp4", b"other, and longer")
    assert stamps.below(f"{place}/set").items() - before.items() == {
        ("a.mp4", stamps.stamp(f"{place}/set/a.mp4"))
    }
    assert storage.exists(place, "set/a.mp4")
    assert not storage.exists(place, "set") and not stamps.stamp(f"{place}/set")
    assert storage.modified(place).keys() == {"set/a.mp4", "set/deep/b.mp4", "other/c.mp4"}

    here = f"{tmp_path}/copied"
    storage.copy(f"{place}/set", here)
    storage.copy(f"{here}/deep/b.mp4", f"{place}/again/b.mp4")
    assert storage.list_files(here) == {"a.mp4": 17, "deep/b.mp4": 14}
    assert storage.read_bytes(place, "again/b.mp4") == b"set/deep/b.mp4"
    with pytest.raises(FileNotFoundError):
        storage.copy(f"{place}/nothing", f"{here}/nothing")
    for _ in range(2):
        storage.delete_folder(f"{place}/set")
    left = {path for path in storage.list_files(place) if not path.startswith("copied/")}
    assert left == {"other/c.mp4", "again/b.mp4"}


@PLACES
def test_a_file_is_read_where_it_is_asked_for(place: str) -> None:
    data = bytes(range(256)) * (3 << 12)
    with storage.open_output(place, "a.bin") as file:
        file.write(data)
    with storage.open_file(f"{place}/a.bin") as file:
        file.seek(-300, os.SEEK_END)
        assert file.read(40) == data[-300:-260]
        file.seek(1000)
        assert file.read(5000) == data[1000:6000] and file.tell() == 6000
    with pytest.raises(FileNotFoundError):
        storage.open_file(f"{place}/b.bin").read()


BAD = [
    "ftp://host/x",
    "http://host/x",
    "data:,x",
    "simplecache::s3://clips/x",
    "abfss://x@y/z",
    "github://a/b",
    "file::s3://clips/x",
    "zip://a.mp4::s3://clips/x.zip",
    "s3::http://host/x",
]


@pytest.mark.parametrize("uri", BAD)
@pytest.mark.parametrize("use", [storage.arrow_filesystem, storage.open_file, stamps.look, stamps.below])
def test_an_unknown_scheme_is_the_users_to_mend(uri: str, use: Callable[[str], object]) -> None:
    with pytest.raises(UserError, match=re.escape(uri)):
        use(uri)


def test_an_azure_account_is_named_and_its_secret_is_not_taken_along(monkeypatch: pytest.MonkeyPatch) -> None:
    """No server: what is made is looked at."""
    monkeypatch.delenv("AZURE_STORAGE_ACCOUNT", raising=False)
    with pytest.raises(UserError, match="AZURE_STORAGE_ACCOUNT"):
        storage.arrow_filesystem("az://clips/out")
    monkeypatch.setenv("AZURE_STORAGE_ACCOUNT", "ours")
    monkeypatch.setenv("AZURE_STORAGE_KEY", "dGVzdHNlY3JldA==")
    for uri in ("az://clips/out/", "abfs://clips/out"):
        filesystem, path = storage.arrow_filesystem(uri)
        assert (filesystem.type_name, path) == ("abfs", "clips/out")
        assert b"ours" in pickle.dumps(filesystem) and b"dGVzdHNlY3JldA" not in pickle.dumps(filesystem)


def test_what_may_pass_is_tried_again_and_nothing_else(monkeypatch: pytest.MonkeyPatch) -> None:
    pauses = list[float]()
    monkeypatch.setattr(time, "sleep", pauses.append)

    def failing(times: int, error: Exception) -> Callable[[], int]:
        left = iter([error] * times)

        def act() -> int:
            for raised in left:
                raise raised
            return 7

        return act

    slow = OSError("AWS Error SLOW_DOWN")
    assert storage.again(failing(4, slow), ["SLOW_DOWN", "OTHER"]) == 7
    assert len(pauses) == 4 and pauses == sorted(pauses)
    with pytest.raises(OSError, match="SLOW"):
        storage.again(failing(10, slow), ["SLOW_DOWN"])
    with pytest.raises(ValueError, match="wrong"):
        storage.again(failing(1, ValueError("wrong")), ["SLOW_DOWN"])


def test_no_secret_travels_with_a_file_system(s3: str) -> None:
    filesystem, _ = storage.arrow_filesystem(s3)
    assert b"testsecret" not in pickle.dumps(filesystem)


def test_the_store_encrypts_what_is_written_as_the_environment_says(
    s3: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """In one part and in several, by the sink's way and by the stages'."""
    environment = {name: value for name, value in os.environ.items() if name.startswith("AWS_")}
    folder = f"{s3}/{tmp_path.name}"

    def encryption(name: str) -> str | None:
        head = client(environment).head_object(Bucket=BUCKET, Key=f"{tmp_path.name}/{name}")
        return head.get("ServerSideEncryption")

    storage.write_bytes(folder, "plain", b"1")
    monkeypatch.setenv("RECAST_S3_SSE", "AES256")
    storage.write_bytes(folder, "small", b"1")
    storage.write_bytes(folder, "in/parts", bytes(60 << 20))
    Ladder(["other seed"], folder).climb(5, [], "audit", "gate failed")
    names = ["small", "in/parts", "escalation/0000000000000005.json"]
    assert [encryption(name) for name in ["plain", *names]] == [None, "AES256", "AES256", "AES256"]
    assert storage.list_files(folder) == {"plain": 1, "small": 1, "in/parts": 60 << 20, names[2]: ANY}
    assert storage.read_bytes(folder, "in/parts") == bytes(60 << 20)
    assert Ladder(["other seed"], folder).steps(5)[0].name == "other seed"
    storage.delete(folder, names)
    assert set(storage.list_files(folder)) == {"plain"}
    with pytest.raises(FileNotFoundError):
        storage.read_bytes(folder, "small")


def test_a_place_that_cannot_be_reached_is_the_users_to_mend(
    s3: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "file").write_bytes(b"")
    with pytest.raises(UserError, match=r"file/out: cannot be reached"):
        storage.write_bytes(f"{tmp_path}/file/out", "dataset.json", b"{}")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "wrong")
    with pytest.raises(UserError, match=r"clips/out: cannot be reached"):
        storage.read_bytes(f"{s3}/out", "dataset.json")


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EDQUOT])
def test_a_disk_without_room_is_called_that(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, number: int
) -> None:
    def full(*_: object) -> None:
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr(os, "open", full)
    with pytest.raises(
        UserError, match=rf"^{re.escape(str(tmp_path))}: .*without room for 3 KiB.* Free some"
    ):
        storage.write_bytes(str(tmp_path), "a", bytes(2049))
