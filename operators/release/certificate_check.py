"""Is this clip's certificate whole, signed, and of this clip?"""

import json
import math
import re
from collections.abc import Mapping
from dataclasses import asdict
from itertools import pairwise
from typing import Any, TypeGuard

from pydantic import TypeAdapter

from operators.release.json_form import written
from operators.release.said_check import unsayable_steps
from operators.release.shard_writer import shape_of
from operators.release.signature import is_signed
from operators.video.picture import DEINTERLACER
from schemas.certificate import Certificate, margin
from schemas.due import COUNTS, unproved
from schemas.manifest import ManifestRow
from schemas.policy import Policy

_MOST = (1 << 32) - 1  # of a number in an mp4
_SAME = ("clip_id", "key", "frames", *COUNTS, "tracks", "diffusion_calls", "source_hmac")
_DIGESTS = (
    "output_sha256",
    "weights_digest",
    "profile_digest",
    "policy_digest",
    "code_version",
    "seed_commitment",
)
_CERTIFICATE = TypeAdapter(Certificate)
_PICTURES = re.compile(
    rf"tone_mapped: (?:PQ|HLG|BT\.2020) to BT\.709|deinterlaced: {re.escape(DEINTERLACER)}"
)


def read_certificate(data: dict[str, Any]) -> Certificate:
    """From JSON. Raises ValueError unless every field is there, of its type, and no other."""
    certificate = _CERTIFICATE.validate_json(json.dumps(data), strict=True)
    if written(asdict(certificate)) != written(data):
        raise ValueError("fields that no certificate has")
    words = [(64, getattr(certificate, name)) for name in _DIGESTS] + [(32, certificate.source_hmac)]
    if not all(re.fullmatch(f"[0-9a-f]{{{digits}}}", word) for digits, word in words):
        raise ValueError("words where a digest is due")
    return certificate


def record_problem(record: dict[str, Any], row: ManifestRow, signed: bool) -> str:
    """How a clip's record is not what was written of it, in words; empty if it is, but for its certificate."""
    unit, moments = record.get("time_base"), record.get("timestamps")
    if not _is_ratio(unit):
        return "has no time base"
    if not _whole_numbers(moments) or moments[:1] != [0] or any(b <= a for a, b in pairwise(moments)):
        return "has timestamps that do not start at 0 and grow"
    aspect, pictures = record.get("sample_aspect"), record.get("pictures")
    if not _is_ratio(aspect):
        return "has no shape of its pixels"
    if not isinstance(pictures, dict) or any(
        not _PICTURES.fullmatch(f"{k}: {v}") for k, v in pictures.items()
    ):
        return "says of its pictures what is never done to any"
    names = (
        "sample_aspect",
        "pictures",
        "time_base",
        "timestamps",
        "certificate",
        *(["signature"] if signed else []),
    )
    due = {name: record.get(name) for name in names} | shape_of(row)
    return (
        ""
        if written(due) == written(record)
        else "record and manifest differ in shape or rate, or it says more"
    )


def _is_ratio(value: Any) -> bool:
    """Whether these are two numbers in lowest terms, each such as a container holds."""
    if not _whole_numbers(value) or len(value) != 2:
        return False
    return min(value) >= 1 and max(value) <= _MOST and math.gcd(*value) == 1


def _whole_numbers(value: Any) -> TypeGuard[list[int]]:
    return isinstance(value, list) and all(type(one) is int for one in value)


def certificate_problems(
    record: dict[str, Any],
    row: ManifestRow,
    policy: Policy,
    settings: Mapping[str, object],
    public_key: str,
) -> list[str]:
    """What is wrong with the certificate in a clip's `record`, given its `row` of the manifest; empty if nothing.

    It must have exactly the gates that `policy` asks for, passed; `settings` are fields that it must state (digest of
    the profile, whether it is marked); `public_key` is the PEM by which it must be signed, if empty it must not be.
    Raises ValueError or KeyError if it cannot be understood.
    """
    certificate, signature = read_certificate(record["certificate"]), record.get("signature")
    found = [
        f"certificate and manifest differ in {name}"
        for name in _SAME
        if getattr(certificate, name) != getattr(row, name)
    ]
    found += [
        f"certificate and dataset.json differ in {name}"
        for name, value in settings.items()
        if getattr(certificate, name) != value
    ]
    if certificate.steps != row.steps:
        found.append("certificate and manifest differ in steps")
    if unsayable_steps(certificate.steps):
        found.append("certificate has steps for reasons that are not to be published")
    accepted = [step for step in certificate.steps if step.name == "accept"]
    if any(not step.by.strip() or step.output_sha256 != certificate.output_sha256 for step in accepted):
        found.append("certificate has been accepted for another video, or by nobody")
    if margin(certificate.gates) != row.margin:
        found.append("certificate and manifest differ in margin")
    if certificate.output_sha256 != row.sha256:
        found.append("certificate is of another video")
    lacking = unproved(certificate, policy, (row.height, row.width), row.window - row.frames)
    found += [f"certificate: {problem}" for problem in lacking]
    if public_key and not is_signed("certificate", record["certificate"], signature, public_key):
        found.append("certificate is not signed by the dataset's key")
    if signature is not None and not public_key:
        found.append("certificate is signed, although dataset.json names no key")
    return found
