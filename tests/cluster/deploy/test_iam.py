"""The IAM examples allow what the jobs do and nothing else, by IAM's rules: a deny wins, silence is a no."""

import json
import re
from pathlib import Path

import jsonschema
import pytest

from tests.cluster.deploy.iam import BUCKET, KNOWN, ROLES, STORE, allowed, policy, texts


@pytest.mark.parametrize("path", ROLES, ids=lambda path: path.name)
def test_every_policy_is_valid_and_grants_known_actions_only(path: Path) -> None:
    for statement in policy(path.name)["Statement"]:
        resources, actions = texts(statement["Resource"]), texts(statement.get("Action", []))
        if statement["Effect"] == "Deny":
            continue
        assert set(actions) <= KNOWN
        keys = [each for each in resources if each.startswith("arn:aws:kms:")]
        assert all(re.fullmatch(r"arn:aws:(s3:::[a-z-]+(/\S+)?|kms:\S+:key/\S+)", each) for each in resources)
        assert keys == (resources if any(action.startswith("kms:") for action in actions) else [])
        # A bucket's own action on its keys, or a key's on a bucket, would grant nothing.
        lists = "s3:ListBucket" in actions
        assert keys or all(("/" in each) != lists for each in resources)


@pytest.mark.parametrize("path", ROLES, ids=lambda path: path.name)
def test_nothing_is_done_but_by_tls(path: Path) -> None:
    document = policy(path.name)
    everything = {"Sid": "Admin", "Effect": "Allow", "Action": "s3:*", "Resource": "*"}
    with_more = {"Statement": [*document["Statement"], everything]}
    for uri in ("s3://another-bucket/file", f"{OUT}/dataset.json", f"{RAW}/street.mp4"):
        assert not allowed(with_more, "s3:GetObject", uri, **{"aws:SecureTransport": "false"})
    assert allowed(with_more, "s3:GetObject", "s3://another-bucket/file")


@pytest.mark.parametrize("path", ROLES, ids=lambda path: path.name)
def test_keys_are_used_through_the_store_and_for_its_own_buckets_alone(path: Path) -> None:
    """With SSE-KMS a role without them can read and write nothing; with more it could open what others encrypted."""
    document = policy(path.name)
    (statement,) = [each for each in document["Statement"] if "kms:Decrypt" in texts(each.get("Action", []))]
    (key,) = texts(statement["Resource"])
    context, by = "kms:EncryptionContext:aws:s3:arn", "kms:ViaService"
    read = {
        each.split(":::")[1].split("/")[0]
        for other in document["Statement"]
        if other["Effect"] == "Allow"
        and {"s3:GetObject", "s3:PutObject"} & set(texts(other.get("Action", [])))
        for each in texts(other["Resource"])
    }
    writes = "s3:PutObject" in json.dumps(document)
    for bucket in ("raw-videos", "anonymized", "recast-plans", "recast-review"):
        for arn in (f"arn:aws:s3:::{bucket}", f"arn:aws:s3:::{bucket}/dataset/x"):
            ok = {by: STORE, context: arn}
            assert allowed(document, "kms:Decrypt", key, **ok) == (bucket in read)
            assert allowed(document, "kms:GenerateDataKey", key, **ok) == (bucket in read and writes)
            assert not allowed(document, "kms:Decrypt", key, **{context: arn})
            assert not allowed(document, "kms:Decrypt", key, **(ok | {by: "ebs.eu-central-1.amazonaws.com"}))
    assert not allowed(document, "kms:Decrypt", key, **{by: STORE})
    assert not allowed(
        document, "kms:Decrypt", key[:-1] + "1", **{by: STORE, context: "arn:aws:s3:::anonymized"}
    )
    assert not allowed(document, "kms:ScheduleKeyDeletion", key, **{by: STORE})


def test_a_bucket_takes_nothing_without_tls_or_under_another_key() -> None:
    document = policy(BUCKET.name)
    everybody = {"Sid": "Admin", "Effect": "Allow", "Action": "s3:*", "Resource": "*"}
    with_more = {"Statement": [*document["Statement"], everybody]}
    (encrypted,) = [each for each in document["Statement"] if each["Sid"] == "NothingEncryptedByAnotherKey"]
    ((name, key),) = encrypted["Condition"]["StringNotEqualsIfExists"].items()
    assert name == "s3:x-amz-server-side-encryption-aws-kms-key-id"
    assert {statement["Effect"] for statement in document["Statement"]} == {"Deny"}
    assert not allowed(with_more, "s3:GetObject", f"{OUT}/dataset.json", **{"aws:SecureTransport": "false"})
    assert not allowed(with_more, "s3:PutObject", f"{OUT}/dataset.json", **{name: key + "1"})
    assert allowed(with_more, "s3:PutObject", f"{OUT}/dataset.json", **{name: key})


PLAN, OUT, RAW = "s3://recast-plans/dataset", "s3://anonymized/dataset", "s3://raw-videos"


KEY, REVIEW = f"{PLAN}/release.key", "s3://recast-review/dataset"
SHARD = [
    f"{OUT}/{path}" for path in ("shards/a.tar", "manifest/a.parquet", "quarantine/a.parquet", "stats/a.json")
]
RECORD, CLIPS, MARK = (
    f"{OUT}/checkpoint/a.pending.parquet",
    f"{PLAN}/clips/0a-1.parquet",
    f"{OUT}/attempts/0.condition.1",
)
HEAD = [
    f"{OUT}/{path}"
    for path in ("dataset.json", "dataset.dsse.json", "shards.jsonl", "report.html", "lease.json")
]
VIDEO = f"{OUT}-videos/street.mp4"
G, P, D = "s3:GetObject", "s3:PutObject", "s3:DeleteObject"
# What each role does; of the places here it may do nothing else.
DOES: dict[str, list[tuple[str, str]]] = {
    "driver": [
        (G, f"{RAW}/street.mp4"),
        *((G, place) for place in (*HEAD, *SHARD, RECORD, MARK, CLIPS, KEY, f"{PLAN}/plan.json")),
        *((P, place) for place in (*HEAD, RECORD, CLIPS, f"{PLAN}/plan.json", f"{PLAN}/withdrawn/a")),
        *((D, place) for place in (*SHARD, RECORD, MARK, HEAD[-1], CLIPS, f"{PLAN}/plan.json")),
        (G, f"{PLAN}/withdrawn/a"),
        (P, f"{OUT}/escalation/0.json"),
        (D, f"{OUT}/escalation/0.json"),
        (G, f"{OUT}/escalation/0.json"),
        *((action, VIDEO) for action in (G, P, D)),
        (P, f"{REVIEW}/review.html"),
        (P, f"{REVIEW}/candidates/a.mp4"),
        (G, f"{REVIEW}/candidates/a.mp4"),
    ],
    "sink": [
        *((G, place) for place in (*HEAD, *SHARD, RECORD, MARK, CLIPS, f"{OUT}/escalation/0.json")),
        *((P, place) for place in (*SHARD, RECORD, CLIPS)),
        *((D, place) for place in (*SHARD, RECORD)),
    ],
    "decode": [
        (G, f"{RAW}/street.mp4"),
        *((G, place) for place in (*HEAD, *SHARD, RECORD, MARK, f"{OUT}/escalation/0.json")),
        (P, MARK),
        (D, MARK),
        (P, f"{OUT}/escalation/0.json"),
        (P, f"{REVIEW}/candidates/a.mp4"),
    ],
    "regenerate": [
        *((G, place) for place in (*HEAD, *SHARD, RECORD, MARK, f"{OUT}/escalation/0.json")),
        (P, MARK),
        (D, MARK),
    ],
}
PLACES = {place for does in DOES.values() for _, place in does} | {KEY, f"{REVIEW}/review.html"}
PLACES |= {
    "s3://anonymized/other/shards/a.tar",
    "s3://recast-plans/other/clips/a",
    "s3://another-bucket/file",
}


@pytest.mark.parametrize("role", DOES)
def test_a_role_may_do_what_it_does_and_nothing_else(role: str) -> None:
    """So nobody overwrites another dataset or the release key, and who opens sources has neither shards nor plan."""
    document = policy(f"{role}.json")
    may = {(action, place) for action in (G, P, D) for place in PLACES if allowed(document, action, place)}
    assert sorted(may ^ set(DOES[role])) == []
    for other in ("s3:DeleteBucket", "s3:PutBucketPolicy", "s3:PutObjectAcl", "s3:PutLifecycleConfiguration"):
        assert not any(allowed(document, other, place) for place in (*PLACES, RAW, "s3://anonymized"))


@pytest.mark.parametrize(
    ("role", "lists"),
    [
        ("driver", {RAW, "s3://anonymized", "s3://recast-plans", "s3://recast-review"}),
        ("sink", {"s3://anonymized", "s3://recast-plans"}),
        ("decode", {RAW, "s3://anonymized"}),
        ("regenerate", {"s3://anonymized"}),
    ],
)
def test_a_role_lists_its_own_dataset_alone(role: str, lists: set[str]) -> None:
    document = policy(f"{role}.json")
    for bucket in (RAW, "s3://anonymized", "s3://recast-plans", "s3://recast-review"):
        assert allowed(document, "s3:ListBucket", bucket) == (bucket in lists)
        others = allowed(document, "s3:ListBucket", bucket, **{"s3:prefix": "other/"})
        assert others == (bucket in lists and bucket == RAW)


def test_no_grant_beside_it_lets_who_opens_sources_read_the_plan_or_write_a_shard() -> None:
    everything = {"Sid": "Admin", "Effect": "Allow", "Action": "s3:*", "Resource": "*"}
    for role in ("decode", "regenerate"):
        with_more = {"Statement": [*policy(f"{role}.json")["Statement"], everything]}
        for action in (G, P, D):
            assert not allowed(with_more, action, KEY) and not allowed(with_more, action, CLIPS)
    for role in ("driver", "sink"):
        with_more = {"Statement": [*policy(f"{role}.json")["Statement"], everything]}
        assert not allowed(with_more, P, KEY) and not allowed(with_more, D, KEY)


@pytest.mark.parametrize("role", DOES)
def test_no_grant_beside_it_lets_a_role_touch_raw_videos(role: str) -> None:
    everything = {"Sid": "Admin", "Effect": "Allow", "Action": "s3:*", "Resource": "*"}
    with_more = {"Statement": [*policy(f"{role}.json")["Statement"], everything]}
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
    assert allowed(trainer, "s3:GetObject", VIDEO) and not allowed(trainer, "s3:PutObject", VIDEO)
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
    document = policy("driver.json")
    document["Statement"][0]["Resources"] = document["Statement"][0].pop("Resource")
    (tmp_path / "bad.json").write_text(json.dumps(document))
    monkeypatch.setattr("tests.cluster.deploy.iam.IAM", tmp_path)
    with pytest.raises(jsonschema.ValidationError):
        policy("bad.json")
