"""What a dataset's owner vouches for: an in-toto statement over its files, in a DSSE envelope, OUT/dataset.dsse.json.

Others check both with their own tools: in-toto Attestation Framework v1 (Statement), DSSE v1 (PAE, Ed25519 over it).
Subjects are dataset.json, the list of shards, which holds the digest of each shard's accounts, which hold those of its
files, and the report; so every file is listed. The libraries that write envelopes bring key stores and other algorithms
along, for what takes five lines here.
"""

import base64
import hashlib
import json
from collections.abc import Mapping
from typing import Any

from operators.release.json_form import parsed, read, written
from operators.release.signature import Signer, fingerprint, verifies

PAYLOAD_TYPE = "application/vnd.in-toto+json"
STATEMENT_TYPE = "https://in-toto.io/Statement/v1"
PREDICATE_TYPE = "urn:recast:dataset:v1"


def statement(digests: Mapping[str, str], revision: int) -> dict[str, Any]:
    """Of files by path with their sha256 in hex."""
    subjects = [{"name": path, "digest": {"sha256": digests[path]}} for path in sorted(digests)]
    return {
        "_type": STATEMENT_TYPE,
        "subject": subjects,
        "predicateType": PREDICATE_TYPE,
        "predicate": {"revision": revision},
    }


def seal(made: dict[str, Any], signer: Signer | None) -> bytes:
    """The envelope's file; with no signature in it if there is no signer. Raises NotSigned."""
    payload = json.dumps(made, sort_keys=True, separators=(",", ":")).encode()
    signatures = []
    if signer:
        signature = signer.sign_bytes(pae(payload))
        signatures = [{"keyid": fingerprint(signer.public_key), "sig": signature}]
    envelope = {"payload": base64.b64encode(payload).decode(), "payloadType": PAYLOAD_TYPE}
    return written(envelope | {"signatures": signatures})


def opened(data: bytes, public_key: str) -> tuple[dict[str, str], int, bool]:
    """Digests by path and revision of a sealed statement, and whether it is signed by `public_key` (PEM) alone.

    Without a key, whether it is unsigned. Raises ValueError for what `seal` has not written.
    """
    try:
        envelope = read(data)
        payload = base64.b64decode(envelope["payload"], validate=True)
        made = parsed(payload)
        digests = {subject["name"]: str(subject["digest"]["sha256"]) for subject in made["subject"]}
        revision = made["predicate"]["revision"]
        if type(revision) is not int:
            raise ValueError("not a statement about a dataset")
        signatures = envelope["signatures"]
        again = json.loads(seal(made, None)) | {"signatures": signatures}
        plain = again == envelope and statement(digests, revision) == made
        plain = plain and type(signatures) is list and len(signatures) <= 1
        if not plain or any(set(one) != {"keyid", "sig"} for one in signatures):
            raise ValueError("not a statement about a dataset")
    except (AttributeError, KeyError, TypeError) as error:
        raise ValueError("not a statement about a dataset") from error
    if not public_key:
        return digests, revision, not signatures
    held = [one for one in signatures if one["keyid"] == fingerprint(public_key)]
    signed = any(verifies(pae(payload), one["sig"], public_key) for one in held)
    return digests, revision, signed


def pae(payload: bytes) -> bytes:
    """What is signed of a payload: DSSE's pre-authentication encoding."""
    kind = PAYLOAD_TYPE.encode()
    return b"DSSEv1 %d %b %d %b" % (len(kind), kind, len(payload), payload)


def sha256(data: bytes) -> str:
    """In hex."""
    return hashlib.sha256(data).hexdigest()
