"""A decisions file is taken as a whole or not at all, and says which entry is at fault."""

import json
from typing import Any

import pytest

from schemas.certificate import Step
from schemas.decision import read_decisions
from schemas.errors import UserError

GOOD = {
    "key": "k-1",
    "decision": "redo",
    "reason": "hand in frame 3",
    "by": "R. Viewer",
    "output_sha256": "0" * 64,
}


def read(*entries: Any) -> list[Any]:
    return read_decisions("d.json", json.dumps(entries).encode())


def test_a_good_entry_becomes_a_step() -> None:
    (decision,) = read(GOOD)
    assert decision.step(["copy"]) == Step("other seed", "hand in frame 3", "R. Viewer", "0" * 64)
    (accept,) = read(GOOD | {"decision": "accept"})
    assert accept.step(["copy"]).waives == ["copy"]
    (fill,) = read(GOOD | {"decision": "blackout"})
    assert fill.step(["copy"]) == Step("opaque fill", "hand in frame 3", "R. Viewer", "0" * 64)


@pytest.mark.parametrize(
    ("change", "found"),
    [
        ({"by": " "}, "entry 2: by"),
        ({"reason": ""}, "entry 2: reason"),
        ({"decision": "publish"}, "entry 2: decision"),
        ({"output_sha256": "abc"}, "entry 2: output_sha256"),
        ({"note": "x"}, "entry 2: note"),
        ({"key": "k-1"}, "entry 2: decides about clip k-1, as entry 1 does"),
    ],
)
def test_a_bad_entry_is_named(change: dict[str, str], found: str) -> None:
    with pytest.raises(UserError, match=r"d\.json") as raised:
        read(GOOD, GOOD | {"key": "k-2"} | change)
    assert found in str(raised.value)


@pytest.mark.parametrize("data", [b"", b"{}", b"[1]", b"not json", b'{"decisions": []}', b"\xff"])
def test_what_is_no_list_of_entries_is_named(data: bytes) -> None:
    with pytest.raises(UserError, match=r"d\.json"):
        read_decisions("d.json", data)


def test_nothing_decided_is_nothing_to_do() -> None:
    assert read() == []
