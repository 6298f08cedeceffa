"""The IAM examples allow what the jobs do and nothing else, by IAM's rules: a deny wins, silence is a no."""

import json
import re
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any

import jsonschema
import pytest

IAM = Path(__file__).parents[3] / "cluster/deploy/iam"
# Of the S3 actions in AWS's Service Authorization Reference those that may be granted here.
KNOWN = {"s3:ListBucket", "s3:GetObject", "s3:PutObject", "s3:DeleteObject", "s3:AbortMultipartUpload"}
TEXTS = {"anyOf": [{"type": "string"}, {"type": "array", "items": {"type": "string"}, "minItems": 1}]}
STATEMENT = {
    "type": "object",
    "required": ["Sid", "Effect", "Resource"],
    "properties": {
        "Sid": {"type": "string", "pattern": "^[A-Za-z0-9]+$"},
        "Effect": {"enum": ["Allow", "Deny"]},
        "Action": TEXTS,
        "NotAction": TEXTS,
        "Resource": TEXTS,
    },
    "oneOf": [{"required": ["Action"]}, {"required": ["NotAction"]}],
    "additionalProperties": False,
}
POLICY = {
    "type": "object",
    "required": ["Version", "Statement"],
    "properties": {
        "Version": {"const": "2012-10-17"},
        "Statement": {"type": "array", "items": STATEMENT, "minItems": 1},
    },
    "additionalProperties": False,
}


def texts(value: str | list[str]) -> list[str]:
    """IAM writes a list of one without the list."""
    return [value] if isinstance(value, str) else value


def policy(name: str) -> dict[str, Any]:
    """A policy of the folder; raises jsonschema.ValidationError for an unknown field."""
    document: dict[str, Any] = json.loads((IAM / name).read_text())
    jsonschema.Draft202012Validator(POLICY).validate(document)
    return document


def allowed(document: dict[str, Any], action: str, uri: str) -> bool:
    """Whether a role with this policy alone may do `action` on s3://BUCKET[/KEY]."""
    arn = "arn:aws:s3:::" + uri.removeprefix("s3://")
    effects = set()
    for statement in document["Statement"]:
        named = any(
            fnmatchcase(action, each) for each in texts(statement.get("Action", statement.get("NotAction")))
        )
        on_it = any(fnmatchcase(arn, each) for each in texts(statement["Resource"]))
        if on_it and named == ("Action" in statement):
            effects.add(statement["Effect"])
    return effects == {"Allow"}


@pytest.mark.parametrize("path", sorted(IAM.glob("*.json")), ids=lambda path: path.name)
def test_every_policy_is_valid_and_grants_known_actions_only(path: Path) -> None:
    for statement in policy(path.name)["Statement"]:
        assert all(
            re.fullmatch(r"arn:aws:s3:::[a-z-]+(/\S+)?", each) for each in texts(statement["Resource"])
        )
        if statement["Effect"] == "Allow":
            assert set(texts(statement["Action"])) <= KNOWN
            lists = "s3:ListBucket" in texts(statement["Action"])
            # A bucket's own action on its keys, or a key's on a bucket, would grant nothing.
            assert all(("/" in each) != lists for each in texts(statement["Resource"]))


PLAN, OUT, RAW = "s3://recast-plans/dataset", "s3://anonymized/dataset", "s3://raw-videos"


@pytest.mark.parametrize(
    ("action", "uri"),
    [
        ("s3:ListBucket", RAW),
        ("s3:GetObject", f"{RAW}/street.mp4"),
        ("s3:ListBucket", "s3://recast-plans"),
        ("s3:GetObject", f"{PLAN}/release.key"),
        ("s3:PutObject", f"{PLAN}/release.key"),
        ("s3:PutObject", f"{PLAN}/clips/0a-1.parquet"),
        ("s3:DeleteObject", f"{PLAN}/clips/0a-1.parquet"),
        ("s3:DeleteObject", f"{PLAN}/plan.json"),
        ("s3:ListBucket", "s3://anonymized"),
        ("s3:GetObject", f"{OUT}/dataset.json"),
        ("s3:PutObject", f"{OUT}/shards/a.tar"),
        ("s3:AbortMultipartUpload", f"{OUT}/shards/a.tar"),
        ("s3:DeleteObject", f"{OUT}/shards/a.tar"),
        ("s3:DeleteObject", f"{OUT}/checkpoint/a.pending.parquet"),
        ("s3:DeleteObject", f"{OUT}/attempts/0.condition.1"),
        ("s3:DeleteObject", f"{OUT}/escalation/0.json"),
        ("s3:DeleteObject", f"{OUT}/lease.json"),
        ("s3:PutObject", "s3://recast-review/dataset/index.html"),
        ("s3:PutObject", "s3://recast-review/dataset/candidates/a.mp4"),
        ("s3:GetObject", "s3://recast-review/dataset/candidates/a.mp4"),
    ],
)
def test_the_job_may_do_what_it_does(action: str, uri: str) -> None:
    assert allowed(policy("job.json"), action, uri)


@pytest.mark.parametrize(
    ("action", "uri"),
    [
        ("s3:PutObject", f"{RAW}/street.mp4"),
        ("s3:DeleteObject", f"{RAW}/street.mp4"),
        ("s3:DeleteObjectVersion", f"{RAW}/street.mp4"),
        ("s3:PutObjectAcl", f"{RAW}/street.mp4"),
        ("s3:PutBucketPolicy", RAW),
        ("s3:DeleteBucket", RAW),
        ("s3:PutLifecycleConfiguration", RAW),
        ("s3:DeleteObject", f"{PLAN}/release.key"),
        ("s3:DeleteObject", f"{OUT}/dataset.json"),
        ("s3:GetObject", "s3://recast-review/dataset/index.html"),
        ("s3:DeleteBucket", "s3://anonymized"),
        ("s3:GetObject", "s3://another-bucket/file"),
    ],
)
def test_the_job_may_do_nothing_else(action: str, uri: str) -> None:
    assert not allowed(policy("job.json"), action, uri)


def test_no_grant_beside_it_lets_the_job_touch_raw_videos() -> None:
    everything = {"Sid": "Admin", "Effect": "Allow", "Action": "s3:*", "Resource": "*"}
    with_more = {"Statement": [*policy("job.json")["Statement"], everything]}
    assert allowed(with_more, "s3:DeleteObject", "s3://another-bucket/file")
    for action in ("s3:DeleteObject", "s3:PutObject", "s3:DeleteObjectVersion"):
        assert not allowed(with_more, action, f"{RAW}/street.mp4")


def test_a_trainer_reads_what_is_released_and_not_who_is_behind_it() -> None:
    trainer = policy("trainer.json")
    everything = {"Sid": "Admin", "Effect": "Allow", "Action": "s3:*", "Resource": "*"}
    with_more = {"Statement": [*trainer["Statement"], everything]}
    assert allowed(trainer, "s3:ListBucket", "s3://anonymized")
    for path in (
        "shards/a.tar",
        "manifest/a.parquet",
        "dataset.json",
        "dataset.dsse.json",
        "shards.jsonl",
        "report.html",
    ):
        assert allowed(trainer, "s3:GetObject", f"{OUT}/{path}")
        assert not allowed(trainer, "s3:PutObject", f"{OUT}/{path}")
        assert not allowed(trainer, "s3:DeleteObject", f"{OUT}/{path}")
    for uri in (
        f"{PLAN}/release.key",
        f"{PLAN}/clips/0a-1.parquet",
        "s3://recast-review/a",
        f"{RAW}/street.mp4",
    ):
        assert not allowed(with_more, "s3:GetObject", uri)
    for bucket in ("s3://recast-plans", "s3://recast-review", RAW):
        assert not allowed(with_more, "s3:ListBucket", bucket)


def test_a_reviewer_reads_the_review_pages_and_nothing_else() -> None:
    reviewer, review = policy("reviewer.json"), "s3://recast-review"
    everything = {"Sid": "Admin", "Effect": "Allow", "Action": "s3:*", "Resource": "*"}
    with_more = {"Statement": [*reviewer["Statement"], everything]}
    assert allowed(reviewer, "s3:ListBucket", review)
    assert allowed(reviewer, "s3:GetObject", f"{review}/dataset/review.html")
    for action in ("s3:PutObject", "s3:DeleteObject", "s3:PutObjectAcl"):
        assert not allowed(with_more, action, f"{review}/dataset/review.html")
    for uri in (f"{PLAN}/release.key", f"{PLAN}/clips/0a-1.parquet", f"{RAW}/street.mp4"):
        assert not allowed(with_more, "s3:GetObject", uri)
    for uri in (f"{OUT}/shards/a.tar", f"{OUT}/quarantine/a.parquet"):
        assert not allowed(reviewer, "s3:GetObject", uri)


def test_a_misspelled_field_is_found(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    document = policy("job.json")
    document["Statement"][0]["Resources"] = document["Statement"][0].pop("Resource")
    (tmp_path / "bad.json").write_text(json.dumps(document))
    monkeypatch.setattr("tests.cluster.deploy.test_iam.IAM", tmp_path)
    with pytest.raises(jsonschema.ValidationError):
        policy("bad.json")
