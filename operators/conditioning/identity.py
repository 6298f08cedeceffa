"""Pseudo-identities: the same person keeps the same new look within a scope, and nobody else can tell whose."""

import hashlib
import hmac

from schemas.clip import ClipRef
from schemas.policy import IdentityPolicy


def looks_key(release_key: bytes) -> bytes:
    """What the stages are given in the release key's place: looks follow from it, and no clip's name or id does."""
    return hmac.digest(release_key, b"looks", hashlib.sha256)


def pseudo_identity(release_key: bytes, scope: str, track: int, tries: int = 0) -> int:
    """Seed of a person's new look: HMAC-SHA256 of scope and track. Destroying the key ends all linkage.

    `scope` is `scope_of` the clip; after so many `tries` the look is another one. A non-negative 63-bit integer,
    because torch's seeds are signed.
    """
    again = f":{tries}" if tries else ""
    digest = hmac.digest(release_key, f"identity:{scope}:{track}{again}".encode(), hashlib.sha256)
    return int.from_bytes(digest[:8], "big") >> 1


def scope_of(ref: ClipRef, identity: IdentityPolicy) -> str:
    """What the policy's scope is called for this clip. A rig is the folder that its source lies in."""
    match identity.scope:
        case "clip":
            return ref.key
        case "video":
            return ref.key.rpartition("-")[0]
        case "rig":
            return f"rig:{ref.uri.rpartition('/')[0]}"
        case "release":
            return "release"
