"""Who holds the release key: what it links, and what is left when it is destroyed."""

from collections import defaultdict
from collections.abc import Mapping

from operators.evaluation.interval import figure
from operators.planning.probe import source_hmac
from operators.release.layout import source_of
from schemas.evaluation import Statistic


def linked_by_key(digests: Mapping[str, str], published: Mapping[str, str], key: bytes) -> Statistic:
    """How often an attacker names the file of a published clip who has every file, and takes `key` for the release key.

    digests    sha256 in hex of the clip's source, by the clip's key: what whoever has the file can compute
    published  `source_hmac` as it stands in the dataset, by the clip's key
    """
    known = {source_hmac(digest, key): digest for digest in digests.values()}
    counts: dict[str, list[float]] = defaultdict(lambda: [0.0, 0.0])
    for clip, hmac in published.items():
        counts[source_of(clip)][0] += known.get(hmac) == digests[clip]
        counts[source_of(clip)][1] += 1
    chance = 1 / len(set(digests.values())) if digests else None
    return figure({source: (pair[0], pair[1]) for source, pair in counts.items()}, True, chance)
