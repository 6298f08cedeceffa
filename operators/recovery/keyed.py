"""Vouching by a key: what a run leaves in its output for itself counts only if a run of the same plan wrote it."""

import hashlib
import hmac
import json
from dataclasses import dataclass, field
from typing import Any


def in_public(sha256: str, keyed: "Keyed | None") -> str:
    """What a refused video is called where everybody may read it, 64 hex digits; as it is if there is no key.

    A clip in which nobody is drawn, or everybody filled, is made alike by whoever has the source: its plain digest
    would tell them that it was among these.
    """
    return keyed.sign("refused", {"sha256": sha256}) if keyed and sha256 else sha256


def steering_key(release_key: bytes) -> bytes:
    """What the stages are given in the release key's place: no clip's name, id or look follows from it."""
    return hmac.digest(release_key, b"steering", hashlib.sha256)


@dataclass(frozen=True)
class Keyed:
    """Signs with `steering_key`, for those who have it alone. A dataset's signature is another matter, and others'."""

    key: bytes = field(repr=False)

    def sign(self, kind: str, statement: dict[str, Any]) -> str:
        """HMAC-SHA256 in hex."""
        text = json.dumps(statement, sort_keys=True, separators=(",", ":"))
        return hmac.digest(self.key, f"{kind}\n{text}".encode(), hashlib.sha256).hex()

    def has_signed(self, kind: str, statement: dict[str, Any], signature: Any) -> bool:
        """Whether `signature` is one by this key."""
        due = self.sign(kind, statement).encode()
        return isinstance(signature, str) and hmac.compare_digest(signature.encode(), due)
