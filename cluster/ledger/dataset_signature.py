"""Who vouches for a dataset: `signer` in dataset.json, the statement beside it, and whether they hold."""

from collections.abc import Mapping
from typing import Any

from operators import storage
from operators.release import attestation
from operators.release.attestation import opened, sha256
from operators.release.json_form import read
from operators.release.layout import ATTESTATION, DATASET
from operators.release.signature import Signer, fingerprint, usual_form
from schemas.manifest import Breach

REMEDY = "Do not publish this dataset before it is known who changed it"


def entry(signer: Signer | None) -> dict[str, str] | None:
    """What dataset.json says of the key, for everybody to check with; named by how its fingerprint begins."""
    if signer is None:
        return None
    digest = fingerprint(signer.public_key)
    return {"name": digest[:16], "fingerprint": digest, "public_key": signer.public_key}


def key_named(dataset: dict[str, Any]) -> tuple[str, str]:
    """PEM and fingerprint of the key that dataset.json says it is signed by; both empty unless they are one's."""
    try:
        key, digest = dataset["signer"]["public_key"], dataset["signer"]["fingerprint"]
        return (key, digest) if fingerprint(key) == digest and usual_form(key) == key else ("", "")
    except (AttributeError, KeyError, TypeError, ValueError):
        return "", ""


def breaches(output: str, dataset: dict[str, Any], trusted: str) -> tuple[list[Breach], dict[str, str]]:
    """What is wrong with who vouches for the dataset, and the digests by path that its statement lists.

    It must be by the key that dataset.json names, and that the one `trusted` (PEM), if not empty.
    """
    where, (key, digest) = f"{output}/{DATASET}", key_named(dataset)
    problems, listed = list[str](), dict[str, str]()
    if dataset.get("signer") is None:
        problems += ["names no key, although one is demanded"] if trusted else []
    elif not key:
        problems.append("names no key, or one with the fingerprint of another")
    elif trusted and key != trusted:
        problems.append(f"is signed by another key than the one given ({digest})")
    if dataset["state"] != "complete":
        return [Breach(where, problem, REMEDY) for problem in problems], listed
    try:
        data = storage.read_bytes(output, DATASET)
        read(data)
    except ValueError:
        problems.append("is not in the form in which it is written: it may say a thing twice")
    try:
        listed, revision, vouched = opened(storage.read_bytes(output, ATTESTATION), key)
        if not vouched or (listed.get(DATASET), revision) != (sha256(data), dataset.get("revision")):
            problems.append("is not what was signed" if key else f"is not what {ATTESTATION} lists")
    except FileNotFoundError:
        problems.append(f"is not vouched for: there is no {ATTESTATION}")
    except ValueError:
        problems.append(f"is not vouched for: {ATTESTATION} cannot be read")
    return [Breach(where, problem, REMEDY) for problem in problems], listed


def seal(output: str, revision: int, signer: Signer | None, written: Mapping[str, bytes]) -> None:
    """Vouch for dataset.json and the files beside it, by path: for what was `written`, whatever lies there by now."""
    digests = {path: sha256(data) for path, data in written.items()}
    storage.write_bytes(
        output, ATTESTATION, attestation.seal(attestation.statement(digests, revision), signer)
    )


def last_revision(output: str, made: dict[str, Any] | None, signer: Signer | None) -> int:
    """Of what was finished here before; 0 if nothing was. Of a signed dataset what its owner vouched for last: anybody
    who may write there could let dataset.json name a number beyond which none can grow."""
    found = [] if signer else [(made or {}).get("revision")]
    try:
        _, revision, vouched = opened(
            storage.read_bytes(output, ATTESTATION), signer.public_key if signer else ""
        )
        found += [revision] if vouched else []
    except (FileNotFoundError, ValueError):
        pass
    return max([one for one in found if type(one) is int and 0 <= one < 1 << 53], default=0)


def describe(dataset: dict[str, Any], trusted: str) -> str:
    """One line for a reader."""
    if not dataset.get("signer"):
        return "unsigned: whoever could write here could have changed it and all digests with it"
    if trusted:
        return f"demanded: signed by the key {fingerprint(trusted)}"
    named = key_named(dataset)[1]
    return f"signed by the key {named}, which it names itself: --public-key demands the one you trust"
