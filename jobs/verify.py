"""Verify: proves a finished dataset from its own bytes. `python -m jobs.verify OUT`

Every planned clip is there exactly once, as released, quarantined or failed; every released clip is the one that
was certified and passed its gates; nothing else lies in the output. If it is signed, every certificate and dataset.json
are by one key, and --public-key says whose it must be. An evaluation in it is by that key, of this very dataset, and
keeps the bounds that the policy's `evidence` sets. A sample of clips is decoded and audited again. Exit status 0
if all of it holds, 1 if anything does not, 2 if there is no dataset to verify.
"""

import re
import secrets
from argparse import Namespace
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import ray
from rich.console import Console
from rich.table import Table
from rich.text import Text

from cluster import session
from cluster.ledger import completeness, dataset_signature, evaluated, strays
from cluster.ledger.checkpoint import LICENCE_NOTES
from cluster.ledger.completeness import Whole, in_order
from cluster.ledger.plans import Plan
from jobs import options
from operators import storage
from operators.release import head_form, json_form, layout, parquet_form, reader
from operators.release.accounts import COUNTED
from operators.release.attestation import sha256
from operators.release.checked import AGAIN, Checked, Demands, reading
from operators.release.shard_check import check_shard
from operators.release.signature import read_public_key
from operators.release.spot_check import CONFIDENCE, bound
from schemas.certificate import Step
from schemas.errors import UserError
from schemas.manifest import Breach
from schemas.policy import Policy
from schemas.profile import Profile


@dataclass(frozen=True)
class Proof:
    """Every breach; of `released` clips, `sampled` were audited again and `doubted` of those have a breach.

    `waived` are the keys of those that a reviewer accepted, with that step. `manifests` are the sha256 of the shards'
    by path: whoever reads them later knows by it whether they are those that were looked at.
    """

    breaches: list[Breach]
    released: int
    sampled: int
    doubted: int
    waived: list[tuple[str, Step]]
    manifests: dict[str, str] = field(default_factory=dict)


def read(output: str) -> dict[str, Any]:
    """OUT/dataset.json. Raises UserError if there is none, or one of which nothing can be said."""
    made = reader.require_dataset(output, "there is no dataset to verify")
    reader.require_sayable(output, made)
    return made


def policy_of(output: str, dataset: dict[str, Any]) -> Policy:
    """The policy that dataset.json carries whole. Raises UserError if it is none, as then nothing can be proved."""
    try:
        policy = Policy.model_validate(dataset["policy"]["settings"])
        policy.digest()  # of words that cannot be written down there is none
        return policy
    except (KeyError, TypeError, ValueError):
        where, problem = f"{output}/dataset.json", "carries no policy that this release understands"
        raise UserError(where, problem, "Verify it with the release that made it") from None


def other_settings(dataset: dict[str, Any], profile: Profile, policy: Policy) -> list[Breach]:
    """A breach for each of profile and policy that differs from what the dataset was made with."""
    return [
        Breach("dataset.json", f"names another {name} than {used.name}", "Give the settings of the run")
        for name, used in (("profile", profile), ("policy", policy))
        if (dataset[name]["name"], dataset[name]["digest"]) != (used.name, used.digest())
    ]


def verify(
    output: str,
    dataset: dict[str, Any],
    trusted: str = "",
    sample: int = 1,
    seed: str = "0",
    least_revision: int = 0,
    dataset_id: str = "",
) -> Proof:
    """Prove the dataset `output`, whose dataset.json is given.

    `trusted` is the public key (PEM) by which it must be signed, if not empty. `sample` clips of each shard, drawn by
    `seed`, are audited again. One older than `least_revision` is refused, and any but
    `dataset_id`, if one is named.
    """
    key, policy = trusted or dataset_signature.key_named(dataset)[0], policy_of(output, dataset)
    entries = storage.entries(output)
    found = (re.fullmatch(r"(?:manifest|stats)/([^/]+)\.\w+", path) for path in entries)
    shards, profile = sorted({match[1] for match in found if match}), dataset["profile"]["digest"]
    demands = Demands(policy, profile, key, bool(dataset.get("marker")), sample, seed)
    whole, own, manifests = Whole(), set[str](), dict[str, str]()
    for checked in _check_all(output, shards, demands):
        whole.add(checked)
        own.update(checked.files)
        manifests |= {
            path: stated["sha256"]
            for path, stated in checked.stats.get("files", {}).items()
            if path == layout.files_of(checked.name)["manifest"]
        }
    breaches, listed = dataset_signature.breaches(output, dataset, trusted)
    breaches += _head(output, dataset, policy, least_revision, dataset_id)
    breaches += in_order(whole.breaches)
    breaches += completeness.breaches(output, dataset, whole)
    unsound, files = evaluated.breaches(output, policy, key)
    breaches += unsound if dataset["state"] == "complete" else []
    breaches += strays.breaches(output, entries, own | files, listed, dataset["state"] == "running")
    released = whole.total.clips("released")
    return Proof(breaches, released, whole.sampled, whole.doubted, in_order(whole.waived), manifests)


def _head(
    output: str, dataset: dict[str, Any], policy: Policy, least_revision: int, dataset_id: str
) -> list[Breach]:
    """What is wrong with what dataset.json says of itself."""
    where, found = f"{output}/dataset.json", []
    revision = dataset.get("revision", 0)
    if type(revision) is not int or revision < least_revision:
        problem = f"is of revision {revision}, and {least_revision} at least is demanded"
        found.append(Breach(where, problem, "Get the newest, or ask who withdrew it"))
    if dataset_id and dataset.get("dataset_id") != dataset_id:
        problem = f"is dataset {dataset.get('dataset_id', 'without an id')}, and {dataset_id} is demanded"
        found.append(
            Breach(where, problem, "Get the one that was asked for: its owner has signed others, too")
        )
    if (policy.digest(), policy.variant) != (dataset["policy"]["digest"], dataset["variant"]):
        problem = "states another digest or variant than its policy has"
        found.append(Breach(where, problem, AGAIN))
    if said := sorted({*_says_more(dataset, policy), *head_form.unsayable(dataset)}):
        found.append(Breach(where, f"says what no dataset says: {', '.join(said)}", AGAIN))
    return found


def _says_more(dataset: dict[str, Any], policy: Policy) -> list[str]:
    """Fields that are not, or not only, what layout.FIELDS describes."""
    inner = {
        "profile": {"name", "digest"},
        "policy": {"name", "digest", "settings"},
        "signer": {"name", "fingerprint", "public_key"},
        "marker": {"name", "digest"},
    }
    said = set(dataset) - set(layout.FIELDS)
    said |= {name for name, due in inner.items() if dataset.get(name) and set(dataset[name]) != due}
    if json_form.written(dataset["policy"]["settings"]) != json_form.written(policy.model_dump(mode="json")):
        said.add("policy.settings")
    if dataset["policy"]["name"] != policy.name:
        said.add("policy.name")
    if dataset.get("licence_notes", LICENCE_NOTES) != LICENCE_NOTES:
        said.add("licence_notes")
    if not _is_part(dataset.get("partition", "1/1")):
        said.add("partition")
    return sorted(said)


def _is_part(partition: Any) -> bool:
    """Whether it is K/N as a plan writes it."""
    try:
        return Plan.of("", partition).partition == partition
    except (TypeError, UserError):
        return False


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
    with reading(checked, record):
        written = storage.read_bytes(output, record)
        checked.commit_sha256 = sha256(written)
        checked.files.append(record)
        due = parquet_form.commit_record(checked.clips["clip_id"])
        checked.demand(
            parquet_form.same(written, due), record, "says something else than which clips the shard has"
        )
    return checked


def show(output: str, dataset: dict[str, Any], proof: Proof, trusted: str, console: Console) -> None:
    """The counts, who signed, what the sample says, what was released on a reviewer's word, then every breach."""
    title = Text(options.plain(f"Dataset {output}"))
    table = Table("", "clips", "frames", title=title, title_justify="left")
    for name in COUNTED:
        counts = dataset.get(name, {})
        table.add_row(name, *(Text(options.plain(counts.get(unit, "?"))) for unit in ("clips", "frames")))
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
        console.print(Text(options.plain(text)), soft_wrap=True)
    for breach in proof.breaches:
        said = Text(options.plain(f"{breach.where}: {breach.problem}. {breach.remedy}."))
        console.print(Text.assemble(("breach ", "red"), said), soft_wrap=True)
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
        arguments.dataset_id,
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
    parser.add_argument(
        "--dataset-id", default="", metavar="ID", help="refuse any other dataset, whoever has signed it"
    )
    parser.add_argument("--seed", default="", help="draws the same sample again (default: at random)")
    options.run(main, parser)
