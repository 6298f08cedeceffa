"""What is asked of a shard, and what its check has found: the two ends of shard_check.py."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import pyarrow as pa

from schemas.certificate import Step
from schemas.manifest import Breach
from schemas.policy import Policy

AGAIN = "Run jobs.anonymize again with the same plan and settings"
REDO = f"{AGAIN}, and --redo with this shard's name"
WITHDRAW = f"Do not publish this shard. {REDO}"
CLIPS = pa.schema({"clip_id": pa.int64(), "key": pa.string()})


@dataclass(frozen=True)
class Demands:
    """What is asked of every shard.

    policy      that every clip was released under: it says which gates each certificate must have
    profile     digest of the profile that every certificate must state
    public_key  PEM: by it every certificate must be signed; if empty, none may be
    marked      whether what was generated must carry a C2PA manifest, which else nothing may
    sample      released clips per shard to audit again, drawn by `seed` and the shard's name
    """

    policy: Policy
    profile: str
    public_key: str = ""
    marked: bool = False
    sample: int = 0
    seed: str = ""

    @property
    def settings(self) -> dict[str, str]:
        """What every signed shard must state."""
        digests = {"profile_digest": self.profile, "policy_digest": self.policy.digest()}
        return {"variant": self.policy.variant, **digests}


@dataclass
class Checked:
    """What was found: breaches, id and key of the manifest's clips, the stats, the files of the shard.

    Of the stats' file and of the commit record there is the sha256.

    Of `sampled` clips that were audited again, `doubted` have a breach. `waived` are the keys of clips that a reviewer
    accepted, with that step.
    """

    name: str
    breaches: list[Breach] = field(default_factory=list)
    clips: pa.Table = field(default_factory=CLIPS.empty_table)
    stats: dict[str, Any] = field(default_factory=dict)
    stats_sha256: str = ""
    commit_sha256: str = ""
    files: list[str] = field(default_factory=list)
    sampled: int = 0
    doubted: int = 0
    waived: list[tuple[str, Step]] = field(default_factory=list)

    def breach(self, where: str, problem: str, remedy: str = WITHDRAW) -> None:
        """Note one breach."""
        self.breaches.append(Breach(where, problem, remedy))

    def demand(self, holds: bool, where: str, problem: str) -> None:
        """Note a breach unless `holds`."""
        if not holds:
            self.breach(where, problem)


@contextmanager
def reading(checked: Checked, where: str) -> Iterator[None]:
    """What cannot be read or understood is a breach."""
    try:
        yield
    except FileNotFoundError:
        checked.breach(where, "is missing", REDO)
    except Exception as error:
        checked.breach(where, f"cannot be read ({type(error).__name__})")
