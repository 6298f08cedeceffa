"""Erasure: what was made of a source leaves the plan and every dataset of it, all else stays, and a note says so."""

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from cluster.ledger import checkpoint, erasure, memory, plans
from cluster.ledger.plans import Plan
from operators import storage
from operators.recovery.escalation import Ladder
from operators.release import layout
from operators.release.signature import Signer
from schemas.arrow import to_table
from schemas.certificate import Step
from schemas.clip import ClipRef, ReleasedClip
from schemas.errors import UserError
from tests.cluster import toy
from tests.keys import make_key

ONE = toy.make_ref(5)  # in the second of the three shards


@pytest.fixture
def plan(finished: tuple[str, str, list[str]]) -> str:
    """Its plan.json, which the toy does without."""
    storage.write_bytes(finished[0], plans.PLAN_FILE, b'{"other_files": 7}')
    return finished[0]


def test_a_forgotten_sources_shard_goes_and_all_else_stays(
    plan: str, finished: tuple[str, str, list[str]]
) -> None:
    _, output, names = finished
    before = toy.contents(output)
    Ladder(output=storage.absolute(output)).write(5, [Step("other seed", "audit: gate failed: copy")])
    assert erasure.forget(Plan(plan), output, [ONE.uri], b"key") == [layout.source_of(ONE.key)]
    checkpoint.begin(toy.run_of(plan, output))
    after = toy.contents(output)
    assert not [path for path in after if names[1] in path]
    kept = {path: data for path, data in before.items() if names[0] in path or names[2] in path}
    assert kept.items() <= after.items()
    assert checkpoint.missing(Plan(plan), output).tolist() == [4, 6, 7]
    said = json.loads(after["dataset.json"])
    assert (said["state"], said["forgotten"], said["planned"]["clips"]) == (
        "running",
        [layout.source_of(ONE.key)],
        11,
    )
    assert "signature" not in said
    assert json.loads(storage.read_bytes(plan, plans.PLAN_FILE))["clips"] == 11
    for path, data in toy.contents(plan).items():
        assert ONE.uri.encode() not in data, path


def test_an_interruption_anywhere_is_made_up_for(
    plan: str, finished: tuple[str, str, list[str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The plan knows; the next run does the rest, also one that was not told."""
    _, output, names = finished
    erasure.forget(Plan(plan), output, [ONE.uri], b"key")
    with monkeypatch.context() as patch:
        patch.setattr(erasure, "withdraw_shards", lambda *_: (_ for _ in ()).throw(KeyboardInterrupt))
        with pytest.raises(KeyboardInterrupt):
            checkpoint.begin(toy.run_of(plan, output))
    assert json.loads(storage.read_bytes(output, layout.DATASET))["forgotten"] == [layout.source_of(ONE.key)]
    checkpoint.begin(toy.run_of(plan, output))
    assert not [path for path in storage.list_files(output) if names[1] in path]


def test_steps_of_the_other_clips_are_kept_in_the_owners_name(tmp_path: Path) -> None:
    plan, output, step = f"{tmp_path}/plan", f"{tmp_path}/out", Step("other seed", "audit: gate failed: copy")
    signer = Signer.of_file(str(make_key(tmp_path / "key.pem")))

    def end(ref: ClipRef) -> ReleasedClip:
        return toy.released(ref, toy.noise(ref, 0), steps=[step])

    toy.write_output(plan, output, 12, signer=signer, end=end)
    storage.write_bytes(plan, plans.PLAN_FILE, b'{"other_files": 7}')
    erasure.forget(Plan(plan), output, [ONE.uri], b"key")
    checkpoint.begin(toy.run_of(plan, output, signer))
    ladder = Ladder(output=output, signer=signer)
    assert [ladder.steps(clip) for clip in (4, 5, 6, 7)] == [[step], [], [step], [step]]


def test_a_part_names_what_was_forgotten_of_its_own(plan: str, finished: tuple[str, str, list[str]]) -> None:
    _, output, _ = finished
    others = [toy.make_ref(number) for number in range(12)]
    erasure.forget(Plan(plan), output, [ref.uri for ref in others], b"key")
    parts = [Plan.of(plan, f"{part}/3").forgotten() for part in (1, 2, 3)]
    assert (
        sorted(key for keys in parts for key in keys)
        == sorted(layout.source_of(ref.key) for ref in others)
        == Plan(plan).forgotten()
    )
    assert all({int(key[:2], 16) % 3 for key in keys} == {part} for part, keys in enumerate(parts))


def test_what_is_no_source_is_refused_and_changes_nothing(
    plan: str, finished: tuple[str, str, list[str]]
) -> None:
    _, output, _ = finished
    before = toy.contents(plan), toy.contents(output)
    with pytest.raises(UserError, match=r"other\.mp4: is no source of"):
        erasure.forget(Plan(plan), output, [ONE.uri, "other.mp4"], b"key")
    assert (toy.contents(plan), toy.contents(output)) == before


def test_candidates_kept_for_reviewers_go_too(tmp_path: Path) -> None:
    folder = str(tmp_path / "candidates")
    for name in ("aa-000000.mp4", "aa-000000.condition.mp4", "ab-000000.mp4"):
        storage.write_bytes(folder, name, b"x")
    erasure.erase_candidates(str(tmp_path), ["aa"])
    assert list(storage.list_files(folder)) == ["ab-000000.mp4"]


@pytest.mark.parametrize("place", ["local"], indirect=True)
@pytest.mark.usefixtures("in_process")
def test_the_next_run_makes_the_rest_anew_and_verify_holds_it_to_the_note(
    plan: str, finished: tuple[str, str, list[str]]
) -> None:
    from jobs.verify import verify

    _, output, _ = finished
    erasure.forget(Plan(plan), output, [ONE.uri], b"key")
    made = toy.run(plan, output)
    assert made["state"] == "complete" and made["planned"]["clips"] == 11
    assert made["forgotten"] == [layout.source_of(ONE.key)]
    ids = sorted(row["clip_id"] for row in toy.manifest(output))  # type: ignore[type-var]
    assert ids == np.setdiff1d(np.arange(12), [5]).tolist()
    naming = [
        path for path, data in toy.contents(output).items() if layout.source_of(ONE.key).encode() in data
    ]
    assert naming == ["dataset.json"]
    assert verify(output, made).breaches == []
    left = {**made, "forgotten": [layout.source_of(ONE.key), layout.source_of(toy.make_ref(4).key)]}
    assert any("were forgotten" in breach.problem for breach in verify(output, left).breaches)


def test_a_copy_under_another_name_is_not_left_behind(tmp_path: Path) -> None:
    """Who asks to be forgotten is in both; which of them was published under which key nobody outside can tell."""
    plan, output = f"{tmp_path}/plan", f"{tmp_path}/out"
    refs = [toy.make_ref(number) for number in range(12)]
    refs[9] = replace(refs[9], source_hmac=refs[5].source_hmac)
    plans.write_clips(plan, "00-toy", to_table(refs, ClipRef))
    storage.write_bytes(plan, plans.PLAN_FILE, b'{"other_files": 0}')
    toy.write_output(plan, output, 12, refs=refs)
    with pytest.raises(UserError, match=rf"leaves the same bytes under another name: {refs[9].uri}"):
        erasure.forget(Plan(plan), output, [refs[5].uri], b"key")
    assert memory.forgotten(plan) == frozenset()
    both = erasure.forget(Plan(plan), output, [refs[5].uri, refs[9].uri], b"key")
    assert both == [layout.source_of(ref.key) for ref in (refs[5], refs[9])]


def test_what_shows_or_measured_it_or_tells_what_was_tried_goes_at_once(
    plan: str, finished: tuple[str, str, list[str]]
) -> None:
    """Before anything is made anew, which may stop half-way."""
    _, output, _ = finished
    due = {
        **dict.fromkeys([layout.EVIDENCE, layout.CARD, f"{layout.REPORT}.partial"], b"{}"),
        layout.REPORT: f"<h3>{ONE.key}</h3>".encode(),
        **{f"{folder}/{5:016x}.x": b"" for folder in ("attempts", "escalation")},
    }
    stay = {f"{folder}/{4:016x}.x": b"" for folder in ("attempts", "escalation")}
    for path, data in (due | stay).items():
        storage.write_bytes(output, path, data)
    memory.decide(plan, 5, [Step("redo", "a scar", by="JR")])
    memory.decide(plan, 4, [])
    erasure.forget(Plan(plan), output, [ONE.uri], b"key")
    assert list(memory.decided(plan)) == [4]
    checkpoint.begin(toy.run_of(plan, output))
    left = toy.contents(output)
    assert not due.keys() & left.keys() and stay.keys() <= left.keys()


def test_a_page_that_shows_others_stays(tmp_path: Path) -> None:
    storage.write_bytes(str(tmp_path), "review.html", f"<h3>{toy.make_ref(4).key}</h3>".encode())
    erasure.erase_candidates(str(tmp_path), [layout.source_of(ONE.key)])
    assert (tmp_path / "review.html").exists()
