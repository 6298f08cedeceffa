"""What no single shard of a dataset can show: that every planned clip is there once, and who accounts for it."""

from operator import itemgetter
from typing import Any, TypeVar

import pyarrow as pa
import pyarrow.compute as pc

from cluster.ledger import chain
from operators.release import layout
from operators.release.accounts import Total, id_digest
from operators.release.checked import AGAIN, CLIPS, REDO, Checked
from schemas.certificate import Step
from schemas.manifest import Breach

T = TypeVar("T")


class Whole:
    """What the shards' checks say together, each added as it ends: by shard, and of clips no more than two columns."""

    def __init__(self) -> None:
        self.breaches: dict[str, list[Breach]] = {}
        self.waived: dict[str, list[tuple[str, Step]]] = {}
        self.clips: dict[str, pa.Table] = {}
        self.entries: dict[str, dict[str, Any]] = {}
        self.total, self.sampled, self.doubted = Total(), 0, 0

    def add(self, shard: Checked) -> None:
        """Add what was found of a shard."""
        self.clips[shard.name] = shard.clips
        if shard.breaches:
            self.breaches[shard.name] = shard.breaches
        if shard.waived:
            self.waived[shard.name] = shard.waived
        if shard.stats:
            self.total.add(shard.stats)
            self.entries[shard.name] = chain.entry(shard.stats, (shard.stats_sha256, shard.commit_sha256))
        self.sampled += shard.sampled
        self.doubted += shard.doubted


def in_order(by_shard: dict[str, list[T]]) -> list[T]:
    """All of it, in order of the shards' names."""
    return [one for _, own in sorted(by_shard.items(), key=itemgetter(0)) for one in own]


def breaches(output: str, dataset: dict[str, Any], whole: Whole) -> list[Breach]:
    """What no single shard can show: completeness, uniqueness, and that dataset.json is of these shards."""
    where, found = f"{output}/dataset.json", list[Breach]()
    if dataset["state"] != "complete":
        return [Breach(where, "says that the run has not finished", AGAIN)]
    if not isinstance(dataset.get("recast_version", ""), str):  # older datasets have none
        found.append(Breach(where, "has a recast_version that is no text", AGAIN))
    clips = pa.concat_tables([CLIPS.empty_table(), *(whole.clips[name] for name in sorted(whole.clips))])
    for name, column in (("clip", "clip_id"), ("key", "key")):
        counts = pc.value_counts(clips[column])  # in order of first appearance
        twice = counts.filter(pc.greater(counts.field("counts"), 1)).field("values")[:3].to_pylist()
        if twice:
            found.append(
                Breach(
                    f"{output}/manifest", f"{name} {', '.join(map(str, twice))} is there more than once", REDO
                )
            )
    sources = layout.sources_of(clips["key"])
    forgotten = [one for one in dataset.get("forgotten", []) if isinstance(one, str) and one.isascii()]
    left = clips["key"].filter(pc.is_in(sources, pa.array(forgotten, pa.string())))
    if len(left):
        problem = f"says that {left[0].as_py()} and {len(left) - 1} more were forgotten"
        found.append(Breach(where, problem, AGAIN))
    if id_digest(clips["clip_id"].to_numpy()) != dataset["id_digest"]:
        planned = dataset["planned"]["clips"]
        found.append(
            Breach(
                where, f"{planned} clips were planned, not the {len(clips)} that the manifests hold", AGAIN
            )
        )
    entries = [whole.entries[name] for name in sorted(whole.entries)]
    found += chain.breaches(output, dataset["chain"], entries)
    for name, value in (whole.total.account() | {"shards": len(entries)}).items():
        if dataset[name] != value:
            found.append(Breach(where, f"states {name} {dataset[name]}, the shards add up to {value}", AGAIN))
    return found
