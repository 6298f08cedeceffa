"""How a planned clip ended, as what gives a dataset back has to know it."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Ended:
    """What the anonymized dataset says of a clip: verdict, shard, sha256 of KEY.mp4."""

    verdict: str
    shard: str
    sha256: str
