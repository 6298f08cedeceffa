"""Verify: proves a finished dataset from its own bytes. `python -m jobs.verify OUT`

Every planned clip is there exactly once, as released, quarantined or failed; every released clip is the one that
was certified and passed its gates; nothing else lies in the output. If it is signed, every certificate and dataset.json
are by one key, and --public-key says whose it must be. A sample of clips is decoded and audited again. Exit status 0
if all of it holds, 1 if anything does not, 2 if there is no dataset to verify.
"""

import re
import secrets
from argparse import Namespace
from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from operator import itemgetter
from typing import Any, TypeVar

import pyarrow as pa
import pyarrow.compute as pc
import ray
from rich.console import Console
from rich.table import Table

from cluster import session
from cluster.ledger import chain, dataset_signature, strays
from jobs import options
from operators import storage
from operators.release import layout, reader
from operators.release.accounts import COUNTED, Total, id_digest
from operators.release.attestation import sha256
from operators.release.shard_check import CLIPS, REDO, Checked, Demands, check_shard
from operators.release.signature import read_public_key
from operators.release.spot_check import CONFIDENCE, bound
from schemas.certificate import Step
from schemas.errors import UserError
from schemas.manifest import Breach
from schemas.policy import Policy
from schemas.profile import Profile

AGAIN = "Run jobs.anonymize again with the same plan and settings"
T = TypeVar("T")


@dataclass(frozen=True)
class Proof:
    """Every breach; of `released` clips, `sampled` were audited again and `doubted` of those have a breach.

    `waived` are the keys of those that a reviewer accepted, with that step.
    """

    breaches: list[Breach]
    released: int
    sampled: int
    doubted: int
    waived: list[tuple[str, Step]]


def read(output: str) -> dict[str, Any]:
    """OUT/dataset.json. Raises UserError if there is none."""
    return reader.require_dataset(output, "there is no dataset to verify")


def policy_of(output: str, dataset: dict[str, Any]) -> Policy:
    """The policy that dataset.json carries whole. Raises UserError if it is none, as then nothing can be proved."""
    try:
        return Policy.model_validate(dataset["policy"]["settings"])
    except (KeyError, TypeError, ValueError):
        where, problem = f"{output}/dataset.json", "carries no policy that this release understands"
        raise UserError(where, problem, "Verify it with the release that made it") from None


def other_settings(dataset: dict[str, Any], profile: Profile, policy: Policy) -> list[Breach]:
    """A breach for each of profile and policy that differs from what the dataset was made with."""
    return [
        Breach("dataset.json", f"names another {name} than {used.name}", "Give the settings of the run")
        for name, used in (("profile", profile), ("policy", policy))
        if dataset[name]["digest"] != used.digest()
    ]


def verify(
    output: str,
    dataset: dict[str, Any],
    trusted: str = "",
    sample: int = 1,
    seed: str = "0",
    least_revision: int = 0,
) -> Proof:
    """Prove the dataset `output`, whose dataset.json is given.

    `trusted` is the public key (PEM) by which it must be signed, if not empty. `sample` clips of each shard, drawn by
    `seed`, are audited again. One older than `least_revision` is refused.
    """
    key, policy = trusted or dataset_signature.key_named(dataset)[0], policy_of(output, dataset)
    entries = storage.entries(output)
    found = (re.fullmatch(r"(?:manifest|stats)/([^/]+)\.\w+", path) for path in entries)
    shards, profile = sorted({match[1] for match in found if match}), dataset["profile"]["digest"]
    demands = Demands(policy, profile, key, bool(dataset.get("marker")), sample, seed)
    whole, own = Whole(), set[str]()
    for checked in _check_all(output, shards, demands):
        whole.add(checked)
        own.update(checked.files)
    breaches, listed = dataset_signature.breaches(output, dataset, trusted)
    breaches += _head(output, dataset, policy, least_revision)
    breaches += in_order(whole.breaches)
    breaches += _accounting(output, dataset, whole)
    breaches += strays.breaches(output, entries, own, listed, dataset["state"] == "running")
    released = whole.total.clips("released")
    return Proof(breaches, released, whole.sampled, whole.doubted, in_order(whole.waived))


def _head(output: str, dataset: dict[str, Any], policy: Policy, least_revision: int) -> list[Breach]:
    """What is wrong with what dataset.json says of itself."""
    where, found = f"{output}/dataset.json", []
    revision = dataset.get("revision", 0)
    if not isinstance(revision, int) or revision < least_revision:
        problem = f"is of revision {revision}, and {least_revision} at least is demanded"
        found.append(Breach(where, problem, "Get the newest, or ask who withdrew it"))
    if (policy.digest(), policy.variant) != (dataset["policy"]["digest"], dataset["variant"]):
        problem = "states another digest or variant than its policy has"
        found.append(Breach(where, problem, AGAIN))
    return found


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


def _check_all(output: str, shards: list[str], demands: Demands) -> Iterator[Checked]:
    """Every shard, wherever Ray finds room for it, in the order in which they are done."""
    if not shards:
        return
    rows = ray.data.from_items(
        [{"name": name} for name in shards], override_num_blocks=min(len(shards), 1000)
    )
    lost = set(shards)
    for row in rows.map(lambda row: {"checked": _check(output, row["name"], demands)}).iter_rows():
        lost.discard(row["checked"].name)
        yield row["checked"]
    for name in lost:
        yield Checked(name, [Breach(f"stats/{name}.json", "could not be checked", AGAIN)])


def _check(output: str, name: str, demands: Demands) -> Checked:
    """A shard, and that it was committed."""
    checked, record = check_shard(name, partial(storage.read_bytes, output), demands), layout.commit_of(name)
    try:
        checked.commit_sha256 = sha256(storage.read_bytes(output, record))
        checked.files.append(record)
    except FileNotFoundError:
        checked.breach(record, "is missing", REDO)
    return checked


def _accounting(output: str, dataset: dict[str, Any], whole: Whole) -> list[Breach]:
    """What no single shard can show: completeness, uniqueness, and that dataset.json is of these shards."""
    where, breaches = f"{output}/dataset.json", []
    if dataset["state"] != "complete":
        return [Breach(where, "says that the run has not finished", AGAIN)]
    if not isinstance(dataset.get("recast_version", ""), str):  # older datasets have none
        breaches.append(Breach(where, "has a recast_version that is no text", AGAIN))
    clips = pa.concat_tables([CLIPS.empty_table(), *(whole.clips[name] for name in sorted(whole.clips))])
    for name, column in (("clip", "clip_id"), ("key", "key")):
        counts = pc.value_counts(clips[column])  # in order of first appearance
        twice = counts.filter(pc.greater(counts.field("counts"), 1)).field("values")[:3].to_pylist()
        if twice:
            breaches.append(
                Breach(
                    f"{output}/manifest", f"{name} {', '.join(map(str, twice))} is there more than once", REDO
                )
            )
    sources = layout.sources_of(clips["key"])
    left = clips["key"].filter(pc.is_in(sources, pa.array(dataset.get("forgotten", []), pa.string())))
    if len(left):
        problem = f"says that {left[0].as_py()} and {len(left) - 1} more were forgotten"
        breaches.append(Breach(where, problem, AGAIN))
    if id_digest(clips["clip_id"].to_numpy()) != dataset["id_digest"]:
        planned = dataset["planned"]["clips"]
        breaches.append(
            Breach(
                where, f"{planned} clips were planned, not the {len(clips)} that the manifests hold", AGAIN
            )
        )
    entries = [whole.entries[name] for name in sorted(whole.entries)]
    breaches += chain.breaches(output, dataset["chain"], entries)
    for name, value in whole.total.account().items():
        if dataset[name] != value:
            breaches.append(
                Breach(where, f"states {name} {dataset[name]}, the shards add up to {value}", AGAIN)
            )
    return breaches


def show(output: str, dataset: dict[str, Any], proof: Proof, trusted: str, console: Console) -> None:
    """The counts, who signed, what the sample says, what was released on a reviewer's word, then every breach."""
    table = Table("", "clips", "frames", title=f"Dataset {output}", title_justify="left")
    for name in COUNTED:
        counts = dataset.get(name, {})
        table.add_row(name, str(counts.get("clips", "?")), str(counts.get("frames", "?")))
    console.print(table)
    console.print(dataset_signature.describe(dataset, trusted), highlight=False, soft_wrap=True)
    if proof.sampled:
        worst = bound(proof.doubted, proof.sampled, proof.released)
        text = (
            f"audited again: {proof.sampled} of {proof.released} released clips, {proof.doubted} with a breach; "
            f"with {CONFIDENCE:.0%} confidence at most {worst:.3%} of all have one that this would find"
        )
        console.print(text, highlight=False, soft_wrap=True)
    for key, step in proof.waived:
        text = f"waived {key}: {', '.join(step.waives)}, by {step.by}: {step.reason}"
        console.print(text, highlight=False, soft_wrap=True, markup=False)
    for breach in proof.breaches:
        console.print(
            f"[red]breach[/] {breach.where}: {breach.problem}. {breach.remedy}.",
            highlight=False,
            soft_wrap=True,
        )
    verdict = (
        f"[red]{len(proof.breaches)} breaches: this dataset must not be published[/]"
        if proof.breaches
        else "[green]verified[/]"
    )
    console.print(verdict)


def main(arguments: Namespace) -> int:
    """Verify, and say what was found."""
    output = arguments.output.rstrip("/")
    trusted = read_public_key(arguments.public_key) if arguments.public_key else ""
    dataset = read(output)
    others = other_settings(dataset, *options.read_settings(arguments)) if arguments.same_settings else []
    session.start()
    proof = verify(
        output,
        dataset,
        trusted,
        arguments.sample,
        arguments.seed or secrets.token_hex(8),
        arguments.least_revision,
    )
    proof.breaches.extend(others)
    show(output, dataset, proof, trusted, Console())
    return 1 if proof.breaches else 0


if __name__ == "__main__":
    parser = options.parser(__doc__)
    parser.add_argument("output", metavar="OUT", help="the dataset: a folder or an object store's prefix")
    parser.add_argument("--variant", choices=["structhuman", "structall"], help="instead of the policy's")
    parser.add_argument(
        "--same-settings",
        action="store_true",
        help="also demand that it was made with this profile, policy and overrides, and no others",
    )
    parser.add_argument(
        "--public-key", metavar="FILE", help="demand that it is signed by the owner of this Ed25519 key (PEM)"
    )
    parser.add_argument(
        "--sample",
        type=int,
        default=1,
        metavar="K",
        help="released clips per shard to decode and audit again; 0 for none (default: %(default)s)",
    )
    parser.add_argument(
        "--least-revision", type=int, default=0, metavar="N", help="refuse a dataset of an older revision"
    )
    parser.add_argument("--seed", default="", help="draws the same sample again (default: at random)")
    options.run(main, parser)
