"""A signed evaluation against somebody who may write everywhere in the dataset, and against what it says itself."""

import base64
import dataclasses
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from cluster.ledger.evaluated import breaches
from operators.evaluation.card import card
from operators.release import evidence
from operators.release.attestation import sha256
from operators.release.json_form import written
from operators.release.layout import CARD, DATASET, EVIDENCE
from operators.release.signature import Signer
from schemas.config import load
from schemas.errors import UserError
from schemas.manifest import ManifestRow
from schemas.policy import EvidenceBounds, Policy
from tests.keys import make_key
from tests.operators.stages import disguising

PLAIN = load(Policy, "cluster/policies/driving.yaml")
BOUND = load(
    Policy, "cluster/policies/driving.yaml", ["evidence={exposed: 0.1, rank1: 0.2, parrot_rank1: 0.2}"]
)


def cell(high: float | None, value: float = 0.05) -> dict[str, Any]:
    return {"value": value, "low": 0.0, "high": high, "chance": 0.05, "sources": 20, "count": 90.0}


def figures(**high: float | None) -> dict[str, Any]:
    """A summary whose intervals end there."""
    ends = {"exposed, all heights": 0.08, "body R-1": 0.15, "parrot R-1": 0.2} | high
    recast = {
        "figures": {name: cell(end) for name, end in ends.items()},
        "axes": {"privacy": 0.9},
        "curves": {},
    }
    methods = {"recast": recast, "pass-through": {"figures": passed_through()}}
    return {"sources": 20, "unmeasured": 0, "methods": methods, "not_attacked": ["voices"]}


def passed_through(**changed: dict[str, Any]) -> dict[str, Any]:
    """Figures of the control: everybody is found."""
    names = ("exposed, all heights", "body R-1", "parrot R-1")
    return {name: cell(1.0, 1.0) | {"low": 0.83} for name in names} | changed


def with_figure(name: str, **fields: Any) -> dict[str, Any]:
    """The same with something else said of one figure."""
    made = figures()
    made["methods"]["recast"]["figures"][name] |= fields
    return made


@pytest.fixture
def signer(tmp_path: Path) -> Signer:
    return Signer.of_file(str(make_key(tmp_path / "key.pem")))


def publish(output: Path, summary: dict[str, Any], signer: Signer) -> None:
    """As jobs.evaluate does."""
    output.mkdir(exist_ok=True)
    (output / DATASET).write_text('{"revision": 1}')
    (output / CARD).write_bytes(written({"name": "card"}))
    digests = {name: sha256((output / name).read_bytes()) for name in (DATASET, CARD)}
    (output / EVIDENCE).write_bytes(evidence.seal(summary, digests, signer))


def found(output: Path, policy: Policy, key: str) -> list[str]:
    return [breach.problem for breach in breaches(str(output), policy, key)[0]]


def test_one_that_keeps_its_bounds_is_no_breach_and_none_is_only_if_it_is_asked_for(
    tmp_path: Path, signer: Signer
) -> None:
    output = tmp_path / "out"
    output.mkdir()
    assert breaches(str(output), PLAIN, signer.public_key) == ([], set())
    assert found(output, BOUND, signer.public_key) == ["is missing, and the policy asks for evidence"]
    publish(output, figures(), signer)
    assert breaches(str(output), BOUND, signer.public_key) == ([], {EVIDENCE, CARD})


@pytest.mark.parametrize(
    ("summary", "problem"),
    [
        (figures(**{"exposed, all heights": 0.11}), "exposed, all heights may be up to 0.110, more than 0.1"),
        (figures(**{"body R-1": None}), "body R-1 was not measured over several sources"),
        (figures(**{"parrot R-1": True}), "parrot R-1 was not measured over several sources"),
        *(
            (figures(**{"body R-1": high}), f"body R-1 may be up to {high:g}, which is no share")
            for high in (-1e9, -0.001, float("-inf"), float("inf"), float("nan"), 2)
        ),
        *(
            (with_figure("body R-1", sources=number), "body R-1 was not measured over several sources")
            for number in (0, -3, True, None, 2.0)
        ),
        *(
            ({**figures(), "unmeasured": number}, f"{number} released clips could not be measured")
            for number in (2, -3, False, 0.0, None, "0")
        ),
        *(
            ({**figures(), "sources": number}, "no source was measured")
            for number in (0, -1, True, 20.0, None)
        ),
        ({**figures(), "methods": {}}, "it holds no figures of the dataset"),
        (
            {**figures(), "methods": {"blackout": figures()["methods"]["recast"]}},
            "it holds no figures of the dataset",
        ),
    ],
)
def test_bounds_that_are_broken(
    tmp_path: Path, signer: Signer, summary: dict[str, Any], problem: str
) -> None:
    publish(tmp_path / "out", summary, signer)
    assert found(tmp_path / "out", BOUND, signer.public_key) == [problem]
    assert found(tmp_path / "out", PLAIN, signer.public_key) == []


@pytest.mark.parametrize(
    ("control", "problem"),
    [
        *(
            (passed_through(**{name: cell(1.0, value) | {"low": low}}), f"{name} of pass-through is {said}")
            for name, value, low, said in (
                ("exposed, all heights", 0.5, 0.2, "0.500, not 1"),
                ("body R-1", 0.3, 0.04, "0.300 and cannot be told from guessing"),
                ("parrot R-1", 1.0, None, "1.000 and cannot be told from guessing"),
                ("parrot R-1", float("nan"), float("nan"), "nan and cannot be told from guessing"),
            )
        ),
        (passed_through(**{"body R-1": {}}), "body R-1 of pass-through is not known"),
        ({}, "exposed, all heights of pass-through is not known"),
        (None, "it holds no figures of pass-through, the control that must fail"),
    ],
)
def test_judges_who_do_not_notice_a_pass_through_vouch_for_nothing(
    tmp_path: Path, signer: Signer, control: dict[str, Any] | None, problem: str
) -> None:
    """Who sees nothing finds nobody, and every bound would be kept."""
    made = figures()
    made["methods"]["pass-through"] = {"figures": control}
    publish(tmp_path / "out", made, signer)
    first, *_ = found(tmp_path / "out", BOUND, signer.public_key)
    assert first.startswith(f"its judges are blind: {problem}")
    assert found(tmp_path / "out", PLAIN, signer.public_key) == []


def better(envelope: dict[str, Any]) -> None:
    """Another figure under the same signature."""
    made = json.loads(base64.b64decode(envelope["payload"]))
    made["predicate"]["methods"]["recast"]["figures"]["body R-1"]["high"] = 0.0
    text = json.dumps(made, sort_keys=True, separators=(",", ":"))
    envelope["payload"] = base64.b64encode(text.encode()).decode()


def unsigned(envelope: dict[str, Any]) -> None:
    envelope["signatures"] = []


def twice(envelope: dict[str, Any]) -> None:
    envelope["signatures"] *= 2


@pytest.mark.parametrize("change", [better, unsigned, twice])
def test_an_envelope_that_was_changed(
    tmp_path: Path, signer: Signer, change: Callable[[dict[str, Any]], None]
) -> None:
    publish(tmp_path / "out", figures(), signer)
    envelope = json.loads((tmp_path / "out" / EVIDENCE).read_bytes())
    change(envelope)
    (tmp_path / "out" / EVIDENCE).write_bytes(written(envelope))
    problem = "is no evaluation signed by the dataset's key"
    assert found(tmp_path / "out", PLAIN, signer.public_key) == [problem]


def test_another_key_none_and_another_dataset_or_card(tmp_path: Path, signer: Signer) -> None:
    output = tmp_path / "out"
    other = Signer.of_file(str(make_key(tmp_path / "other.pem")))
    publish(output, figures(), other)
    for key in (signer.public_key, ""):
        assert found(output, PLAIN, key) == ["is no evaluation signed by the dataset's key"]
    publish(output, figures(), signer)
    (output / CARD).write_text("{}")
    assert found(output, PLAIN, signer.public_key) == [f"is of another {CARD}"]
    publish(output, figures(), signer)
    (output / DATASET).write_text('{"revision": 2}')
    assert found(output, BOUND, signer.public_key) == [f"is of another {DATASET}"]
    (output / EVIDENCE).write_bytes(evidence.seal(figures(), {"shards/a.tar": "0"}, signer))
    assert "does not say of which dataset it is" in found(output, PLAIN, signer.public_key)


def test_a_policy_without_evidence_has_the_digest_that_it_had() -> None:
    assert "evidence" not in PLAIN.model_dump_json()
    assert BOUND.digest() != PLAIN.digest()
    assert Policy.model_validate_json(BOUND.model_dump_json()) == BOUND
    assert EvidenceBounds(exposed=0.5).named() == {"exposed, all heights": 0.5}


@pytest.mark.parametrize(
    ("policy", "done"), [(PLAIN, "were regenerated"), (disguising(PLAIN, "blur"), "were blurred")]
)
def test_a_card_is_croissant_with_its_figures(policy: Policy, done: str) -> None:
    dataset = {
        "policy": {"name": "driving", "settings": policy.model_dump(mode="json")},
        "profile": {"name": "embedded"}, "variant": "structhuman",
        "revision": 3, "released": {"clips": 4}, "licence_notes": ["The sources' licences still apply."],
    }  # fmt: skip
    made = card(dataset, figures())
    assert done in made["description"] and done in made["rai:personalSensitiveInformation"]
    assert made["conformsTo"] == [
        "http://mlcommons.org/croissant/1.0",
        "http://mlcommons.org/croissant/RAI/1.0",
    ]
    assert made["@type"] == "sc:Dataset" and made["@context"]["cr"].endswith("/croissant/")
    assert {one["name"] for one in made["variableMeasured"]} == set(figures()["methods"]["recast"]["figures"])
    includes = {files["@id"]: files["includes"] for files in made["distribution"]}
    assert includes == {"shards": "shards/*.tar", "manifest": "manifest/*.parquet"}
    fields = made["recordSet"][0]["field"]
    assert {field["source"]["fileSet"]["@id"] for field in fields} == {"manifest"}
    columns = {field["source"]["extract"]["column"] for field in fields}
    assert columns <= {column.name for column in dataclasses.fields(ManifestRow)}, (
        "what loads the card reads them"
    )
    used = {key for one in (made, *made["recordSet"], *fields, *made["distribution"]) for key in one}
    used |= {key for field in fields for key in field["source"]} | {"column"}
    known = {*made["@context"], *(key for key in used if key[0] == "@" or ":" in key)}
    schema_org = {
        "name",
        "description",
        "version",
        "license",
        "distribution",
        "encodingFormat",
        "variableMeasured",
    }
    assert used - known <= schema_org, "every word is one of schema.org's, Croissant's or its RAI's"
    json.dumps(made, allow_nan=False)


@pytest.mark.parametrize("judges", [{"digest": "a" * 64}, {"digest": "b" * 64}, {}, None, "b" * 64])
def test_who_judged_may_be_asked_for(signer: Signer, tmp_path: Path, judges: object) -> None:
    """Judges who see nothing would let any figure be small."""
    asked = load(Policy, "cluster/policies/driving.yaml", [f"evidence={{exposed: 0.1, judges: {'b' * 64}}}"])
    publish(tmp_path / "out", figures() | {"judges": judges}, signer)
    found, _ = breaches(str(tmp_path / "out"), asked, signer.public_key)
    assert bool(found) is (judges != {"digest": "b" * 64})
    assert not breaches(str(tmp_path / "out"), BOUND, signer.public_key)[0]


def test_judges_are_named_by_their_digest() -> None:
    with pytest.raises(UserError, match="judges"):
        load(Policy, "cluster/policies/driving.yaml", ["evidence={exposed: 0.1, judges: embedded}"])
