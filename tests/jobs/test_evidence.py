"""A release that requires an evaluation: verify fails it without one, if it breaks a bound, or if judges are blind."""

from pathlib import Path
from typing import Any

import pytest

from jobs.verify import read, verify
from operators.release import evidence
from operators.release.attestation import sha256
from operators.release.layout import DATASET, EVIDENCE
from operators.release.signature import Signer
from schemas.config import load
from schemas.policy import Policy
from tests.cluster import toy
from tests.cluster.ledger.test_evaluated import cell, figures
from tests.keys import make_key

pytestmark = pytest.mark.usefixtures("cluster", "shards_here")
ASKED = load(
    Policy, "cluster/policies/driving.yaml", ["evidence={exposed: 0.1, rank1: 0.2, parrot_rank1: 0.2}"]
)


@pytest.fixture(scope="module")
def signer(tmp_path_factory: pytest.TempPathFactory) -> Signer:
    return Signer.of_file(str(make_key(tmp_path_factory.mktemp("keys") / "key.pem")))


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory, signer: Signer) -> Path:
    """A finished, signed dataset whose policy asks for evidence."""
    folder = tmp_path_factory.mktemp("evidence")
    toy.write_output(f"{folder}/plan", f"{folder}/out", 4, signer=signer, policy=ASKED)
    return folder


def blind() -> dict[str, Any]:
    """Judges who do not notice a pass-through."""
    made = figures()
    made["methods"]["pass-through"]["figures"]["exposed, all heights"] = cell(0.02, 0.0)
    return made


@pytest.mark.parametrize(
    ("summary", "problem"),
    [
        (None, "is missing, and the policy asks for evidence"),
        (figures(), ""),
        (figures(**{"exposed, all heights": 0.3}), "exposed, all heights may be up to 0.300, more than 0.1"),
        (figures(**{"body R-1": 0.5}), "body R-1 may be up to 0.500, more than 0.2"),
        (figures(**{"parrot R-1": 0.21}), "parrot R-1 may be up to 0.210, more than 0.2"),
        (blind(), "its judges are blind: exposed, all heights of pass-through is 0.000, not 1"),
    ],
)
def test_verify_asks_for_what_the_policy_does(
    dataset: Path, signer: Signer, summary: dict[str, Any] | None, problem: str
) -> None:
    if summary:
        digests = {DATASET: sha256((dataset / DATASET).read_bytes())}
        (dataset / EVIDENCE).write_bytes(evidence.seal(summary, digests, signer))
    found = verify(str(dataset), read(str(dataset))).breaches
    said = [
        breach.problem for breach in found if breach.where.endswith(EVIDENCE)
    ]  # toys are of another policy
    assert said == ([problem] if problem else [])
