"""What is said in public of a clip is on a list: all that stages say is, and nothing that names a file."""

import ast
import builtins
import hashlib
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import av
import botocore.exceptions
import cv2
import pyarrow as pa
import pytest
import torch

from operators import storage
from operators.planning import probe
from operators.recovery.attempts import Attempts, Exhausted
from operators.recovery.escalation import Ladder
from operators.recovery.fail_closed import Rejected, each
from operators.video.decode import DecodeError
from schemas import words
from schemas.certificate import Gate
from schemas.clip import ClipRef, FailedClip, QuarantinedClip
from schemas.config import load
from schemas.decision import read_decisions
from schemas.errors import UserError
from schemas.profile import Profile
from tests.cluster import toy
from tests.operators.stages import written

ROOT = Path(__file__).parents[2]
SAYERS = {"DecodeError", "Unreadable", "Unshowable", "Rejected", "Exhausted", "FailedClip", "unplannable"}
SPOKEN = [*(ROOT / "operators").rglob("*.py"), ROOT / "jobs/plan.py", ROOT / "cluster/ledger/checkpoint.py"]
NAMED = {"problem", "remedy", "reason"}
# What stands in for a part of a sentence that varies, by a word in it.
PARTS = {
    "__name__": "OSError",
    "frame.filename": "grow.py",
    "size": "640x480",
    "transfer": "PQ",
    "{reason}": "the source is interlaced",
    "reason": "the source is interlaced",
    "name": "hdr",
    "failed": "copy, text",
    "problems": "gate copy is missing; gate text is there 2 times",
    "held": "audio, data",
    "cover": " (a cover)",
    "word": "Permission denied",
    "problem": "3 attempts ended with the worker: a crash, out of memory, a lost machine",
}


def sentence(node: ast.expr) -> str:
    """A literal, with something in place of each part that varies; empty for what is none."""
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        return node.value
    if isinstance(node, ast.JoinedStr):
        return "".join(
            part.value
            if isinstance(part, ast.Constant)
            else next((said for word, said in PARTS.items() if word in ast.unparse(part)), "7")
            for part in node.values
        )
    return ""


def said_in_code() -> Iterator[tuple[str, str]]:
    """Each sentence that is handed to what tells of a clip, and each that a function which does so gives a name."""
    for path in SPOKEN:
        for function in [
            node for node in ast.walk(ast.parse(path.read_text())) if isinstance(node, ast.FunctionDef)
        ]:
            calls = [
                node
                for node in ast.walk(function)
                if isinstance(node, ast.Call) and ast.unparse(node.func) in SAYERS
            ]
            found = [argument for call in calls for argument in call.args]
            for node in ast.walk(function) if calls else ():
                if isinstance(node, ast.Assign):
                    pairs = zip(
                        getattr(node.targets[0], "elts", node.targets),
                        getattr(node.value, "elts", [node.value]),
                        strict=False,
                    )
                    found += [value for name, value in pairs if ast.unparse(name) in NAMED]
            for text in filter(None, map(sentence, found)):
                yield f"{path.name}: {text}", text


SAID = dict(said_in_code())


def test_every_sentence_of_a_stage_may_be_published() -> None:
    begun = "7 attempts ended with "  # which goes on with the time that each was given
    assert len(SAID) > 40
    unknown = [
        where
        for where, text in SAID.items()
        if text not in words.STAGES
        and not text.startswith(begun)
        and words.reason(text) != text
        and words.remedy(text) != text
    ]
    assert unknown == []


NAME = "/videos/Jane Roe, Monday.mp4"


def exceptions() -> Iterator[BaseException]:
    """One of each kind that a stage may raise, with a file's name in its message."""
    kinds = [one for one in vars(builtins).values() if isinstance(one, type) and issubclass(one, Exception)]
    kinds += [pa.lib.ArrowInvalid, pa.lib.ArrowKeyError, torch.cuda.OutOfMemoryError, cv2.error]
    kinds += [json.JSONDecodeError, DecodeError, Exhausted, UserError]
    kinds += [one for one in vars(av.error).values() if isinstance(one, type) and issubclass(one, Exception)]
    for kind in kinds:
        for arguments in ((NAME,), (5, NAME), (5, NAME, NAME), (NAME, NAME, NAME), (NAME, NAME, 0), ()):
            try:
                yield kind(*arguments)
                break
            except Exception:
                continue
    for character in ("utf-8", "ascii"):
        yield UnicodeDecodeError(character, NAME.encode(), 0, 1, NAME)
    yield botocore.exceptions.ClientError({"Error": {"Code": NAME, "Message": NAME}}, NAME)
    yield DecodeError("the source cannot be decoded", f"Mend {NAME}")
    yield Rejected(f"gate failed: {NAME}", [Gate(NAME, NAME, 1.0, 0.0, "at most")])
    yield Rejected(NAME, [Gate("copy", NAME, 1.0, 0.0, "at most")])
    yield type("JaneRoe", (Exception,), {})(NAME)


def names_nobody(data: bytes) -> bool:
    return not any(part in data for part in (b"Jane Roe", b"Monday", b"videos"))


def test_no_exception_of_a_stage_says_a_name_in_public() -> None:
    many = list(exceptions())
    assert len(many) > 80
    for error in many:

        def fail(_: ClipRef, error: BaseException = error) -> None:
            raise error

        (row,) = each("audit", fail, [toy.make_ref(2)], Attempts(60))
        assert isinstance(row, QuarantinedClip | FailedClip)
        for path, data in written(row).items():
            assert names_nobody(data), (error, path)


def test_nor_does_a_source_that_cannot_be_planned(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    clips = load(Profile, "cluster/profiles/embedded.yaml").clip
    source = tmp_path / "a.mp4"
    source.write_bytes(b"x")
    for error in exceptions():

        def fail(*_: Any, error: BaseException = error) -> None:
            raise error

        monkeypatch.setattr(storage, "open_file", fail)
        (ref,) = probe.plan_source(str(source), "a.mp4", b"key", clips)
        assert ref.problem and names_nobody(f"{ref.problem} {ref.remedy}".encode()), error
        row = FailedClip(ref, "plan", ref.problem, ref.remedy, {})
        assert all(map(names_nobody, written(row).values())), error


def test_a_rung_of_the_ladder_is_climbed_for_a_reason_of_the_list(tmp_path: Path) -> None:
    ladder = Ladder(["other seed", "larger mask"], str(tmp_path))
    for number, reason in enumerate(("gate failed: copy", NAME)):
        assert ladder.climb(number, [], "audit", reason)
        (step,) = ladder.steps(number)
        assert words.climbed(step.reason) and names_nobody(step.reason.encode())


@pytest.mark.parametrize(
    ("text", "plain"),
    [
        ("hand in frame 3", True),
        ("a statue, not a person (see 3.5 s)", True),
        ('R. Viewer, "QA"', True),
        ("vidéo trop sombre", True),
        ("see /videos/a", False),
        ("as in Monday.mp4", False),
        ("as in 20260314.mov.", False),
        ("s3://raw-videos/x", False),
        (r"C:\videos", False),
        ("ask jane@example.org", False),
        ("two\nlines", False),
        ("two\u2028lines", False),
        ("turned \u202eround", False),
        ("nothing to \u200bsee", False),
        ("x" * 301, False),
    ],
)
def test_what_a_reviewer_writes_leads_to_no_file(text: str, plain: bool) -> None:
    for field in ("reason", "by"):
        entry = {
            "key": "k",
            "decision": "redo",
            "reason": "r",
            "by": "b",
            "output_sha256": "0" * 64,
            field: text,
        }
        data = json.dumps([entry]).encode()
        if plain:
            assert getattr(read_decisions("d.json", data)[0], field) == text.strip()
            continue
        with pytest.raises(UserError, match=rf"d\.json: entry 1: {field}.*is published"):
            read_decisions("d.json", data)


def test_a_decision_that_says_a_thing_twice_is_refused() -> None:
    twice = b'[{"key": "k", "decision": "blackout", "decision": "accept", "reason": "r", "by": "b"}]'
    with pytest.raises(UserError, match="says a thing twice"):
        read_decisions("d.json", twice)


def test_an_old_digest_is_not_a_name() -> None:
    assert hashlib.sha256(NAME.encode()).hexdigest() not in words.UNSAID
