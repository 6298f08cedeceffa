"""How planned clips ended, as what gives a dataset back has to know it."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from schemas.clip import ClipRef
from schemas.errors import UserError


@dataclass(frozen=True)
class Ended:
    """What the anonymized dataset says of a clip: verdict, shard, sha256 of KEY.mp4."""

    verdict: str
    shard: str
    sha256: str


def unreleased(ref: ClipRef, ended: Mapping[str, Ended]) -> str:
    """Why there is nothing of a clip to give back; empty for one that was released."""
    if ref.key not in ended:
        return ref.problem or f"clip {ref.key} is not in the anonymized dataset"
    verdict = ended[ref.key].verdict
    return "" if verdict == "released" else ref.problem or f"clip {ref.key} was {verdict}"


def require_released(refs: Iterable[ClipRef], ended: Mapping[str, Ended], target: str) -> None:
    """Raises UserError if none of the clips, which hold pictures for `target`, was released."""
    if all(unreleased(ref, ended) for ref in refs):
        remedy = "See why in OUT/quarantine, or with python -m jobs.status OUT --clip KEY"
        raise UserError(target, "no picture was released, so there is none to write", remedy)
