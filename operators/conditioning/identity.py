"""Pseudo-identities: the same person keeps the same new look within a scope, and nobody else can tell whose."""

import hashlib
import hmac
from collections.abc import Sequence

import numpy as np

from operators.conditioning.known_again import same_place
from operators.models.boxes import best_pairs
from schemas.clip import ClipRef, Person
from schemas.policy import IdentityPolicy

_SAME = 0.5  # mean overlap of a track's boxes with those of somebody who was followed


def looks_key(release_key: bytes) -> bytes:
    """What the stages are given in the release key's place: looks follow from it, and no clip's name or id does."""
    return hmac.digest(release_key, b"looks", hashlib.sha256)


def dataset_id(release_key: bytes, partition: str, profile: str, policy: str) -> str:
    """What a dataset made of one part of a plan by a profile and a policy (their digests) is called, 32 hex digits:
    keyed, it tells nothing of sources. No run goes on with an output of other settings, so an output keeps it."""
    said = f"dataset:{partition}:{profile}:{policy}"
    return hmac.digest(release_key, said.encode(), hashlib.sha256).hex()[:32]


def pseudo_identity(release_key: bytes, scope: str, person: int | str, tries: int = 0) -> int:
    """Seed of a person's new look: HMAC-SHA256 of scope and person. Destroying the key ends all linkage.

    `scope` is `scope_of` the clip, `person` who it is in there; after so many `tries` the look is another one. A
    non-negative 63-bit integer, because torch's seeds are signed.
    """
    again = f":{tries}" if tries else ""
    digest = hmac.digest(release_key, f"identity:{scope}:{person}{again}".encode(), hashlib.sha256)
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


def persons(ref: ClipRef, people: Sequence[Person]) -> dict[int, int | str]:
    """By track, who somebody is in the scope that the clip's people were followed in; tracks of a clip that was not are
    called by their numbers, and somebody who was not found by following is somebody of this clip alone."""
    if not ref.followed:
        return {one.track: one.track for one in people}
    overlaps = np.zeros((len(people), len(ref.people)))
    for i, one in enumerate(people):
        for j, known in enumerate(ref.people):
            overlaps[i, j] = same_place(one.first, one.boxes, known.first, known.boxes)
    pairs = best_pairs(overlaps, _SAME)
    return {
        one.track: ref.people[pairs[i]].person if i in pairs else f"{ref.key}:{one.track}"
        for i, one in enumerate(people)
    }
