"""Is this clip's certificate whole, signed, and of this clip?"""

import json
from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

from pydantic import TypeAdapter

from operators.release.signature import is_signed
from schemas.certificate import Certificate
from schemas.due import unproved
from schemas.manifest import ManifestRow
from schemas.policy import Policy

_COUNTS = ("people", "regenerated", "filled", "frames_masked", "frames_painted")
_SAME = ("clip_id", "key", "frames", *_COUNTS, "tracks", "diffusion_calls", "source_hmac")
_CERTIFICATE = TypeAdapter(Certificate)


def read_certificate(data: dict[str, Any]) -> Certificate:
    """From JSON. Raises ValueError unless every field is there, of its type, and no other."""
    certificate = _CERTIFICATE.validate_json(json.dumps(data), strict=True)
    if asdict(certificate) != data:
        raise ValueError("fields that no certificate has")
    return certificate


def uncertified(
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
    if certificate.people != certificate.regenerated + certificate.filled:
        found.append("certificate counts other people than those regenerated or filled")
    if certificate.steps != row.steps:
        found.append("certificate and manifest differ in steps")
    accepted = [step for step in certificate.steps if step.name == "accept"]
    if any(not step.by.strip() or step.output_sha256 != certificate.output_sha256 for step in accepted):
        found.append("certificate has been accepted for another video, or by nobody")
    if certificate.output_sha256 != row.sha256:
        found.append("certificate is of another video")
    found += [f"certificate: {problem}" for problem in unproved(certificate, policy)]
    if public_key and not is_signed("certificate", record["certificate"], signature, public_key):
        found.append("certificate is not signed by the dataset's key")
    if signature is not None and not public_key:
        found.append("certificate is signed, although dataset.json names no key")
    return found
