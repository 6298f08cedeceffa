"""The mark says what was generated, holds nothing else, and is asked for wherever it is due and only there."""

import hashlib
import io
import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import c2pa
import numpy as np
import pytest
from cryptography.hazmat.primitives.asymmetric import ec, rsa

from operators.audit import Audit, Provenance
from operators.recovery.fail_closed import Rejected
from operators.release import c2pa_mark as mark
from operators.release.c2pa_mark import SOURCE_TYPES, Marker, faults
from operators.release.checked import Demands
from operators.release.shard_check import check_shard
from operators.release.shard_writer import write_shard
from operators.video.encode import decode_bytes, inspect_video
from operators.video.mp4_boxes import foreign_boxes
from schemas.certificate import Step, Variant
from schemas.clip import CandidateClip, ReleasedClip
from schemas.errors import UserError
from tests.cluster import toy
from tests.keys import make_chain, make_key, private_pem
from tests.operators.audited import POLICY, PROFILE, loaded
from tests.operators.clips import with_evidence
from tests.operators.sightings import no_boxes

VIDEO = toy.noise(toy.make_ref(5), 0)


@pytest.fixture(scope="module")
def marker(tmp_path_factory: pytest.TempPathFactory) -> Marker:
    chain, key = make_chain(tmp_path_factory.mktemp("c2pa"))
    return Marker.of(str(chain), str(key))


def test_a_marked_video_is_the_same_video_with_one_box_more(marker: Marker) -> None:
    marked = marker.mark(VIDEO, "structhuman")
    before, after = inspect_video(VIDEO), inspect_video(marked)
    assert after == replace(before, boxes=["c2pa"]) and before.boxes == []
    assert np.array_equal(decode_bytes(marked), decode_bytes(VIDEO))
    assert faults(marked, "structhuman") == []


@pytest.mark.parametrize("kind", ["ed25519", "es256", "ps256"])
def test_no_byte_of_a_mark_is_free(kind: str, tmp_path: Path) -> None:
    """Its padding and its boxes' heads are under no signature."""
    key = {
        "ed25519": None,
        "es256": ec.generate_private_key(ec.SECP256R1()),
        "ps256": rsa.generate_private_key(65537, 2048),
    }[kind]
    marked = Marker.of(*map(str, make_chain(tmp_path, key))).mark(VIDEO, "structhuman")
    start = marked.index(b"uuid") - 4
    end = start + int.from_bytes(marked[start : start + 4], "big")
    assert faults(marked, "structhuman") == []
    for at in range(start, end, 1 if kind == "ed25519" else 7):
        forged = marked[:at] + bytes([marked[at] ^ 4]) + marked[at + 1 :]
        assert faults(forged, "structhuman") or inspect_video(forged).boxes != ["c2pa"], at - start
    for at in (start + 8, start + 45, end):
        grown = (
            marked[:start]
            + (end - start + 9).to_bytes(4, "big")
            + marked[start + 4 : at]
            + b"Anna Moor"
            + marked[at:]
        )
        assert faults(grown, "structhuman") or foreign_boxes(grown) != ["c2pa"]


@pytest.mark.parametrize("variant", ["structhuman", "structall"])
def test_a_stranger_reads_that_it_was_generated_and_nothing_else(marker: Marker, variant: Variant) -> None:
    """With the reader as it comes, and none of our settings."""
    marked = marker.mark(VIDEO, variant)
    told = json.loads(c2pa.Reader("video/mp4", io.BytesIO(marked)).json())
    assert told["validation_state"] == "Valid"  # Trusted it is for those who trust the chain's authority
    (made,) = told["manifests"].values()
    (action,) = next(part["data"]["actions"] for part in made["assertions"] if "actions" in part["label"])
    assert action == {"action": "c2pa.created", "digitalSourceType": SOURCE_TYPES[variant]}
    assert SOURCE_TYPES[variant].endswith("rainedAlgorithmicMedia")
    assert not {"title", "thumbnail", "ingredients"} & set(made) and "time" not in made["signature_info"]
    assert b"thumbnail" not in marked and b"c2pa.ingredient" not in marked and b"sigTst" not in marked


def forged(marker: Marker, **fields: Any) -> bytes:
    """A valid manifest by the same key, with `fields` of its own."""
    action = {"action": "c2pa.created", "digitalSourceType": SOURCE_TYPES["structhuman"]}
    assertion = {"label": "c2pa.actions.v2", "data": {"actions": [action]}}
    manifest = {"claim_generator_info": [{"name": "Recast"}], "assertions": [assertion]} | fields
    private = Path(marker.key).read_bytes()
    info = c2pa.C2paSignerInfo(b"ed25519", Path(marker.chain).read_bytes(), private, None)
    out = io.BytesIO()
    c2pa.Builder(manifest).sign(c2pa.Signer.from_info(info), "video/mp4", io.BytesIO(VIDEO), out)
    return out.getvalue()


def other_action(**fields: Any) -> dict[str, Any]:
    action = {"action": "c2pa.created", "digitalSourceType": SOURCE_TYPES["structhuman"]} | fields
    return {"assertions": [{"label": "c2pa.actions.v2", "data": {"actions": [action]}}]}


@pytest.mark.parametrize(
    ("fields", "found"),
    [
        ({"title": "anna.mp4"}, "more than it needs: title"),
        ({"instance_id": "anna"}, "more than it needs: anna"),
        ({"claim_generator_info": [{"name": "Recast", "host": "anna-laptop"}]}, "more than it needs: host"),
        ({"claim_generator_info": [{"name": "anna's laptop"}]}, "more than it needs: anna's laptop"),
        ({"vendor": "anna"}, ":anna"),
        (other_action(when="2026-01-01T10:00:00Z"), "something else of its origin"),
        (other_action(parameters={"name": "anna.mp4"}), "something else of its origin"),
        (other_action(digitalSourceType=f"{mark._IPTC}digitalCapture"), "something else of its origin"),
        (
            {"assertions": [*other_action()["assertions"], {"label": "org.x", "data": {"name": "anna"}}]},
            "more than it needs: org.x",
        ),
    ],
)
def test_a_valid_manifest_that_says_more_is_found(marker: Marker, fields: dict[str, Any], found: str) -> None:
    video = forged(marker, **fields)
    assert any(found in fault for fault in faults(video, "structhuman"))


@pytest.mark.parametrize(
    "more",
    [
        {"name": "anna's laptop"},
        {"alg": "sha512"},
        {"note": "anna"},
        {"exclusions": [{"xpath": "/moov"}]},
        {"exclusions": [{"xpath": "/free", "data": [{"offset": 8, "value": "YW5uYQ=="}]}]},
        {"exclusions": [{"xpath": "/free", "length": 7}]},
        {"exclusions": [{"xpath": "/uuid"}]},
    ],
    ids=str,
)
def test_of_its_hash_a_manifest_says_what_ours_say(marker: Marker, more: dict[str, Any]) -> None:
    held = json.loads(c2pa.Reader("video/mp4", io.BytesIO(marker.mark(VIDEO, "structhuman"))).json())
    (made,) = held["manifests"].values()
    own = next(part["data"] for part in made["assertions"] if "hash" in part["label"])
    assert mark._unhashed(own) == []
    assert mark._unhashed(own | more)


@pytest.mark.parametrize("at", [400, 2000, -300])
def test_a_changed_byte_is_found_in_the_manifest_and_in_the_video(marker: Marker, at: int) -> None:
    marked = bytearray(marker.mark(VIDEO, "structhuman"))
    marked[at] ^= 1
    assert faults(bytes(marked), "structhuman")


def test_no_mark_and_another_kind_of_mark(marker: Marker) -> None:
    assert faults(VIDEO, "structhuman") == ["holds no C2PA manifest"]
    assert faults(marker.mark(VIDEO, "structall"), "structhuman")
    assert faults(b"no video", "structhuman")


def audit(marker: Marker | None, clip: CandidateClip) -> ReleasedClip:
    models = replace(loaded(POLICY.model_dump_json()), final=no_boxes)
    return Audit(PROFILE, POLICY, Provenance("w", "c"), marker=marker, models=models).audit(clip)


def test_the_audit_marks_before_it_looks_and_certifies_the_marked_bytes(
    marker: Marker, candidate: CandidateClip
) -> None:
    released = audit(marker, candidate)
    assert faults(released.video, "structhuman") == []
    assert released.certificate.output_sha256 == hashlib.sha256(released.video).hexdigest()
    scores = {gate.name: gate.score for gate in released.certificate.gates}
    assert (scores["mark"], scores["container"]) == (0, 0)


def test_what_was_not_generated_is_not_marked(marker: Marker, candidate: CandidateClip) -> None:
    fill = with_evidence(candidate, steps=[Step("opaque fill", "audit: gate failed: copy")])
    filled = replace(fill, regenerated=0, diffusion_calls=0)
    assert audit(marker, filled).video == candidate.video


def test_a_mark_that_nobody_asked_for_is_rejected(marker: Marker, candidate: CandidateClip) -> None:
    with pytest.raises(Rejected, match="container"):
        audit(None, marker(candidate))


def test_a_marker_that_does_not_mark_releases_nothing(
    marker: Marker, candidate: CandidateClip, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Marker, "mark", lambda self, video, variant: video)
    with pytest.raises(Rejected, match="mark"):
        audit(marker, candidate)


def test_what_a_reviewer_accepted_stays_accepted_when_it_is_marked(
    marker: Marker, candidate: CandidateClip
) -> None:
    digest = hashlib.sha256(candidate.video).hexdigest()
    seen, other = (Step("accept", "fine", "Anna", sha256) for sha256 in (digest, "0" * 64))
    released = audit(marker, with_evidence(candidate, steps=[seen]))
    assert released.certificate.steps[0].output_sha256 == released.certificate.output_sha256 != digest
    with pytest.raises(Rejected, match="accepted"):
        audit(marker, with_evidence(candidate, steps=[other]))


def check(row: ReleasedClip, marked: bool) -> list[str]:
    files: dict[str, toy._File] = {}
    name = "0" * 32 + "-00000000"
    write_shard([row], [row.ref.clip_id], name, lambda path: toy._open(files, path))
    demands = Demands(toy.POLICY, toy.PROFILE.digest(), marked=marked)
    return [breach.problem for breach in check_shard(name, lambda path: files[path].data, demands).breaches]


def test_verify_asks_for_the_mark_where_it_is_due_and_only_there(marker: Marker) -> None:
    ref, marked = toy.make_ref(5), marker.mark(VIDEO, "structhuman")
    unsaid = "certificate and dataset.json differ in marked"
    assert check(toy.released(ref, marked, marked=True), marked=True) == []
    assert check(toy.released(ref, VIDEO, marked=True), marked=True) == ["holds no C2PA manifest"]
    assert check(toy.released(ref, VIDEO), marked=True) == [unsaid, "holds no C2PA manifest"]
    assert check(toy.released(ref, marked, marked=True), marked=False) == [
        unsaid,
        "holds more than a video: c2pa",
    ]
    assert check(toy.released(ref, VIDEO, diffusion_calls=0), marked=True) == []
    found = check(toy.released(ref, marked, diffusion_calls=0), marked=True)
    assert found == ["holds more than a video: c2pa"]


@pytest.mark.parametrize(
    "key",
    [lambda: ec.generate_private_key(ec.SECP256R1()), lambda: rsa.generate_private_key(65537, 2048)],
    ids=["es256", "ps256"],
)
def test_other_kinds_of_keys(tmp_path: Path, key: Callable[[], Any]) -> None:
    chain, private = make_chain(tmp_path, key())
    marker = Marker.of(str(chain), str(private))
    assert faults(marker.mark(VIDEO, "structall"), "structall") == []
    assert str(private) not in repr(marker)


def test_what_cannot_mark_is_one_clear_line(tmp_path: Path) -> None:
    chain, key = make_chain(tmp_path)
    (tmp_path / "k1.pem").write_bytes(private_pem(ec.generate_private_key(ec.SECP256K1())))
    (tmp_path / "text.pem").write_text("no key")
    stranger = make_key(tmp_path / "other.pem")
    for other_chain, other_key in (
        (chain, stranger),
        (chain, tmp_path / "none.pem"),
        (chain, tmp_path / "k1.pem"),
        (chain, tmp_path / "text.pem"),
        (tmp_path / "text.pem", key),
        (tmp_path / "none.pem", key),
    ):
        with pytest.raises(UserError):
            Marker.of(str(other_chain), str(other_key))
