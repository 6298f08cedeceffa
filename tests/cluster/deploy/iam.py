"""IAM's rules, as far as the examples use them: what is a policy, and what does it allow?"""

import copy
import json
from collections.abc import Callable
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any

import jsonschema

IAM = Path(__file__).parents[3] / "cluster/deploy/iam"
# Of the S3 actions in AWS's Service Authorization Reference those that may be granted here.
KNOWN = {"s3:ListBucket", "s3:GetObject", "s3:PutObject", "s3:DeleteObject", "s3:AbortMultipartUpload"}
KNOWN |= {"kms:Decrypt", "kms:GenerateDataKey"}
BUCKET = IAM / "bucket.json"  # of whose statements each names whom it is about, as one of a bucket has to
ROLES = sorted(set(IAM.glob("*.json")) - {BUCKET})
# Operators of IAM's conditions that are used here, as tests of what a request says by what a policy does.
OPERATORS: dict[str, Callable[[str | None, str], bool]] = {
    "StringEquals": lambda said, due: said == due,
    "StringLike": lambda said, due: said is not None and fnmatchcase(said, due),
    "StringNotEqualsIfExists": lambda said, due: said is None or said != due,
    "Bool": lambda said, due: said == due,
}
PLAIN, STORE = {"aws:SecureTransport": "true"}, "s3.eu-central-1.amazonaws.com"
TEXTS = {"anyOf": [{"type": "string"}, {"type": "array", "items": {"type": "string"}, "minItems": 1}]}
STATEMENT: dict[str, Any] = {
    "type": "object",
    "required": ["Sid", "Effect", "Resource"],
    "properties": {
        "Sid": {"type": "string", "pattern": "^[A-Za-z0-9]+$"},
        "Effect": {"enum": ["Allow", "Deny"]},
        "Action": TEXTS,
        "NotAction": TEXTS,
        "Resource": TEXTS,
        "Condition": {
            "type": "object",
            "minProperties": 1,
            "propertyNames": {"enum": sorted(OPERATORS)},
            "additionalProperties": {
                "type": "object",
                "minProperties": 1,
                "propertyNames": {"pattern": "^(aws|s3|kms):[A-Za-z0-9:-]+$"},
                "additionalProperties": TEXTS,
            },
        },
    },
    "oneOf": [{"required": ["Action"]}, {"required": ["NotAction"]}],
    "additionalProperties": False,
}
POLICY: dict[str, Any] = {
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
    statement = copy.deepcopy(STATEMENT)
    if name == BUCKET.name:
        statement["required"].append("Principal")
        statement["properties"]["Principal"] = {"const": "*"}
    schema = copy.deepcopy(POLICY)
    schema["properties"]["Statement"]["items"] = statement
    jsonschema.Draft202012Validator(schema).validate(document)
    return document


def holds(condition: dict[str, dict[str, str | list[str]]], request: dict[str, str]) -> bool:
    """Whether every test of a condition says yes to a request; of several values one is enough, or none may be."""
    return all(
        (all if "Not" in name else any)(OPERATORS[name](request.get(key), each) for each in texts(value))
        for name, keys in condition.items()
        for key, value in keys.items()
    )


def allowed(document: dict[str, Any], action: str, uri: str, **says: str) -> bool:
    """Whether a role with this policy alone may do `action` on s3://BUCKET[/KEY] or the ARN of a key.

    What the request says beside that: it comes by TLS, and a list has the prefix DATASET/, unless `says` has others.
    """
    arn = uri if uri.startswith("arn:") else "arn:aws:s3:::" + uri.removeprefix("s3://")
    request = PLAIN | ({"s3:prefix": "dataset/"} if action == "s3:ListBucket" else {}) | says
    effects = set()
    for statement in document["Statement"]:
        named = any(
            fnmatchcase(action, each) for each in texts(statement.get("Action", statement.get("NotAction")))
        )
        on_it = any(fnmatchcase(arn, each) for each in texts(statement["Resource"]))
        if on_it and named == ("Action" in statement) and holds(statement.get("Condition", {}), request):
            effects.add(statement["Effect"])
    return effects == {"Allow"}
