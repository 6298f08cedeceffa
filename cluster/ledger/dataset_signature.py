"""Who signed a dataset: `signer` and `signature` in dataset.json, and whether they hold."""

from typing import Any

from operators.release.signature import Signer, fingerprint, is_signed
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
        return (key, digest) if fingerprint(key) == digest else ("", "")
    except (AttributeError, KeyError, TypeError, ValueError):
        return "", ""


def breaches(output: str, dataset: dict[str, Any], trusted: str) -> list[Breach]:
    """Whether dataset.json is signed by the key that it names, and that is the one `trusted` (PEM), if not empty."""
    where, (key, digest) = f"{output}/dataset.json", key_named(dataset)
    if dataset.get("signer") is None:
        missed = trusted or "signature" in dataset
        problem = "names no key, although one is demanded or has signed it"
        return [Breach(where, problem, REMEDY)] if missed else []
    problems = []
    if not key:
        problems.append("names no key, or one with the fingerprint of another")
    if trusted and key != trusted:
        problems.append(f"is signed by another key than the one given ({digest})")
    statement = {name: value for name, value in dataset.items() if name != "signature"}
    signed = is_signed("dataset", statement, dataset.get("signature"), key)
    if dataset["state"] == "complete" and not signed:
        problems.append("is not what was signed")
    return [Breach(where, problem, REMEDY) for problem in problems]


def describe(dataset: dict[str, Any], trusted: str) -> str:
    """One line for a reader."""
    if not dataset.get("signer"):
        return "unsigned: whoever could write here could have changed it and all digests with it"
    if trusted:
        return f"demanded: signed by the key {fingerprint(trusted)}"
    named = key_named(dataset)[1]
    return f"signed by the key {named}, which it names itself: --public-key demands the one you trust"
