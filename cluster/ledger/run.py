"""A run: which clips, by which settings, into which dataset, in whose name."""

from dataclasses import dataclass

from cluster.ledger.kept import Terms
from cluster.ledger.plans import Plan
from operators.release.c2pa_mark import Marker
from operators.release.signature import Signer
from schemas.policy import Policy
from schemas.profile import Profile


@dataclass(frozen=True)
class Run:
    """What one command of jobs.anonymize works on.

    `output` is the dataset's folder or prefix. What gates refuse is kept for reviewers in `review`, unless that is
    empty. Without a `signer` nothing is signed, without a `marker` nothing marked as generated. `lease` is the owner of
    the output's lease (lease.py), if one is held.
    """

    plan: Plan
    output: str
    profile: Profile
    policy: Policy
    review: str = ""
    signer: Signer | None = None
    marker: Marker | None = None
    lease: str = ""

    @property
    def settings(self) -> dict[str, str]:
        """What every certificate and every signed shard of it states alike."""
        digests = {"profile_digest": self.profile.digest(), "policy_digest": self.policy.digest()}
        return {"variant": self.policy.variant, **digests}

    def terms(self, digests: bool = False) -> Terms:
        """What it asks of shards that it finds in its output."""
        return Terms(self.signer.public_key if self.signer else "", tuple(self.settings.items()), digests)
