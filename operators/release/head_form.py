"""Does dataset.json say anything but what is its to say? A field that nothing else is compared with holds a number, a
digest, a name of a few letters or a version, and no sentence."""

import re
from typing import Any

from operators.release.accounts import NUMBERS, VERDICTS

_NAME, _KEY, _DIGEST = r"[A-Za-z0-9][A-Za-z0-9_.+-]{0,63}", r"[0-9a-f]{20}", r"[0-9a-f]{64}"
_WORDS = {
    "recast_version": r"\d{1,4}\.\d{1,4}\.\d{1,4}(?:\.?(?:dev|a|b|rc|post)\d{1,4})?",
    "dataset_id": r"(?:[0-9a-f]{32})?",
    "partition": r"\d{1,3}/\d{1,3}",
    "state": r"running|complete",
    "profile.name": _NAME,
    "profile.digest": _DIGEST,
    "policy.name": _NAME,
    "policy.digest": _DIGEST,
    "signer.name": r"[0-9a-f]{16}",
    "signer.fingerprint": _DIGEST,
    "marker.name": r"[0-9a-f]{16}",
    "marker.digest": _DIGEST,
    "id_digest": _DIGEST,
    "chain": _DIGEST,
}
# What is read of it before anything can be said of it, and what only a dataset that is complete has.
_ALWAYS: dict[str, type] = {"state": str, "variant": str, "profile": dict, "policy": dict, "planned": dict}
_COMPLETE: dict[str, type] = {
    **dict.fromkeys(VERDICTS, dict),
    **dict.fromkeys(NUMBERS, int),
    "seconds": dict,
    "shards": int,
    "id_digest": str,
    "chain": str,
}
_OPTIONAL: dict[str, type] = {"forgotten": list, "licence_notes": list}
_INNER = {
    "profile": ("name", "digest"),
    "policy": ("name", "digest", "settings"),
    "planned": ("clips", "frames"),
}
MOST = 1 << 53  # numbers beyond are more than numbers to who reads them


def malformed(dataset: dict[str, Any]) -> list[str]:
    """Fields that are missing, or hold another kind of thing than is read of them; before `unsayable` is asked."""
    due = _ALWAYS | (_COMPLETE if dataset.get("state") == "complete" else {})
    due |= {name: kind for name, kind in _OPTIONAL.items() if name in dataset}
    wrong = {name for name, kind in due.items() if not isinstance(dataset.get(name), kind)}
    wrong |= {
        f"{name}.{part}"
        for name, parts in _INNER.items()
        for part in parts
        if name not in wrong and part not in dataset[name]
    }
    if not wrong & {"planned", "planned.clips", "planned.frames"}:
        wrong |= {f"planned.{part}" for part in _INNER["planned"] if not _below(dataset["planned"][part])}
    wrong |= {name for name in ("signer", "marker") if not isinstance(dataset.get(name), dict | None)}
    return sorted(wrong)


def unsayable(dataset: dict[str, Any]) -> list[str]:
    """Fields that hold other words or numbers than theirs. Those that are not there are somebody else's matter."""
    found = []
    for name, form in _WORDS.items():
        outer, _, inner = name.partition(".")
        value = dataset.get(outer)
        value = value.get(inner) if inner and isinstance(value, dict) else value
        if value is not None and not (isinstance(value, str) and re.fullmatch(form, value)):
            found.append(name)
    forgotten = dataset.get("forgotten", [])
    if (
        not isinstance(forgotten, list)
        or not all(isinstance(one, str) and re.fullmatch(_KEY, one) for one in forgotten)
        or forgotten != sorted(set(forgotten))
    ):
        found.append("forgotten")
    shards = dataset.get("shards", 0)
    if type(shards) is not int or not 0 <= shards < MOST or not _below(dataset.get("revision", 0)):
        found.append("shards or revision")
    return found


def _below(number: Any) -> bool:
    return type(number) is int and 0 <= number < MOST
