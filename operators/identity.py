"""Pseudo-identities: the same person keeps the same new look within a scope, and nobody else can tell whose."""

import hashlib
import hmac


def pseudo_identity(release_key: bytes, scope: str, track: int) -> int:
    """Seed of a person's new look: HMAC-SHA256 of scope and track. Destroying the key ends all linkage.

    `scope` is the clip's key. A non-negative 63-bit integer, because torch's seeds are signed.
    """
    digest = hmac.digest(release_key, f"identity:{scope}:{track}".encode(), hashlib.sha256)
    return int.from_bytes(digest[:8], "big") >> 1
