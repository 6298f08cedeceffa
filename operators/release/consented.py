"""What became of those who are listed with a consent: who stayed as they are, and who was masked all the same."""

import json
import tarfile
from collections import Counter, defaultdict
from collections.abc import Collection, Iterator
from dataclasses import dataclass, field

import pyarrow.compute as pc

from operators import storage
from operators.release import reader
from operators.release.layout import RECORD, files_of

_LISTED = pc.list_value_length(pc.field("listed")) > 0


@dataclass
class Consented:
    """Boxes, in the released frames of released clips: `listed` by a consent that the policy accepts, `spared` of them,
    and `refused`, whose consent it does not accept. `clips` are the keys of those where fewer were spared than listed.
    """

    listed: int = 0
    spared: int = 0
    refused: int = 0
    clips: list[str] = field(default_factory=list)


def consented(plan: reader.Files, output: str, accepted: Collection[str]) -> Consented:
    """From what the parquet files of a plan list and the certificates in `output` except."""
    listed, found = dict[str, int](), Consented()
    refused = Counter[str]()
    for table in reader.batches(plan, ["key", "overlap", "listed"], _LISTED):
        for row in table.to_pylist():
            given = [
                one["consent"] for one in row["listed"] if one["consent"] and one["frame"] >= row["overlap"]
            ]
            known = sum(consent in accepted for consent in given)
            if given:
                listed[row["key"]], refused[row["key"]] = known, len(given) - known
    if not listed:
        return found
    which = (pc.field("verdict") == "released") & pc.field("key").isin(list(listed))
    by_shard = defaultdict[str, set[str]](set)
    for row in reader.manifest(output, ["key", "shard"], which).to_pylist():
        found.refused += refused[row["key"]]
        if listed[row["key"]]:
            by_shard[row["shard"]].add(row["key"])
    for shard, keys in sorted(by_shard.items()):
        for key, spared in _spared(output, shard, keys):
            found.listed, found.spared = found.listed + listed[key], found.spared + spared
            found.clips += [key] if spared < listed[key] else []
    found.clips.sort()
    return found


def _spared(output: str, shard: str, keys: Collection[str]) -> Iterator[tuple[str, int]]:
    """Of these clips of a shard, the boxes that their certificates except."""
    path = storage.join(output, files_of(shard)["shards"])
    with storage.open_file(path) as file, tarfile.open(fileobj=file) as tar:
        for member in tar:
            key, _, extension = member.name.partition(".")
            data = tar.extractfile(member) if key in keys and extension == RECORD else None
            if data:
                yield key, len(json.loads(data.read())["certificate"].get("excepted", []))
