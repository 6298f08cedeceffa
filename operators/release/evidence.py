"""What an evaluation vouches for: an in-toto statement over dataset.json and the card, in a DSSE envelope.

OUT/evaluation.dsse.json; the figures are its predicate. Form and signature are those of attestation.py.
"""

import base64
import json
from collections.abc import Mapping
from typing import Any

from operators.release.attestation import STATEMENT_TYPE, pae
from operators.release.attestation import seal as sealed
from operators.release.control import blind
from operators.release.json_form import parsed, read
from operators.release.signature import Signer, fingerprint, verifies
from schemas.evaluation import BY_EYE
from schemas.policy import EvidenceBounds

PREDICATE_TYPE = "urn:recast:evaluation:v1"


def seal(summary: Mapping[str, Any], digests: Mapping[str, str], signer: Signer) -> bytes:
    """The envelope's file: figures of the dataset whose files have these sha256 by path. Raises NotSigned."""
    shown = {name: value for name, value in summary.items() if name != "methods"}
    shown["methods"] = {
        name: {part: value for part, value in method.items() if part != "curves"}
        for name, method in summary["methods"].items()
    }
    return sealed(_statement(shown, digests), signer)


def _statement(shown: Mapping[str, Any], digests: Mapping[str, str]) -> dict[str, Any]:
    subjects = [{"name": path, "digest": {"sha256": digests[path]}} for path in sorted(digests)]
    return {
        "_type": STATEMENT_TYPE,
        "subject": subjects,
        "predicateType": PREDICATE_TYPE,
        "predicate": dict(shown),
    }


def opened(data: bytes, public_key: str) -> tuple[dict[str, str], dict[str, Any]]:
    """Digests by path, and the summary, of an envelope that `public_key` (PEM) has signed. Raises ValueError for any
    other."""
    try:
        envelope = read(data)
        payload = base64.b64decode(envelope["payload"], validate=True)
        made = parsed(payload)
        digests = {subject["name"]: str(subject["digest"]["sha256"]) for subject in made["subject"]}
        (signature,) = envelope["signatures"]
        again = json.loads(sealed(made, None)) | {"signatures": [signature]}
        plain = again == envelope and _statement(made["predicate"], digests) == made
        signed = signature["keyid"] == fingerprint(public_key) and verifies(
            pae(payload), signature["sig"], public_key
        )
    except (AttributeError, KeyError, TypeError) as error:
        raise ValueError("not an evaluation") from error
    if not plain or not signed:
        raise ValueError("not an evaluation signed by this key")
    return digests, made["predicate"]


def _told_by_judges(bounds: EvidenceBounds) -> list[str]:
    return [name for name in bounds.named() if name != BY_EYE]


def broken(summary: Mapping[str, Any], bounds: EvidenceBounds) -> list[str]:
    """Which bounds an evaluation does not keep, in words. The upper end of an interval counts; what was not measured,
    or has no interval, keeps no bound, nor does a number that is no share, nor anything by judges who would not have
    noticed that everybody was passed through."""
    problems = []
    try:
        unmeasured, sources = summary["unmeasured"], summary["sources"]
        if type(unmeasured) is not int or unmeasured:
            problems.append(f"{unmeasured} released clips could not be measured")
        if type(sources) is not int or sources < 1:
            problems.append("no source was measured")
        if bounds.judges and summary["judges"]["digest"] != bounds.judges:
            problems.append("others judged than the policy asks for")
        figures = summary["methods"]["recast"]["figures"]
    except (KeyError, TypeError):
        return ["it holds no figures of the dataset"]
    problems += [f"its judges are blind: {one}" for one in blind(summary["methods"], _told_by_judges(bounds))]
    for name, most in bounds.named().items():
        one = figures.get(name) or {}
        high, sources = one.get("high"), one.get("sources")
        if (
            not isinstance(high, int | float)
            or isinstance(high, bool)
            or type(sources) is not int
            or sources < 1
        ):
            problems.append(f"{name} was not measured over several sources")
        elif not 0 <= high <= 1:  # NaN is none, either
            problems.append(f"{name} may be up to {high:g}, which is no share")
        elif high > most:
            problems.append(f"{name} may be up to {high:.3f}, more than {most:g}")
    return problems
