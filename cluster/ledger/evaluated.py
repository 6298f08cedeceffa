"""Whether a dataset's signed evaluation is of this dataset, and keeps the bounds that its policy sets."""

from operators import storage
from operators.release import evidence
from operators.release.attestation import sha256
from operators.release.layout import CARD, DATASET, EVIDENCE
from schemas.manifest import Breach
from schemas.policy import Policy

AGAIN = "Evaluate it with python -m jobs.evaluate and the dataset's --key"


def breaches(output: str, policy: Policy, key: str) -> tuple[list[Breach], set[str]]:
    """What is wrong with the evaluation in `output`, and the files that belong to it.

    `key` is the PEM that the dataset is signed by. Where the policy asks for evidence there must be an evaluation;
    where there is one, asked for or not, it must be signed by that key and of this very dataset.
    """
    where = f"{output}/{EVIDENCE}"
    try:
        data = storage.read_bytes(output, EVIDENCE)
    except FileNotFoundError:
        missing = [Breach(where, "is missing, and the policy asks for evidence", AGAIN)]
        return (missing if policy.evidence else []), set()
    try:
        digests, summary = evidence.opened(data, key)
    except ValueError:
        return [Breach(where, "is no evaluation signed by the dataset's key", AGAIN)], {EVIDENCE}
    problems = (
        []
        if DATASET in digests and set(digests) <= {DATASET, CARD}
        else ["does not say of which dataset it is"]
    )
    problems += [
        f"is of another {path}" for path in sorted(digests) if sha256(_read(output, path)) != digests[path]
    ]
    problems += evidence.broken(summary, policy.evidence) if policy.evidence else []
    return [Breach(where, problem, AGAIN) for problem in problems], {EVIDENCE, *digests} & {EVIDENCE, CARD}


def _read(output: str, path: str) -> bytes:
    try:
        return storage.read_bytes(output, path)
    except FileNotFoundError:
        return b""
