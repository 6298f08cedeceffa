"""Local disk and object store answer alike."""

import os
import pickle
from pathlib import Path
from unittest.mock import ANY

import pytest

from operators import storage
from operators.recovery.escalation import Ladder
from schemas.errors import UserError
from tests.s3 import BUCKET, client


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


def test_an_unknown_scheme_is_the_users_to_mend() -> None:
    with pytest.raises(UserError, match="ftp://"):
        storage.arrow_filesystem("ftp://host/x")


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
