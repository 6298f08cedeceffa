"""Local disk and object store answer alike."""

import pickle
from pathlib import Path

import pytest

from cluster import store
from schemas.errors import UserError


def test_write_list_read_delete(place: str) -> None:
    folder = f"{place}/data set"
    assert store.list_files(folder) == {}
    store.write_bytes(folder, "a/b.json", b"12345")
    store.write_bytes(folder, "c.bin", b"")
    store.write_bytes(folder, "c.bin", b"1")
    assert store.list_files(folder) == {"a/b.json": 5, "c.bin": 1}
    assert store.read_bytes(folder, "a/b.json") == b"12345"
    store.delete(folder, ["a/b.json", "never/was"])
    assert store.list_files(folder) == {"c.bin": 1}
    with pytest.raises(FileNotFoundError):
        store.read_bytes(folder, "a/b.json")


def test_trailing_slash_and_file_scheme_name_the_same_place(tmp_path: Path) -> None:
    store.write_bytes(f"{tmp_path}/", "x", b"1")
    assert store.list_files(f"file://{tmp_path}") == store.list_files(str(tmp_path)) == {"x": 1}


def test_an_unknown_scheme_is_the_users_to_mend() -> None:
    with pytest.raises(UserError, match="ftp://"):
        store.arrow_filesystem("ftp://host/x")


def test_no_secret_travels_with_a_file_system(s3: str) -> None:
    filesystem, _ = store.arrow_filesystem(s3)
    assert b"testsecret" not in pickle.dumps(filesystem)


def test_a_place_that_cannot_be_reached_is_the_users_to_mend(
    s3: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "file").write_bytes(b"")
    with pytest.raises(UserError, match=r"file/out: cannot be reached"):
        store.write_bytes(f"{tmp_path}/file/out", "dataset.json", b"{}")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "wrong")
    with pytest.raises(UserError, match=r"clips/out: cannot be reached"):
        store.read_bytes(f"{s3}/out", "dataset.json")
