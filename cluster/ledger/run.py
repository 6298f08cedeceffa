"""A run: which clips, by which settings, into which dataset, in whose name."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from cluster.ledger import memory
from cluster.ledger.kept import Terms, listed
from cluster.ledger.plans import Plan
from operators.recovery.escalation import Vouching
from operators.recovery.keyed import Keyed
from operators.release.c2pa_mark import Marker
from operators.release.signature import Signer
from schemas.policy import Policy
from schemas.profile import Profile


@dataclass(frozen=True)
class Run:
    """What one command of jobs.anonymize works on.

    `output` is the dataset's folder or prefix. What gates refuse is kept for reviewers in `review`, unless that is
    empty. Without a `signer` nothing is signed, without a `marker` nothing marked as generated. `lease` is the owner of
    the output's lease (lease.py), if one is held. `dataset_id` tells its dataset from others of the same signer.
    `made_by` are the digests of the `weights` and the `code` that it works with. By `keyed` it knows again what it, or
    a run before it, left in the output for itself; none in tests of the ledger alone.
    """

    plan: Plan
    output: str
    profile: Profile
    policy: Policy
    review: str = ""
    signer: Signer | None = None
    marker: Marker | None = None
    lease: str = ""
    dataset_id: str = ""
    made_by: Mapping[str, str] = field(default_factory=dict)
    keyed: Keyed | None = None

    @property
    def vouching(self) -> Vouching | None:
        """Who vouches for the steps that clips are due: who signs, or else whoever has the plan's key."""
        return self.signer or self.keyed

    @property
    def settings(self) -> dict[str, str]:
        """What every certificate and every signed shard of it states alike."""
        digests = {"profile_digest": self.profile.digest(), "policy_digest": self.policy.digest()}
        return {"variant": self.policy.variant, **digests}

    @property
    def on_writers(self) -> dict[str, Any]:
        """Ray's arguments of tasks that read the plan or write the dataset: where they may."""
        return {"resources": self.profile.writers} if self.profile.writers else {}

    def terms(self, digests: bool = False) -> Terms:
        """What it asks of shards that it finds in its output."""
        key, out = self.signer.public_key if self.signer else "", memory.withdrawn(self.plan.uri)
        known = listed(self.output, key, memory.last(self.plan.uri, self.output))
        alike = memory.begun(self.plan.uri, self.output) in (None, self.made_by)
        return Terms(
            key, tuple(self.settings.items()), digests, out, tuple(self.made_by.items()), known, alike
        )
